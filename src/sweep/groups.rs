//! The ranks of one allocation, divided among members that train at the same time. Each group is a
//! job of its own, not a part of one MPI world: a member that fails, or loses a worker, ends alone.

use super::SweepError;
use crate::hosts::{HostFile, HostName};

/// The hosts of each of some groups of ranks: on one host where one has room for a whole group,
/// else on several.
///
/// # Errors
/// More ranks than slots.
pub fn divide(hosts: &HostFile, groups: usize, ranks: usize) -> Result<Vec<HostFile>, SweepError> {
    let mut free: Vec<(HostName, usize)> = hosts
        .hosts()
        .iter()
        .map(|(host, slots)| (host.clone(), slots.unwrap_or(1) as usize))
        .collect();
    let slots: usize = free.iter().map(|(_, slots)| slots).sum();
    let too_few = SweepError::Slots {
        groups,
        ranks,
        wanted: groups * ranks,
        slots,
    };
    let whole: usize = free.iter().map(|(_, slots)| slots / ranks).sum();
    let mut divided = Vec::new();
    for group in 0..groups {
        let taken = match group < whole {
            true => on_one(&mut free, ranks),
            false => on_several(&mut free, ranks),
        };
        match taken.and_then(|taken| HostFile::of(taken).ok()) {
            Some(group) => divided.push(group),
            None => return Err(too_few),
        }
    }
    Ok(divided)
}

type Taken = Vec<(HostName, Option<u32>)>;

fn on_one(free: &mut [(HostName, usize)], ranks: usize) -> Option<Taken> {
    let (host, slots) = free.iter_mut().find(|(_, slots)| *slots >= ranks)?;
    *slots -= ranks;
    Some(vec![(host.clone(), u32::try_from(ranks).ok())])
}

fn on_several(free: &mut [(HostName, usize)], ranks: usize) -> Option<Taken> {
    let (mut taken, mut left) = (Taken::new(), ranks);
    for (host, slots) in free.iter_mut().filter(|(_, slots)| *slots > 0) {
        let some = left.min(*slots);
        *slots -= some;
        left -= some;
        taken.push((host.clone(), u32::try_from(some).ok()));
        if left == 0 {
            return Some(taken);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(hosts: &str, groups: usize, ranks: usize) -> Result<Vec<String>, String> {
        let hosts = HostFile::parse(hosts).expect("hosts");
        let groups = divide(&hosts, groups, ranks).map_err(|error| error.to_string())?;
        Ok(groups.iter().map(HostFile::on_one_line).collect())
    }

    #[test]
    fn groups_stay_on_one_host_where_they_fit() {
        assert_eq!(divided("a:4\nb:4\n", 2, 3).expect("room"), ["a:3", "b:3"]);
        assert_eq!(divided("a:4\nb:2\n", 3, 2).expect("room"), ["a:2", "a:2", "b:2"]);
        assert_eq!(divided("a:4\nb:5\n", 3, 3).expect("room"), ["a:3", "b:3", "a:1,b:2"]);
        assert_eq!(divided("a\nb\nc\nd\n", 2, 2).expect("room"), ["a:1,b:1", "c:1,d:1"]);
    }

    #[test]
    fn too_few_slots_are_told() {
        let refused = divided("a:4\nb:4\n", 3, 3).expect_err("nine of eight");
        assert!(
            refused.contains("3 groups of 3 ranks need 9 slots, and the hosts have 8"),
            "{refused}"
        );
    }
}
