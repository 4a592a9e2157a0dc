//! How numbers are standardised: `(value - mean) / deviation`, of bytes `value / 255`. The figures are of what is trained on,
//! never of what is tested on. Images have a pair for each channel, rows one for each number.

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
pub const FORMS: &str = "`none`, `set` (by the training data), or MEAN/DEVIATION, several as 0.49+0.48/0.2+0.2";

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

    /// The figures for data of this kind. None where nothing is to be done.
    ///
    /// # Errors
    /// Figures of data that is not here; pairs that are not one or one a channel.
    pub fn figures(&self, train: Option<&Column>, facts: &Facts) -> Result<Option<Standard>, String> {
        let channels = facts.shape.first().copied().unwrap_or(1);
        match (self, train) {
            (Wanted::None, _) => Ok(None),
            (Wanted::Given(standard), _) => match standard.channels().len() {
                1 => Ok(Some(standard.clone())),
                found if found == channels => Ok(Some(standard.clone())),
                found => {
                    Err(format!("standardise has {found} means where data has {channels} channels (hint: {FORMS})"))
                }
            },
            (Wanted::Set, Some(train)) => Ok(measured(train, channels)),
            (Wanted::Set, None) => {
                Err("standardise=set needs the training data, which is not here (hint: standardise=none, or figures)"
                    .to_owned())
            }
        }
    }
}

/// `1+2/3+4`: means, then deviations.
fn given(text: &str) -> Option<Wanted> {
    let (means, deviations) = text.split_once('/')?;
    let numbers = |text: &str| -> Option<Vec<f32>> { text.split('+').map(|word| word.trim().parse().ok()).collect() };
    let (means, deviations) = (numbers(means)?, numbers(deviations)?);
    let sound = means.iter().all(|mean| mean.is_finite())
        && deviations.iter().all(|&deviation| deviation.is_finite() && deviation > 0.0);
    if !sound || means.len() != deviations.len() {
        return None;
    }
    let pairs = means.into_iter().zip(deviations);
    let channels = pairs.map(|(mean, deviation)| Channel { mean, deviation }).collect();
    Some(Wanted::Given(Standard::new(channels)))
}

/// Mean and deviation of each channel; none of tokens. What never changes has deviation 1. Sums are taken in the order of
/// rows, so the figures are the same everywhere.
fn measured(column: &Column, channels: usize) -> Option<Standard> {
    let scale = match column.numbers() {
        Numbers::Integers(_) => return None,
        Numbers::Bytes(..) => 1.0 / 255.0,
        Numbers::Floats(_) => 1.0,
    };
    let plane = column.width() / channels.max(1);
    let count = (column.len() * plane).max(1) as f64;
    let mut means = vec![0.0; channels];
    each(column, plane, |channel, value| means[channel] += value * scale);
    means.iter_mut().for_each(|sum| *sum /= count);
    let mut squares = vec![0.0; channels];
    each(column, plane, |channel, value| squares[channel] += (value * scale - means[channel]).powi(2));
    let pairs = means.iter().zip(&squares);
    let channels = pairs.map(|(&mean, &sum)| Channel { mean: mean as f32, deviation: deviation(sum / count) });
    Some(Standard::new(channels.collect()))
}

/// Walks all numbers with their channels.
fn each(column: &Column, plane: usize, mut visit: impl FnMut(usize, f64)) {
    let width = column.width().max(1);
    let mut visit = |place: usize, value: f64| visit(place % width / plane.max(1), value);
    match column.numbers() {
        Numbers::Floats(values) => values.iter().enumerate().for_each(|(place, &value)| visit(place, value.into())),
        Numbers::Bytes(values, _) => values.iter().enumerate().for_each(|(place, &value)| visit(place, value.into())),
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
        let standard = Wanted::Set.figures(Some(column), &Facts::classes(shape, 2)).expect("fits").expect("numbers");
        standard.channels().iter().map(|channel| (channel.mean, channel.deviation)).collect()
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
    fn figures_are_given_as_means_and_deviations() {
        let Ok(Wanted::Given(standard)) = Wanted::read("0.5+1/0.25+2") else { panic!("well-formed") };
        assert_eq!(standard.channels()[1], Channel { mean: 1.0, deviation: 2.0 });
        let two = Wanted::Given(standard);
        let fault = two.figures(None, &Facts::classes(&[3, 2, 2], 2)).expect_err("three channels");
        assert!(fault.contains("2 means where data has 3 channels"), "{fault}");
        for text in ["sett", "1/0", "1/nan", "1+2/1", "1"] {
            assert!(Wanted::read(text).expect_err("refused").contains("hint"), "{text}");
        }
        assert!(Wanted::Set.figures(None, &Facts::default()).expect_err("no data").contains("not here"));
    }
}
