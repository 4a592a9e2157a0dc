//! Names that users write: found whatever their case, and a hint for those that are none.

use super::{Entry, PartError};

/// Looks a part up by its name or another name for it, whatever the case.
///
/// # Errors
/// Names the closest entry when one is close, and all entries otherwise.
pub fn find<'a, B>(
    kind: &'static str,
    table: &'a [Entry<B>],
    name: &str,
) -> Result<&'a Entry<B>, PartError> {
    let alike = |known: &str| known.eq_ignore_ascii_case(name);
    let found = table
        .iter()
        .find(|entry| alike(entry.name) || entry.aliases.iter().any(|known| alike(known)));
    found.ok_or_else(|| PartError::Unknown {
        kind,
        name: name.to_owned(),
        hint: suggest(name, table.iter().map(|entry| entry.name)),
    })
}

/// `did you mean x?` for a near miss, else all the names.
pub fn suggest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match near(name, &names) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known: {}", names.join(", ")),
    }
}

/// The name that a slip of two letters at most makes of this.
pub(super) fn near<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let edits = names
        .iter()
        .map(|known| (strsim::levenshtein(name, known), *known));
    match edits.min() {
        Some((0..=2, nearest)) => Some(nearest),
        _ => None,
    }
}
