//! Hosts in Slurm's form, such as `n[08-10,12]-ib,login`, where Slurm's own program is not at hand,
//! as in a container. (Crates for this form lose leading zeros: `hostlist_iter` always,
//! `hostlist-parser` in `[098-101]`.)

/// No allocation has more hosts: a few letters may stand for very many names.
const MOST_HOSTS: usize = 1 << 16;

/// The names, in Slurm's order: of several brackets in a name the last one counts fastest.
///
/// # Errors
/// What is wrong with it.
pub(super) fn hosts(list: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for pattern in split_outside_brackets(list) {
        let more = unfolded(pattern.trim())?;
        names.extend(more);
        within(names.len())?;
    }
    if names.is_empty() {
        Err("it names no host".to_owned())
    } else {
        Ok(names)
    }
}

fn within(count: usize) -> Result<(), String> {
    if count > MOST_HOSTS {
        Err(format!("it names more than {MOST_HOSTS} hosts"))
    } else {
        Ok(())
    }
}

/// The parts between commas; those within brackets do not divide.
fn split_outside_brackets(list: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    let parts = list.split(move |letter| {
        inside = letter == '[' || inside && letter != ']';
        letter == ',' && !inside
    });
    parts.filter(|part| !part.trim().is_empty())
}

/// All names that a pattern stands for.
fn unfolded(pattern: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = pattern.split_once('[') else {
        return Ok(vec![pattern.to_owned()]);
    };
    let (ranges, after) = rest
        .split_once(']')
        .ok_or_else(|| format!("`{pattern}` has a bracket that is left open"))?;
    let ends = unfolded(after)?;
    let mut names = Vec::new();
    for range in ranges.split(',') {
        for number in numbers(range)? {
            names.extend(ends.iter().map(|end| format!("{before}{number}{end}")));
            within(names.len())?;
        }
    }
    Ok(names)
}

/// The numbers of `7` or `08-10`, as wide as the first is written.
fn numbers(range: &str) -> Result<impl Iterator<Item = String>, String> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let fault = |_| format!("`{range}` is no number and no range");
    let from: u64 = first.parse().map_err(fault)?;
    let to: u64 = last.parse().map_err(fault)?;
    let width = first.len();
    if from > to {
        return Err(format!("`{range}` counts down"));
    }
    Ok((from..=to).map(move |number| format!("{number:0width$}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_zeros_and_their_order() {
        let found = |list: &str| hosts(list).expect(list).join(" ");
        assert_eq!(found("login"), "login");
        assert_eq!(found("n[098-101,7]-ib, login"), "n098-ib n099-ib n100-ib n101-ib n7-ib login");
        assert_eq!(found("r[1-2]n[01-02]"), "r1n01 r1n02 r2n01 r2n02");
    }

    #[test]
    fn lists_that_name_nobody_or_too_many_are_refused() {
        let faults = [
            ("", "no host"),
            (",,", "no host"),
            ("n[1-", "left open"),
            ("n[1-x]", "no range"),
            ("n[]", "no number"),
            ("n[9-1]", "down"),
            ("n[1-999999999]", "more than"),
            ("n[1-999][1-999][1-999]", "more than"),
        ];
        for (list, fault) in faults {
            assert!(hosts(list).expect_err(list).contains(fault), "{list}");
        }
    }
}
