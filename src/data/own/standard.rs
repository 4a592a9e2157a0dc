//! How numbers are standardised: `(value - mean) / deviation`, of bytes `value / 255`. The figures
//! are of what is trained on, never of what is tested on. Images have a pair for each channel, rows
//! one for each number.

use crate::data::{Channel, Column, Numbers, Standard};
use crate::task::Facts;

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Numbers stay as they are; bytes are from 0 to 1.
    None,
    /// The figures of the training data.
    Set,
    /// These, one pair or a pair for each channel.
    Given(Standard),
}

/// What users may write.
pub const FORMS: &str =
    "`none`, `set` (by the training data), or MEAN/DEVIATION, several as 0.49+0.48/0.2+0.2";

impl Wanted {
    /// What a user wrote.
    ///
    /// # Errors
    /// A text of another form, or a deviation that is not above 0.
    pub fn read(text: &str) -> Result<Wanted, String> {
        match text {
            "none" => Ok(Wanted::None),
            "set" => Ok(Wanted::Set),
            figures => given(figures).ok_or(format!("standardise is `{text}` (hint: {FORMS})")),
        }
    }

    /// The figures for data of this kind, where only some of its numbers may be measured. None
    /// where nothing is to be done.
    ///
    /// # Errors
    /// Figures of data that is not here; pairs that are not one or one a channel.
    pub fn figures(
        &self,
        train: Option<&Column>,
        facts: &Facts,
        which: &[bool],
    ) -> Result<Option<Standard>, String> {
        let channels = facts.shape.first().copied().unwrap_or(1);
        match (self, train) {
            (Wanted::None, _) => Ok(None),
            (Wanted::Given(standard), _) => {
                let found = standard.channels().len();
                if found != 1 && found != channels {
                    return Err(format!(
                        "standardise has {found} means where data has {channels} channels \
                         (hint: {FORMS})"
                    ));
                }
                Ok(Some(standard.clone()))
            }
            (Wanted::Set, Some(train)) => {
                let figures = measured(train, channels);
                Ok(figures.map(|figures| only(figures, which)))
            }
            (Wanted::Set, None) => Err("standardise=set needs the training data, \
                                        which is not here (hint: standardise=none, or figures)"
                .to_owned()),
        }
    }
}

/// `1+2/3+4`: means, then deviations.
fn given(text: &str) -> Option<Wanted> {
    let (means, deviations) = text.split_once('/')?;
    let (means, deviations) = (numbers(means)?, numbers(deviations)?);
    if means.len() != deviations.len() {
        return None;
    }
    let mut channels = Vec::new();
    for (mean, deviation) in means.into_iter().zip(deviations) {
        if !mean.is_finite() || !deviation.is_finite() || deviation <= 0.0 {
            return None;
        }
        channels.push(Channel { mean, deviation });
    }
    Some(Wanted::Given(Standard::new(channels)))
}

/// Numbers with `+` between them.
fn numbers(text: &str) -> Option<Vec<f32>> {
    let words = text.split('+');
    words.map(|word| word.trim().parse().ok()).collect()
}

/// Mean and deviation of each channel, of what is not missing; none of tokens. What never changes
/// has deviation 1. Sums are taken in the order of rows, so the figures are the same everywhere.
fn measured(column: &Column, channels: usize) -> Option<Vec<Channel>> {
    let scale = match column.numbers() {
        Numbers::Integers(_) => return None,
        Numbers::Bytes(..) => 1.0 / 255.0,
        Numbers::Floats(_) => 1.0,
    };
    let plane = column.width() / channels.max(1);
    let mut counts = vec![0.0; channels];
    let mut means = vec![0.0; channels];
    each(column, plane, |channel, value| {
        counts[channel] += 1.0;
        means[channel] += value * scale;
    });
    for (sum, count) in means.iter_mut().zip(&counts) {
        *sum /= f64::max(*count, 1.0);
    }
    let mut squares = vec![0.0; channels];
    each(column, plane, |channel, value| {
        squares[channel] += (value * scale - means[channel]).powi(2)
    });
    let mut figures = Vec::with_capacity(channels);
    for channel in 0..channels {
        let variance = squares[channel] / f64::max(counts[channel], 1.0);
        figures.push(Channel {
            mean: means[channel] as f32,
            deviation: deviation(variance),
        });
    }
    Some(figures)
}

/// The figures of some channels; the others stay as they are.
fn only(mut figures: Vec<Channel>, which: &[bool]) -> Standard {
    for (channel, is_measured) in figures.iter_mut().zip(which) {
        if !is_measured {
            *channel = Channel {
                mean: 0.0,
                deviation: 1.0,
            };
        }
    }
    Standard::new(figures)
}

