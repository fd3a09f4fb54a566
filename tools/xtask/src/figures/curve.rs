//! Disk space by the number of containers. What was computed is hollow and dashed.

use anyhow::Result;
use plotters::{
    chart::{ChartBuilder, ChartContext},
    coord::{cartesian::Cartesian2d, combinators::LogCoord},
    element::{Circle, EmptyElement, Rectangle, Text},
    prelude::{Color, IntoLogRange, RGBColor, SVGBackend},
    series::{DashedLineSeries, LineSeries},
};

use super::{
    paper::{self, COPY, GRID, INK, OVERLAY, Words, decades, letters},
    report::{Kind, Report, Row, digits, short},
};

const HEIGHT: u32 = 380;

type Point = (f64, f64);
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

pub(super) fn draw(report: &Report) -> Result<String> {
    let rows: Vec<&Row> = report.of(Kind::Disk).collect();
    let words = Words { title: "Disk space of containers beyond their image", description: &described(&rows) };
    paper::draw(HEIGHT, &words, |area| {
        let (_, most) = decades(rows.iter().map(|row| f64::from(row.containers)));
        let (least_bytes, most_bytes) = decades(rows.iter().flat_map(|row| [row.overlay, row.copy]));
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(30)
            .x_label_area_size(54)
            .y_label_area_size(68)
            .build_cartesian_2d((0.8..most * 1.25).log_scale(), (least_bytes..most_bytes).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(GRID.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(letters(&INK))
            .axis_desc_style(letters(&INK))
            .x_desc("containers")
            .x_label_formatter(&|count| digits(*count))
            .y_label_formatter(&|megabytes| short(*megabytes, "MB"))
            .draw()?;
        let points = |of: fn(&Row) -> f64| rows.iter().map(|row| (f64::from(row.containers), of(row))).collect();
        let (overlay, copy): (Vec<Point>, Vec<Point>) = (points(|row| row.overlay), points(|row| row.copy));
        let measured = rows.iter().take_while(|row| !row.computed).count();
        chart.draw_series(LineSeries::new(overlay.clone(), OVERLAY.stroke_width(2)))?;
        chart.draw_series(
            overlay.iter().map(|point| EmptyElement::at(*point) + Circle::new((0, 0), 5, OVERLAY.filled())),
        )?;
        chart.draw_series(LineSeries::new(copy[..measured].to_vec(), COPY.stroke_width(2)))?;
        let rest = copy[measured.saturating_sub(1)..].to_vec();
        chart.draw_series(DashedLineSeries::new(rest, 5, 5, COPY.stroke_width(2)))?;
        let square = |point: &Point, style| EmptyElement::at(*point) + Rectangle::new([(-5, -5), (5, 5)], style);
        chart.draw_series(copy[..measured].iter().map(|point| square(point, COPY.filled())))?;
        chart.draw_series(copy[measured..].iter().map(|point| square(point, COPY.stroke_width(2))))?;
        name(&mut chart, "overlay", overlay.last(), OVERLAY)?;
        name(&mut chart, "copy, measured", copy[..measured].last(), COPY)?;
        name(&mut chart, "copy, computed", copy[measured..].last(), COPY)
    })
}

/// Above the last point of a line, which rises.
fn name(chart: &mut Chart<'_, '_>, text: &str, point: Option<&Point>, colour: RGBColor) -> Result<()> {
    let Some(point) = point else { return Ok(()) };
    let place = (-7 * text.len() as i32 - 6, -24);
    chart.draw_series([EmptyElement::at(*point) + Text::new(text.to_owned(), place, letters(&colour))])?;
    Ok(())
}

fn described(rows: &[&Row]) -> String {
    let said = |row: &&Row| {
        let (overlay, copy) = (short(row.overlay, "MB"), short(row.copy, "MB"));
        let how = if row.computed { " (computed)" } else { "" };
        format!("{} containers: overlay {overlay}, copy {copy}{how}.", row.containers)
    };
    rows.iter().map(said).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::report::example;

    #[test]
    fn what_was_computed_is_hollow_and_dashed() {
        let svg = super::draw(&example()).expect("drawn");
        assert_eq!(svg.matches("<circle").count(), 3);
        let squares: Vec<&str> =
            svg.lines().filter(|line| line.starts_with("<rect") && line.contains("B04000")).collect();
        assert_eq!(squares.iter().filter(|line| line.contains("fill=\"none\"")).count(), 1, "{squares:?}");
        assert_eq!(squares.len(), 3, "{squares:?}");
        assert!(svg.contains("1000 containers: overlay 16.4 MB, copy 200 GB (computed).</desc>"), "{svg}");
        assert!(!svg.contains("NaN"));
    }
}
