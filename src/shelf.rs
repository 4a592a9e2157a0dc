//! Large vectors that are used again: what a run needs every round is allocated once.

use std::sync::Arc;

/// Remembers the vectors that it hands out and hands them out again once nobody else holds them.
///
/// ```
/// use fedmpi::shelf::Shelf;
/// let mut shelf = Shelf::default();
/// let first = shelf.filled(3, |values| values.fill(1.5));
/// let place = first.as_ptr();
/// drop(first);
/// assert_eq!(shelf.filled(3, |values| values.fill(2.5)).as_ptr(), place);
/// ```
#[derive(Debug, Default)]
pub struct Shelf<T> {
    known: Vec<Arc<Vec<T>>>,
}

impl<T: Clone + Default> Shelf<T> {
    /// A vector of `length` values, filled by `fill`, which sees old values or defaults.
    pub fn filled(&mut self, length: usize, fill: impl FnOnce(&mut [T])) -> Arc<Vec<T>> {
        self.known.retain(|vector| vector.len() == length);
        let free = self.known.iter_mut().position(|vector| Arc::get_mut(vector).is_some());
        let mut vector = match free {
            Some(place) => self.known.swap_remove(place),
            None => Arc::new(vec![T::default(); length]),
        };
        fill(Arc::get_mut(&mut vector).expect("nobody else holds it"));
        self.known.push(Arc::clone(&vector));
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_vectors_are_not_touched_and_other_lengths_are_forgotten() {
        let mut shelf = Shelf::default();
        let held = shelf.filled(2, |values| values.fill(1));
        let other = shelf.filled(2, |values| values.fill(2));
        assert_eq!((&held[..], &other[..]), (&[1, 1][..], &[2, 2][..]));
        drop((held, other));
        shelf.filled(2, |_| {});
        assert_eq!(shelf.known.len(), 2);
        assert_eq!(shelf.filled(1, |_| {}).len(), 1);
        assert_eq!(shelf.known.len(), 1);
    }
}
