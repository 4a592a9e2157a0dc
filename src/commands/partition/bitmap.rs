//! Pictures of pixels: what plotters draws on, with letters of its own, so that no font must be installed.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use std::convert::Infallible;

/// The letters.
const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;

/// Red, green and blue of each pixel, row after row.
pub(super) struct Bitmap {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl Bitmap {
    /// A white one.
    pub(super) fn new((width, height): (u32, u32)) -> Bitmap {
        Bitmap { width, height, pixels: vec![255; 3 * width as usize * height as usize] }
    }

    /// As a PNG file has it.
    pub(super) fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(file)
    }

    /// Lets a colour shine through what is there, as far as it covers it. What is outside is not seen.
    fn blend(&mut self, (x, y): BackendCoord, color: BackendColor) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= self.width || y >= self.height {
            return;
        }
        let first = 3 * (y as usize * self.width as usize + x as usize);
        let (red, green, blue) = color.rgb;
        for (pixel, new) in self.pixels[first..first + 3].iter_mut().zip([red, green, blue]) {
            let mixed = f64::from(*pixel) * (1.0 - color.alpha) + f64::from(new) * color.alpha;
            *pixel = mixed.round() as u8;
        }
    }
}

/// Width and height of a line of text.
fn extent(text: &str) -> (i32, i32) {
    let width = text.chars().count() * get_raster_width(WEIGHT, HEIGHT);
    (width as i32, HEIGHT.val() as i32)
}

/// The dots of a line of text from its upper left corner on, and how far each is covered.
fn dots(text: &str) -> impl Iterator<Item = (i32, i32, u8)> {
    let wide = get_raster_width(WEIGHT, HEIGHT);
    let drawn = |letter| get_raster(letter, WEIGHT, HEIGHT).or_else(|| get_raster('?', WEIGHT, HEIGHT));
    let letters = text.chars().enumerate().filter_map(move |(place, letter)| Some((place * wide, drawn(letter)?)));
    letters.flat_map(|(start, letter)| {
        let rows = letter.rows().enumerate();
        let dots = rows.flat_map(move |(down, row)| {
            row.iter().enumerate().map(move |(along, covered)| ((start + along) as i32, down as i32, *covered))
        });
        dots.filter(|(.., covered)| *covered > 0).collect::<Vec<_>>()
    })
}

impl DrawingBackend for &mut Bitmap {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        self.blend(point, color);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let (width, height) = extent(text);
        let left = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Right => -width,
            HPos::Center => -width / 2,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let (color, turn) = (style.color(), style.transform());
        for (along, down, covered) in dots(text) {
            let (right, below) = turn.transform(left + along, top + down);
            let alpha = color.alpha * f64::from(covered) / 255.0;
            self.blend((x + right, y + below), BackendColor { alpha, ..color });
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        _: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let (width, height) = extent(text);
        Ok((width as u32, height as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::prelude::*;

    #[test]
    fn letters_and_shapes_come_back_from_the_file() {
        let mut bitmap = Bitmap::new((60, 40));
        {
            let area = (&mut bitmap).into_drawing_area();
            area.draw(&Rectangle::new([(0, 0), (9, 9)], BLUE.filled())).expect("room");
            area.draw(&Text::new("class \u{20ac}", (12, 20), ("sans-serif", 16))).expect("room");
        }
        let mut reader =
            png::Decoder::new(std::io::Cursor::new(bitmap.png().expect("plain"))).read_info().expect("a PNG");
        let mut pixels = vec![0; 60 * 40 * 3];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        assert_eq!((info.width, info.height, &pixels), (60, 40, &bitmap.pixels));
        assert_eq!(&pixels[..3], [0, 0, 255]);
        let ink =
            |rows: std::ops::Range<usize>| pixels[rows.start * 180..rows.end * 180].iter().any(|value| *value < 128);
        assert!(ink(20..36) && !ink(37..40));
    }
}
