//! Tables in text: how wide columns must be.

/// Signs of the longest cell of each column.
pub(super) fn widths<'a>(rows: impl IntoIterator<Item = &'a [String]>) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_cell_counts_in_signs() {
        let rows = [["a", "bcd"], ["ünf", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(widths(rows.iter().map(|row| &row[..])), [3, 3]);
        assert_eq!(widths([]), [0; 0]);
    }
}
