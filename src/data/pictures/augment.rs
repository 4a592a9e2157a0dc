//! What is done to pictures in training, and only there: a crop of a padded picture, a mirror
//! image, a hole. Each picture is drawn anew by (round, client, pass, sample), so that it is the
//! same on whichever rank it is trained on.
//!
//! In the order of FedML's CIFAR: the crop (He et al. 2016), the mirror image, then the hole
//! (DeVries and Taylor 2017), whose pixels become 0, the mean of standardised ones.

use crate::data::{Column, Numbers, Standard};
use crate::part;
use crate::part::{Param, Part, Range, Values};
use crate::seed::Stream;
use rand::Rng;
use serde::{Deserialize, Serialize};

part! {
    /// Settings of sets of pictures.
    pub Changes {
        crop: usize = "0", "PIXELS", Range::between(0.0, 64.0), "training pictures move by so many pixels at most; black comes in";
        flip: bool = "false", "", Range::ANY, "mirror every other training picture, by chance";
        cutout: usize = "0", "PIXELS", Range::between(0.0, 256.0), "a square of this side is blotted out of each training picture";
        normalise: bool = "true", "", Range::ANY, "by the set's own means and deviations; else values from 0 to 1";
    }
}

/// What is done to pictures in training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Augment {
    /// Pixels that a picture moves by at most.
    pub crop: usize,
    /// Whether every other picture is mirrored.
    pub flip: bool,
    /// The side of the square that is blotted out.
    pub cutout: usize,
    /// Whether values are standardised by the set's own figures.
    pub normalise: bool,
    /// What comes in where a picture is moved away, for all channels or each; where nothing is
    /// said, what the byte 0 becomes, and 0 among floats.
    #[serde(default)]
    pub background: Vec<f32>,
}

impl Part for Augment {
    const PARAMS: &'static [Param] = Changes::PARAMS;

    fn read(values: &Values) -> Augment {
        let Changes {
            crop,
            flip,
            cutout,
            normalise,
        } = Changes::read(values);
        Augment {
            crop,
            flip,
            cutout,
            normalise,
            background: Vec::new(),
        }
    }
}

impl Augment {
    /// The same with this in the background, a value from 0 to 1 before it is standardised.
    pub fn on(self, value: f32, standard: &Standard) -> Augment {
        let channels = standard.channels().iter();
        Augment {
            background: channels
                .map(|channel| (value - channel.mean) / channel.deviation)
                .collect(),
            ..self
        }
    }

    /// How bytes become values: by these means and deviations of each channel, or from 0 to 1.
    pub fn standard<const CHANNELS: usize>(
        &self,
        means: [f32; CHANNELS],
        deviations: [f32; CHANNELS],
    ) -> Standard {
        if self.normalise {
            Standard::each(means, deviations)
        } else {
            Standard::units()
        }
    }

    /// Of a set that is standardised by another setting, or in its files.
    pub fn without_figures(values: &Values) -> Augment {
        let [crop, cutout] = ["crop", "cutout"].map(|name| values.get(name));
        Augment {
            crop,
            flip: values.get("flip"),
            cutout,
            ..Augment::default()
        }
    }

    /// Whether training sees pictures as they are.
    pub fn is_none(&self) -> bool {
        self.crop == 0 && !self.flip && self.cutout == 0
    }
}

/// How one client's visit in one round looks at pictures.
pub struct Look {
    augment: Augment,
    // Keyed by (round, client); each picture has a stream of its own in it.
    stream: Stream,
    // Of a picture: channels, height, width.
    shape: [usize; 3],
    // What comes in where a picture is moved away, for each channel.
    black: Vec<f32>,
    // Which pass over the client's samples it is.
    pass: u64,
    // The first of the client's samples: a picture's stream depends on its place among them,
    // wherever they are held.
    first: u32,
}

