//! Tables of replaceable parts. A part is added by one line in its folder's table; help, errors,
//! `fedmpi list` and the law tests all walk the same tables.

/// One replaceable part: how it is called, what it is, how it is made.
#[derive(Clone, Copy, Debug)]
pub struct Entry<B> {
    /// The name users write.
    pub name: &'static str,
    /// One line for `fedmpi list`.
    pub about: &'static str,
    /// Makes the part (usually a function pointer).
    pub build: B,
}

/// A name that no table line bears.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("unknown {kind} `{name}` (hint: {hint})")]
pub struct Unknown {
    kind: &'static str,
    name: String,
    hint: String,
}

/// Looks a part up by name.
///
/// # Errors
/// Names the closest entry when one is close, and all entries otherwise.
pub fn find<'a, B>(kind: &'static str, table: &'a [Entry<B>], name: &str) -> Result<&'a Entry<B>, Unknown> {
    table.iter().find(|entry| entry.name == name).ok_or_else(|| Unknown {
        kind,
        name: name.to_owned(),
        hint: suggest(name, table.iter().map(|entry| entry.name)),
    })
}

/// `did you mean x?` for a near miss, else all the names.
pub fn suggest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let near = names.iter().map(|known| (strsim::levenshtein(name, known), known)).min();
    match near {
        Some((edits, known)) if edits <= 2 => format!("did you mean `{known}`?"),
        _ => format!("known: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Entry<u8>] =
        &[Entry { name: "sgd", about: "", build: 1 }, Entry { name: "adam", about: "", build: 2 }];

    #[test]
    fn near_misses_get_a_suggestion_and_others_the_list() {
        assert_eq!(find("optimizer", TABLE, "adam").expect("known").build, 2);
        let near = find("optimizer", TABLE, "adm").map(|entry| entry.build).expect_err("unknown");
        assert_eq!(near.to_string(), "unknown optimizer `adm` (hint: did you mean `adam`?)");
        let far = find("optimizer", TABLE, "rmsprop").map(|entry| entry.build).expect_err("unknown");
        assert_eq!(far.to_string(), "unknown optimizer `rmsprop` (hint: known: sgd, adam)");
    }
}
