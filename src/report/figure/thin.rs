//! Long lines, thinned to what a figure can show: the lowest and the highest point of each column
//! of pixels.

use super::lines::Point;

/// Columns that are told apart.
const COLUMNS: usize = 300;

/// At most two points for each column, and both ends.
pub fn thinned(points: &[Point]) -> Vec<Point> {
    if points.len() <= 2 * COLUMNS + 2 {
        return points.to_vec();
    }
    let (first, last) = (points[0].x, points[points.len() - 1].x);
    let column = |point: &Point| {
        ((point.x - first) / (last - first).max(f64::MIN_POSITIVE) * COLUMNS as f64) as usize
    };
    let mut kept = vec![points[0]];
    for group in points[1..points.len() - 1].chunk_by(|one, other| column(one) == column(other)) {
        kept.extend(extremes(group));
    }
    kept.push(points[points.len() - 1]);
    kept
}

/// The lowest and the highest, in their order; one where they are the same.
fn extremes(group: &[Point]) -> impl Iterator<Item = Point> {
    let places = || 0..group.len();
    let low = places()
        .min_by(|one, other| group[*one].y.total_cmp(&group[*other].y))
        .unwrap_or(0);
    let high = places()
        .max_by(|one, other| group[*one].y.total_cmp(&group[*other].y))
        .unwrap_or(0);
    let (first, second) = (low.min(high), low.max(high));
    [Some(first), (second > first).then_some(second)]
        .into_iter()
        .flatten()
        .map(|place| group[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_and_ends_stay() {
        let point = |place: usize| Point {
            x: place as f64,
            y: if place == 5003 { 9.0 } else { 0.5 },
            spread: 0.0,
        };
        let points: Vec<Point> = (0..10_000).map(point).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 2 * COLUMNS + 2 && kept.iter().any(|point| point.y == 9.0));
        assert!(
            kept.windows(2).all(|pair| pair[0].x < pair[1].x) && kept[kept.len() - 1].x == 9999.0
        );
        assert_eq!(thinned(&points[..7]).len(), 7);
    }
}