impl Look {
    /// Of rows of this column and shape, numbered from `first`; none when they are seen as they
    /// are, or are no pictures.
    pub fn new(
        augment: &Augment,
        column: &Column,
        shape: &[usize],
        stream: Stream,
        first: u32,
    ) -> Option<Look> {
        let &[channels, height, width] = shape else { return None };
        let black = match column.numbers() {
            _ if !augment.background.is_empty() => augment.background.clone(),
            Numbers::Bytes(_, standard) => standard.black(),
            Numbers::Floats(_) | Numbers::Integers(_) => vec![0.0],
        };
        let look = Look {
            augment: augment.clone(),
            stream,
            shape: [channels, height, width],
            black,
            pass: 0,
            first,
        };
        (!augment.is_none() && channels * height * width > 0).then_some(look)
    }

    /// Goes on to the pass of this number over the client's samples.
    pub fn begin(&mut self, pass: usize) {
        self.pass = pass as u64;
    }

    /// Changes the rows of these samples as this pass sees them.
    pub fn apply(&self, samples: &[u32], rows: &mut [f32]) {
        let width = self.shape.iter().product();
        let mut before = vec![0.0; width];
        for (row, &sample) in rows.chunks_exact_mut(width).zip(samples) {
            let mut stream = self.stream.clone();
            stream.set_stream(self.pass << 32 | u64::from(sample - self.first));
            before.copy_from_slice(row);
            self.view(&before, row, &mut stream);
        }
    }

    /// One picture, from one place to another.
    fn view(&self, from: &[f32], to: &mut [f32], stream: &mut Stream) {
        let [_, height, width] = self.shape;
        let Augment {
            crop, flip, cutout, ..
        } = self.augment;
        let (down, right) = (stream.random_range(0..=2 * crop), stream.random_range(0..=2 * crop));
        let mirrored = flip && stream.random::<bool>();
        let (y, x) = (stream.random_range(0..height), stream.random_range(0..width));
        let planes = from
            .chunks_exact(height * width)
            .zip(to.chunks_exact_mut(height * width));
        for (channel, (from, to)) in planes.enumerate() {
            let black = self.black[channel.min(self.black.len() - 1)];
            for (row, line) in to.chunks_exact_mut(width).enumerate() {
                let origin = (row + down)
                    .checked_sub(crop)
                    .filter(|&origin| origin < height);
                let origin = origin.map(|origin| &from[origin * width..(origin + 1) * width]);
                shifted(origin, line, right as isize - crop as isize, black);
                if mirrored {
                    line.reverse();
                }
                if near(y, cutout, height).contains(&row) {
                    line[near(x, cutout, width)].fill(0.0);
                }
            }
        }
    }
}

/// A line whose values come from `by` places further right; black where there are none.
fn shifted(from: Option<&[f32]>, line: &mut [f32], by: isize, black: f32) {
    let width = line.len();
    let gap = by.unsigned_abs().min(width);
    let kept = width - gap;
    match from {
        None => line.fill(black),
        Some(from) if by >= 0 => {
            line[..kept].copy_from_slice(&from[gap..]);
            line[kept..].fill(black);
        }
        Some(from) => {
            line[gap..].copy_from_slice(&from[..kept]);
            line[..gap].fill(black);
        }
    }
}

