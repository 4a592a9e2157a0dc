//! What different values columns hold: the names of classes and categories, in one order everywhere.

use super::table::Cells;

/// All that cells hold, without what is missing: numbers by size, words by letters.
pub fn distinct(columns: &[&Cells]) -> Vec<String> {
    match columns.iter().map(|cells| numbers(cells)).collect() {
        Some(numbers) => distinct_numbers(numbers),
        None => distinct_words(columns),
    }
}

fn numbers(cells: &Cells) -> Option<&Vec<f64>> {
    match cells {
        Cells::Numbers(numbers) => Some(numbers),
        Cells::Words(_) => None,
    }
}

fn distinct_numbers(columns: Vec<&Vec<f64>>) -> Vec<String> {
    let all = columns.into_iter().flatten().copied();
    let mut known: Vec<f64> = all.filter(|number| !number.is_nan()).collect();
    known.sort_unstable_by(f64::total_cmp);
    known.dedup();
    known.iter().map(f64::to_string).collect()
}

fn distinct_words(columns: &[&Cells]) -> Vec<String> {
    let mut words: Vec<String> = columns
        .iter()
        .flat_map(|cells| cells.words().groups())
        .map(|(word, _)| word)
        .collect();
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_of_their_size_and_words_of_their_letters() {
        let numbers = Cells::Numbers(vec![10.0, 9.0, f64::NAN, 10.0]);
        let words = Cells::Words(["b", "", "a", "b"].iter().collect());
        assert_eq!(distinct(&[&numbers, &numbers]), ["9", "10"]);
        assert_eq!(distinct(&[&words]), ["a", "b"]);
        // Where some are words, numbers are words too.
        assert_eq!(distinct(&[&words, &numbers]), ["10", "9", "a", "b"]);
    }
}
