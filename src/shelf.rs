//! Large vectors that are used again: what a run needs every round is allocated once.

use std::sync::Arc;

/// Vectors of several lengths that may wait to be used again.
const SPARE: usize = 8;

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
        let free = self
            .known
            .iter_mut()
            .position(|vector| vector.len() == length && Arc::get_mut(vector).is_some());
        let mut vector = match free {
            Some(place) => self.known.swap_remove(place),
            None => Arc::new(vec![T::default(); length]),
        };
        fill(Arc::get_mut(&mut vector).expect("nobody else holds it"));
        self.known.push(Arc::clone(&vector));
        // Of other lengths only a few wait.
        if self.known.len() > SPARE {
            let idle =
                |vector: &mut Arc<Vec<T>>| vector.len() != length && Arc::get_mut(vector).is_some();
            let idle = self.known.iter_mut().position(idle);
            idle.map(|place| self.known.remove(place));
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_vectors_are_not_touched_and_few_wait() {
        let mut shelf = Shelf::default();
        let held = shelf.filled(2, |values| values.fill(1));
        let other = shelf.filled(2, |values| values.fill(2));
        assert_eq!((&held[..], &other[..]), (&[1, 1][..], &[2, 2][..]));
        drop((held, other));
        shelf.filled(2, |_| {});
        assert_eq!(shelf.known.len(), 2);
        (3..50).for_each(|length| assert_eq!(shelf.filled(length, |_| {}).len(), length));
        assert_eq!(shelf.known.len(), SPARE);
    }
}
