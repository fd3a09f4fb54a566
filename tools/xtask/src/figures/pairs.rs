//! Times: a line for each thing that was timed, with the overlay's point and the copy's, whichever is first.

use anyhow::Result;
use plotters::prelude::{ChartBuilder, Circle, Color, EmptyElement, IntoLogRange, PathElement, Rectangle, Text};

use super::{
    paper::{self, COPY, GRID, INK, OVERLAY, Words, decades, letters},
    report::{Kind, Report, Row, short},
};

const ROW: u32 = 50;

pub(super) fn draw(report: &Report) -> Result<String> {
    let rows: Vec<&Row> = report.of(Kind::Time).collect();
    let words =
        Words { title: "How long containers take, on an overlay and on a copy", description: &described(&rows) };
    paper::draw(ROW * rows.len() as u32 + 90, &words, |area| {
        let (least, most) = decades(rows.iter().flat_map(|row| [row.overlay, row.copy]));
        let height = rows.len() as f64;
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .margin_top(34)
            .margin_left(24)
            .margin_right(24)
            .x_label_area_size(28)
            .build_cartesian_2d((least..most).log_scale(), height..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(GRID.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(letters(&INK))
            .x_label_formatter(&|time| short(*time, "ms"))
            .draw()?;
        for (position, row) in rows.iter().enumerate() {
            let (name, line) = (position as f64 + 0.12, position as f64 + 0.74);
            chart.draw_series([Text::new(row.what.clone(), (least * 1.05, name), letters(&INK))])?;
            chart.draw_series([PathElement::new(vec![(row.overlay, line), (row.copy, line)], INK.stroke_width(1))])?;
            chart.draw_series([EmptyElement::at((row.overlay, line)) + Circle::new((0, 0), 6, OVERLAY.filled())])?;
            chart.draw_series([
                EmptyElement::at((row.copy, line)) + Rectangle::new([(-5, -5), (5, 5)], COPY.filled())
            ])?;
        }
        legend(area)
    })
}

/// Above the drawing.
fn legend(area: &paper::Area<'_>) -> Result<()> {
    area.draw(&Circle::new((32, 18), 6, OVERLAY.filled()))?;
    area.draw(&Text::new("overlay", (44, 9), letters(&OVERLAY)))?;
    area.draw(&Rectangle::new([(125, 13), (135, 23)], COPY.filled()))?;
    Ok(area.draw(&Text::new("copy", (142, 9), letters(&COPY)))?)
}

fn described(rows: &[&Row]) -> String {
    let said = |row: &&Row| {
        let Row { what, unit, overlay, copy, .. } = *row;
        format!("{what}: overlay {}, copy {}.", short(*overlay, unit), short(*copy, unit))
    };
    rows.iter().map(said).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::report::example;

    #[test]
    fn every_time_has_its_two_points_and_words() {
        let svg = super::draw(&example()).expect("drawn");
        // Two in the legend, and the paper.
        assert_eq!((svg.matches("<circle").count(), svg.matches("<rect").count()), (3, 4));
        assert!(svg.contains("<title>How long"), "{svg}");
        assert!(
            svg.contains("start, warm: overlay 5.2 ms, copy 1.2 s. first write: overlay 300 ms, copy 2 ms.</desc>")
        );
        assert!(!svg.contains("NaN"));
    }
}
