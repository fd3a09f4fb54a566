//! What the drawings share: their paper, which is light in every theme, their two colours, and how they are told to those
//! who don't see them. Forms tell apart what colours do.

use anyhow::Result;
use plotters::{
    coord::Shift,
    prelude::{Color, DrawingArea, IntoDrawingArea, IntoFont, RGBColor, SVGBackend, TextStyle},
};

/// Small enough for a telephone to show its letters.
pub(super) const WIDTH: u32 = 420;

pub(super) const OVERLAY: RGBColor = RGBColor(0, 92, 145);
pub(super) const COPY: RGBColor = RGBColor(176, 64, 0);
pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
pub(super) const GRID: RGBColor = RGBColor(214, 212, 204);
const PAPER: RGBColor = RGBColor(250, 249, 245);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A drawing's name, and what it shows in words.
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

pub(super) fn draw(height: u32, words: &Words<'_>, draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&PAPER)?;
        draw(&area)?;
        area.present()?;
    }
    let Words { title, description } = words;
    let words = format!("<title>{}</title>\n<desc>{}</desc>\n", escaped(title), escaped(description));
    // Behind the element that holds all.
    let begin = svg.find("<rect").unwrap_or(svg.len());
    svg.insert_str(begin, &words);
    Ok(svg)
}

pub(super) fn letters(colour: &RGBColor) -> TextStyle<'static> {
    const SIZE: u32 = 17;
    ("sans-serif", SIZE).into_font().color(&colour.to_rgba())
}

/// The powers of ten around all of these.
pub(super) fn decades(figures: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (least, most) = (figures.clone().fold(f64::INFINITY, f64::min), figures.fold(0.0, f64::max));
    (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
