//! Whose text is whose: by files, by lines, or by the roles of a play.

use crate::part::words;
use std::collections::BTreeMap;
use std::path::Path;

words! {
    /// Who owns a piece of text.
    pub Owners {
        /// The file.
        Files = "file";
        /// The line.
        Lines = "line";
        /// The role that speaks it.
        Roles = "role";
        /// Nobody.
        Nobody = "nobody";
    }
}

impl Owners {
    /// The text of each owner of a file, who is named after it.
    pub fn passages(self, path: &Path, text: &str) -> Vec<(String, String)> {
        let file = path.file_stem().unwrap_or_default().to_string_lossy();
        match self {
            Owners::Nobody | Owners::Files => vec![(file.into_owned(), text.to_owned())],
            Owners::Lines => {
                let lines = (1..)
                    .zip(text.lines())
                    .filter(|(_, line)| !line.trim().is_empty());
                lines
                    .map(|(number, line)| (format!("{file}:{number}"), line.to_owned()))
                    .collect()
            }
            Owners::Roles => speeches(text)
                .into_iter()
                .map(|(role, text)| (format!("{file}/{role}"), text))
                .collect(),
        }
    }
}

impl Owners {
    /// Where roles are sought: how many lines are `NAME: speech`, which belongs to no such role.
    /// A name in capitals is one, and what begins three lines or more.
    pub fn misread(self, text: &str) -> usize {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        if self == Owners::Roles {
            for name in text.lines().filter_map(named) {
                *counts.entry(name).or_default() += 1;
            }
        }
        counts
            .into_iter()
            .filter(|(name, count)| *count >= FEW || name.to_uppercase() == *name)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Fewer lines may begin like this by chance.
const FEW: usize = 3;

/// The name of a line that is `NAME: speech`.
fn named(line: &str) -> Option<&str> {
    let (name, said) = line.split_once(": ")?;
    let is_role = !said.trim().is_empty() && role(&line[..=name.len()]).is_some();
    is_role.then_some(name)
}

/// What each role says, in the order in which they first speak. A role is a line of its own,
/// `**NAME**` or `NAME:`. Headings and what stands between underscores is said by nobody.
fn speeches(text: &str) -> Vec<(String, String)> {
    let mut roles: Vec<(String, String)> = Vec::new();
    let mut speaks = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(name) = role(line) {
            let known = roles.iter().position(|(role, _)| role == name);
            speaks = known.or_else(|| {
                roles.push((name.to_owned(), String::new()));
                Some(roles.len() - 1)
            });
            continue;
        }
        let said = spoken(line);
        if let (Some(role), false) = (speaks, said.trim().is_empty()) {
            roles[role].1 += said.trim_start();
            roles[role].1.push('\n');
        }
    }
    roles
}

fn role(line: &str) -> Option<&str> {
    let starred = line
        .strip_prefix("**")
        .and_then(|rest| rest.strip_suffix("**"));
    let name = starred.or_else(|| line.strip_suffix(':'))?;
    let is_name =
        !name.is_empty() && name.len() <= 40 && !name.contains(['*', '.', ',', ';', '!', '?']);
    // A line of verse may end with a colon; a name begins with a capital and has few words.
    let few = name.split(' ').count() <= 3
        && name
            .split(' ')
            .all(|word| word.starts_with(char::is_uppercase));
    (is_name && (starred.is_some() || few)).then_some(name)
}

/// A line without what is between underscores; nothing of a heading.
fn spoken(line: &str) -> String {
    if line.starts_with('#') {
        return String::new();
    }
    line.split('_').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAY: &str = "# Hamlet\n\n_Enter two_\n\n**FRANCISCO**  \nNay, answer me: stand,  \n_\\[Aside]_ and unfold:\n\n\
        **BERNARDO**  \nHe.\n\n_Exit_\n\n**FRANCISCO**  \nYou come.\n";

    fn passages(owners: Owners, text: &str) -> Vec<(String, String)> {
        owners.passages(Path::new("plays/hamlet.md"), text)
    }

    #[test]
    fn roles_own_what_they_say() {
        let found = passages(Owners::Roles, PLAY);
        let francisco = "Nay, answer me: stand,\nand unfold:\nYou come.\n";
        let wanted = [
            ("hamlet/FRANCISCO", francisco),
            ("hamlet/BERNARDO", "He.\n"),
        ];
        assert_eq!(found, wanted.map(|(role, text)| (role.to_owned(), text.to_owned())));
        let plain = passages(Owners::Roles, "First Citizen:\nBefore we proceed:\nhear me.\n");
        assert_eq!(
            plain,
            [("hamlet/First Citizen".to_owned(), "Before we proceed:\nhear me.\n".to_owned())]
        );
    }

    #[test]
    fn names_with_speech_behind_them_are_counted() {
        let text = "HAM: To be.\nSir: nay.\nHORATIO:\nHail\nRomeo: a\nRomeo: b\nRomeo: c\n";
        assert_eq!((Owners::Roles.misread(text), Owners::Files.misread(text)), (4, 0));
    }

    #[test]
    fn files_and_lines_own_their_text() {
        assert_eq!(passages(Owners::Files, "a\nb"), [("hamlet".to_owned(), "a\nb".to_owned())]);
        let lines = passages(Owners::Lines, "a\n\nb\n");
        assert_eq!(
            lines,
            [
                ("hamlet:1".to_owned(), "a".to_owned()),
                ("hamlet:3".to_owned(), "b".to_owned())
            ]
        );
    }
}
