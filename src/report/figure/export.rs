//! Figures as files: SVG, PNG and PDF. All three come from one drawing, with letters that are in
//! the file or drawn.

use super::on_paper;
use resvg::tiny_skia::{Color, Pixmap, Transform};
use std::sync::{Arc, LazyLock};
use svg2pdf::usvg::{Options, Tree, fontdb};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// Lines, for pages and drawing programs.
    Svg,
    /// Pixels, 600 to the inch.
    Png,
    /// Lines, for papers; the letters are in it.
    Pdf,
}

/// Pixels of a PNG beside those of a screen, 96 to the inch.
const SCALE: f32 = 600.0 / 96.0;

impl Export {
    /// All of them.
    pub const ALL: [Export; 3] = [Export::Svg, Export::Png, Export::Pdf];

    /// The end of its files' names.
    pub fn end(self) -> &'static str {
        match self {
            Export::Svg => "svg",
            Export::Png => "png",
            Export::Pdf => "pdf",
        }
    }

    /// By the end of a name.
    pub fn named(end: &str) -> Option<Export> {
        Export::ALL
            .into_iter()
            .find(|kind| end.eq_ignore_ascii_case(kind.end()))
    }
}

/// The content of a file that shows a drawing in inks.
///
/// # Errors
/// A drawing that is none.
pub fn export(drawing: &str, kind: Export) -> Result<Vec<u8>, String> {
    let paper = on_paper(drawing);
    match kind {
        Export::Svg => Ok(on_white(&paper).into_bytes()),
        Export::Png => png(&tree(&paper)?),
        Export::Pdf => pdf(&tree(&paper)?),
    }
}

/// A picture that stands on white wherever it is shown, as on a dark page.
fn on_white(paper: &str) -> String {
    let begin = paper.find('>').map_or(0, |end| end + 1);
    let (head, rest) = paper.split_at(begin);
    format!("{head}\n<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>{rest}")
}

/// Letters that every machine has: they come with the program.
static LETTERS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut letters = fontdb::Database::new();
    letters.load_font_data(notosans::REGULAR_TTF.to_vec());
    letters.set_sans_serif_family("Noto Sans");
    Arc::new(letters)
});

fn tree(paper: &str) -> Result<Tree, String> {
    let options = Options {
        fontdb: LETTERS.clone(),
        ..Options::default()
    };
    Tree::from_str(paper, &options).map_err(|error| error.to_string())
}

fn png(tree: &Tree) -> Result<Vec<u8>, String> {
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .ok_or("it has no size")?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("it has no size")?;
    pixels.fill(Color::WHITE);
    let scale = Transform::from_scale(
        size.width() as f32 / tree.size().width(),
        size.height() as f32 / tree.size().height(),
    );
    resvg::render(tree, scale, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

fn pdf(tree: &Tree) -> Result<Vec<u8>, String> {
    let page = svg2pdf::PageOptions { dpi: 96.0 };
    svg2pdf::to_pdf(tree, svg2pdf::ConversionOptions::default(), page)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::{Axes, Line, Point, lines};

    #[test]
    fn one_drawing_becomes_three_kinds_of_files() {
        let points = [1.0, 2.0].map(|x| Point {
            x,
            y: x,
            spread: 0.0,
        });
        let drawing = lines(
            &Axes {
                x: "x",
                y: "y",
                holds: None,
            },
            &[Line {
                label: "line".into(),
                points: points.into(),
            }],
        );
        let content = |kind| export(&drawing, kind).expect("drawn");
        assert!(String::from_utf8_lossy(&content(Export::Svg)).contains("width=\"85mm\""));
        assert!(String::from_utf8_lossy(&content(Export::Svg)).contains(">\n<rect width=\"100%\""));
        let pdf = content(Export::Pdf);
        // The letters are in the file, and the page is a column wide: 85 mm are 241 points.
        assert!(pdf.starts_with(b"%PDF") && String::from_utf8_lossy(&pdf).contains("FontFile"));
        assert!(String::from_utf8_lossy(&pdf).contains("MediaBox [0 0 24"));
        let mut reader = png::Decoder::new(std::io::Cursor::new(content(Export::Png)))
            .read_info()
            .expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        assert!((2000..2015).contains(&info.width), "{}", info.width);
        let blue = pixels
            .chunks_exact(4)
            .filter(|pixel| pixel[2] > 150 && pixel[0] < 50)
            .count();
        assert!(blue > 1000, "{blue}");
        assert_eq!((Export::named("PNG"), Export::named("jpg")), (Some(Export::Png), None));
        assert!(export("<svg", Export::Png).is_err());
    }
}
