//! `median`: the middle of the clients' changes of each weight (Yin et al. 2018, option I), of an
//! even number the mean of the two in the middle. Samples do not count. The server holds the whole
//! cohort's updates. Changes that are not finite are the least or the largest: a minority
//! of them does not matter.
//!
//! ```
//! use fedmpi::aggregate::combine::{Each, make};
//! use fedmpi::ids::ClientId;
//! let each: Vec<Each> = [1.0, 2.0, 90.0]
//!     .into_iter()
//!     .zip(0..)
//!     .map(|(change, id)| Each {
//!         client: ClientId(id),
//!         samples: 1,
//!         start: None,
//!         weights: std::sync::Arc::new(vec![change]),
//!     })
//!     .collect();
//! let mut change = [0.0];
//! make(&"median".into())?
//!     .expect("sees each")
//!     .combine(&each, &mut change);
//! assert_eq!(change, [2.0]);
//! # Ok::<(), fedmpi::part::PartError>(())
//! ```

use super::{Combine, Each};

/// The middle value of each weight.
pub struct Median;

impl Combine for Median {
    fn combine(&self, each: &[Each], change: &mut [f64]) {
        let mut column = vec![0.0; each.len()];
        for (place, middle) in change.iter_mut().enumerate() {
            column
                .iter_mut()
                .zip(each)
                .for_each(|(value, update)| *value = update.change(place));
            column.sort_unstable_by(f64::total_cmp);
            *middle = (column[(each.len() - 1) / 2] + column[each.len() / 2]) / 2.0;
        }
    }
}