/// The means of the training data, where any of these columns has numbers that are missing; where
/// they are `wanted`, also without, if the data is here.
///
/// # Errors
/// The training data is not here.
pub fn gaps(
    columns: &[&Column],
    train: Option<&Column>,
    wanted: bool,
) -> Result<Option<Vec<f32>>, String> {
    let has_gaps = columns.iter().any(|column| has_gaps(column));
    if !has_gaps && (!wanted || train.is_none()) {
        return Ok(None);
    }
    let train = train.ok_or(
        "missing=mean needs the training data, which is not here (hint: missing=zero or drop)",
    )?;
    let figures = measured(train, train.width()).unwrap_or_default();
    Ok(Some(figures.iter().map(|channel| channel.mean).collect()))
}

fn has_gaps(column: &Column) -> bool {
    let Numbers::Floats(values) = column.numbers() else { return false };
    values.iter().any(|value| value.is_nan())
}

/// A column of floats whose missing numbers are means.
pub fn filled(column: &Column, means: &[f32]) -> Column {
    let Numbers::Floats(values) = column.numbers() else { return column.clone() };
    let mut known = values.to_vec();
    for (place, value) in known.iter_mut().enumerate() {
        if value.is_nan() {
            *value = means[place % means.len()];
        }
    }
    Column::floats(known, column.width())
}

/// Walks all numbers with their channels.
fn each(column: &Column, plane: usize, mut visit: impl FnMut(usize, f64)) {
    let width = column.width().max(1);
    let mut visit = |place: usize, value: f64| {
        if !value.is_nan() {
            visit(place % width / plane.max(1), value);
        }
    };
    match column.numbers() {
        Numbers::Floats(values) => values
            .iter()
            .enumerate()
            .for_each(|(place, &value)| visit(place, value.into())),
        Numbers::Bytes(values, _) => values
            .iter()
            .enumerate()
            .for_each(|(place, &value)| visit(place, value.into())),
        Numbers::Integers(_) => {}
    }
}

fn deviation(variance: f64) -> f32 {
    let deviation = variance.sqrt() as f32;
    if deviation > 1e-12 { deviation } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(column: &Column, shape: &[usize]) -> Vec<(f32, f32)> {
        let standard = Wanted::Set
            .figures(Some(column), &Facts::classes(shape, 2), &[])
            .expect("fits")
            .expect("numbers");
        standard
            .channels()
            .iter()
            .map(|channel| (channel.mean, channel.deviation))
            .collect()
    }

    #[test]
    fn rows_have_figures_for_each_number_and_images_for_each_channel() {
        let column = Column::floats(vec![1.0, 5.0, 3.0, 5.0], 2);
        assert_eq!(figures(&column, &[2]), [(2.0, 1.0), (5.0, 1.0)]);
        assert_eq!(figures(&column, &[1, 1, 2]), [(3.5, 2.75f32.sqrt())]);
        let bytes = Column::new(Numbers::Bytes(vec![0, 255].into(), Standard::units()), 1);
        assert_eq!(figures(&bytes, &[1]), [(0.5, 0.5)]);
    }

    #[test]
    fn what_is_missing_becomes_the_mean_and_ones_stay_ones() {
        let (train, test) = (
            Column::floats(vec![1.0, 1.0, f32::NAN, 0.0, 3.0, 1.0], 2),
            Column::floats(vec![f32::NAN, 0.0], 2),
        );
        let means = gaps(&[&train, &test], Some(&train), false)
            .expect("here")
            .expect("gaps");
        assert_eq!(filled(&train, &means), Column::floats(vec![1.0, 1.0, 2.0, 0.0, 3.0, 1.0], 2));
        assert_eq!(filled(&test, &means), Column::floats(vec![2.0, 0.0], 2));
        assert!(
            gaps(&[&train], None, false)
                .expect_err("not here")
                .contains("missing=zero")
        );
        let figures = Wanted::Set.figures(Some(&train), &Facts::classes(&[2], 2), &[true, false]);
        let figures = figures.expect("fits").expect("numbers");
        assert_eq!(
            figures.channels()[1],
            Channel {
                mean: 0.0,
                deviation: 1.0
            }
        );
    }

    #[test]
    fn figures_are_given_as_means_and_deviations() {
        let Ok(Wanted::Given(standard)) = Wanted::read("0.5+1/0.25+2") else {
            panic!("well-formed")
        };
        assert_eq!(
            standard.channels()[1],
            Channel {
                mean: 1.0,
                deviation: 2.0
            }
        );
        let two = Wanted::Given(standard);
        let fault = two
            .figures(None, &Facts::classes(&[3, 2, 2], 2), &[])
            .expect_err("three channels");
        assert!(fault.contains("2 means where data has 3 channels"), "{fault}");
        for text in ["sett", "1/0", "1/nan", "1+2/1", "1"] {
            assert!(Wanted::read(text).expect_err("refused").contains("hint"), "{text}");
        }
        assert!(
            Wanted::Set
                .figures(None, &Facts::default(), &[])
                .expect_err("no data")
                .contains("not here")
        );
    }
}
