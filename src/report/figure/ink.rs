//! Inks: what figures are drawn in, and which colours they become.
//!
//! A drawing says `#0100NN` for the line NN and `#0200NN` for everything else, so that one drawing
//! can be shown on white paper and on a dark screen.

use plotters::style::RGBColor;

/// Colours that the colour-blind can tell apart (Okabe and Ito), without the yellow, which is pale
/// on white.
const COLOURS: [&str; 7] = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000",
];
/// Dashes tell lines apart without any colour. In tenths of a point.
const DASHES: [&str; 7] = [
    "none",
    "60 20",
    "20 20",
    "90 25 20 25",
    "35 15",
    "90 20 20 20 20 20",
    "120 40",
];
/// Lines of which each looks different.
pub const MOST: usize = COLOURS.len() * DASHES.len();

/// Letters and axes.
pub const TEXT: RGBColor = RGBColor(2, 0, 0);
/// What is behind the lines.
pub const GRID: RGBColor = RGBColor(2, 0, 1);

/// The ink of a line.
pub fn line(place: usize) -> RGBColor {
    RGBColor(1, 0, (place % MOST) as u8)
}

/// What a line looks like: its colour and its dashes. The second seven have the colours again, in
/// other dashes.
fn look(place: usize) -> (usize, usize) {
    (place % COLOURS.len(), (place + place / COLOURS.len()) % DASHES.len())
}

/// A drawing for print: a picture of its own, of its size in millimetres.
pub fn on_paper(drawing: &str) -> String {
    painted(drawing, |place| COLOURS[look(place).0].to_owned(), ["#000000", "#DDDDDD"])
}

/// A drawing within a page, in the colours of the page.
pub fn on_page(drawing: &str) -> String {
    painted(
        drawing,
        |place| format!("var(--line-{})", look(place).0),
        ["currentColor", "var(--grid)"],
    )
}

/// Puts colours in the place of inks.
fn painted(drawing: &str, colour: impl Fn(usize) -> String, others: [&str; 2]) -> String {
    let mut painted = String::with_capacity(drawing.len());
    let mut rest = drawing;
    while let Some(at) = rest.find("\"#0") {
        let (before, ink) = rest.split_at(at);
        painted += before;
        let (kind, place) = (
            ink.get(2..6),
            ink.get(6..8)
                .and_then(|digits| usize::from_str_radix(digits, 16).ok()),
        );
        match (kind, place) {
            (Some("0100"), Some(place)) => {
                painted += &format!("\"{}\"", colour(place));
                let dashes = DASHES[look(place).1];
                if before.ends_with("stroke=") && dashes != "none" {
                    painted += &format!(" stroke-dasharray=\"{dashes}\"");
                }
            }
            (_, Some(place)) => painted += &format!("\"{}\"", others[place.min(1)]),
            // No ink of ours.
            _ => painted += &ink[..9.min(ink.len())],
        }
        rest = &ink[9.min(ink.len())..];
    }
    painted + rest
}

/// The colours of pages, on white and on black, as CSS.
pub const STYLE: &str = "\
:root { --grid: #ddd; --line-0: #0072B2; --line-1: #D55E00; --line-2: #009E73; --line-3: #CC79A7; --line-4: #56B4E9; \
--line-5: #E69F00; --line-6: #000; }
@media screen and (prefers-color-scheme: dark) { :root { --grid: #3a3f47; --line-0: #4FA8E0; --line-1: #F0803C; \
--line-2: #2FC79B; --line-3: #E39AC4; --line-4: #8FD0F5; --line-5: #F2B94B; --line-6: #eee; } }
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn lines_look_different_by_colour_or_dashes() {
        let looks: BTreeSet<(usize, usize)> = (0..MOST).map(look).collect();
        assert_eq!(looks.len(), MOST);
        let first: BTreeSet<usize> = (0..7).map(|place| look(place).1).collect();
        assert_eq!(first.len(), 7);
    }

    #[test]
    fn inks_become_colours() {
        let drawing =
            r##"<a stroke="#010001" fill="#010000"/><b fill="#020000" stroke="#020001"/>"##;
        let paper = on_paper(drawing);
        let wanted = r##"<a stroke="#D55E00" stroke-dasharray="60 20" fill="#0072B2"/><b fill="#000000" stroke="#DDDDDD"/>"##;
        assert_eq!(paper, wanted);
        assert!(
            on_page(drawing).contains("var(--line-1)") && on_page(drawing).contains("currentColor")
        );
    }
}