/// The places of a stretch of this length around a middle, as far as there are places.
fn near(middle: usize, length: usize, places: usize) -> std::ops::Range<usize> {
    let from = middle.saturating_sub(length / 2);
    let to = (middle + length.div_ceil(2)).min(places);
    from..if length == 0 { from } else { to }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientId, Round};
    use crate::seed::{Purpose, Seed};

    const SHAPE: [usize; 3] = [2, 3, 3];

    fn look(augment: Augment) -> Option<Look> {
        let column = Column::new(
            Numbers::Bytes(vec![0; 18].into(), Standard::each([0.5, 0.25], [0.5, 0.25])),
            18,
        );
        Look::new(
            &augment,
            &column,
            &SHAPE,
            Seed(1).for_client(Purpose::Augment, Round(1), ClientId(2)),
            0,
        )
    }

    fn seen(augment: Augment, pass: usize, samples: &[u32]) -> Vec<f32> {
        let mut rows = (1..=18)
            .map(|value| value as f32)
            .collect::<Vec<_>>()
            .repeat(samples.len());
        let mut look = look(augment).expect("of pictures");
        look.begin(pass);
        look.apply(samples, &mut rows);
        rows
    }

    #[test]
    fn what_a_picture_becomes_depends_on_itself_and_on_the_pass_alone() {
        let all = Augment {
            crop: 1,
            flip: true,
            cutout: 1,
            ..Augment::default()
        };
        let together = seen(all.clone(), 3, &[7, 8, 9, 10]);
        assert_eq!(together[18..36], seen(all.clone(), 3, &[8]));
        let passes: Vec<Vec<f32>> = (0..8).map(|pass| seen(all.clone(), pass, &[8])).collect();
        assert!(passes.iter().any(|pass| pass != &passes[0]));
    }

    #[test]
    fn pictures_are_mirrored_about_half_the_time_and_all_colours_alike() {
        let rows = seen(
            Augment {
                flip: true,
                ..Augment::default()
            },
            0,
            &(0..200).collect::<Vec<_>>(),
        );
        let (mirrored, plain): (Vec<&[f32]>, Vec<&[f32]>) =
            rows.chunks(18).partition(|row| row[0] == 3.0);
        assert!((70..130).contains(&mirrored.len()), "{}", mirrored.len());
        assert!(plain.iter().all(|row| row[..4] == [1.0, 2.0, 3.0, 4.0]));
        assert!(
            mirrored
                .iter()
                .all(|row| row[..4] == [3.0, 2.0, 1.0, 6.0] && row[9..12] == [12.0, 11.0, 10.0])
        );
    }

    #[test]
    fn crops_move_pictures_and_black_comes_in() {
        let rows = seen(
            Augment {
                crop: 1,
                ..Augment::default()
            },
            0,
            &(0..100).collect::<Vec<_>>(),
        );
        // The middle of the first plane tells where the picture went: each of nine places.
        let middles: std::collections::BTreeSet<u32> =
            rows.chunks(18).map(|row| row[4] as u32).collect();
        assert_eq!(middles, (1..=9).collect());
        let moved = rows
            .chunks(18)
            .find(|row| row[4] == 1.0)
            .expect("among so many");
        assert_eq!(moved[..9], [-1.0, -1.0, -1.0, -1.0, 1.0, 2.0, -1.0, 4.0, 5.0]);
        assert_eq!(moved[9..13], [-1.0, -1.0, -1.0, -1.0]);
    }

    #[test]
    fn paper_comes_in_where_it_is_the_background() {
        let standard = Standard::each([0.5, 0.25], [0.5, 0.25]);
        let moved = Augment {
            crop: 1,
            ..Augment::default()
        };
        let rows = seen(moved.on(1.0, &standard), 0, &(0..100).collect::<Vec<_>>());
        let moved = rows
            .chunks(18)
            .find(|row| row[4] == 1.0)
            .expect("among so many");
        assert_eq!(moved[..9], [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 4.0, 5.0]);
        assert_eq!(moved[9..13], [3.0; 4]);
    }

    #[test]
    fn holes_are_as_large_as_the_border_lets_them() {
        let rows = seen(
            Augment {
                cutout: 2,
                ..Augment::default()
            },
            0,
            &(0..100).collect::<Vec<_>>(),
        );
        let holes: std::collections::BTreeSet<usize> = rows
            .chunks(18)
            .map(|row| row.iter().filter(|&&value| value == 0.0).count())
            .collect();
        assert_eq!(holes, [2, 4, 8].into());
    }

    #[test]
    fn what_is_no_picture_or_not_to_be_changed_is_seen_as_it_is() {
        assert!(look(Augment::default()).is_none());
        let column = Column::floats(vec![0.0; 4], 4);
        let stream = Seed(1).for_client(Purpose::Augment, Round(1), ClientId(2));
        assert!(
            Look::new(
                &Augment {
                    flip: true,
                    ..Augment::default()
                },
                &column,
                &[4],
                stream,
                0
            )
            .is_none()
        );
    }
}
