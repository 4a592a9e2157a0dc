//! Files in the exact sets of keys that other systems ship, and files with a mistake of every kind.

mod async_fl;
mod fedml;
mod flute;

use self::async_fl::FIRST;
use self::fedml::PLAIN;
use self::flute::FLUTE;
use super::*;
use std::fs;

fn read(text: &str, data: &Path) -> Result<(Mapping, Translation), Findings> {
    let entries = Node::parse(text).expect("well-formed");
    translate(
        &entries,
        Around {
            file: Path::new("config/run.yaml"),
            data_dir: Some(data),
        },
    )
}

fn told(text: &str) -> Mapping {
    read(text, Path::new("nowhere"))
        .unwrap_or_else(|findings| panic!("{text}\n{findings}"))
        .0
}

fn refused(text: &str) -> String {
    let text = read(text, Path::new("nowhere"))
        .expect_err("refused")
        .to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether settings are said with these values, written in YAML.
fn has(settings: &Mapping, wanted: &str) {
    let wanted: Mapping = serde_yaml::from_str(wanted).expect("well-formed");
    for (name, value) in &wanted {
        assert_eq!(settings.get(name), Some(value), "{name:?}");
    }
}

/// The page of docs is made from the tables: `fedmpi config --keys SYSTEM`.
#[test]
fn the_documented_tables_are_those_in_force() {
    let page = fs::read_to_string("docs/fedml.md").expect("a page");
    for system in systems() {
        let table = keys(system).expect("known");
        assert!(
            page.contains(&table),
            "docs/fedml.md lacks what `fedmpi config --keys {system}` prints"
        );
    }
    assert_eq!(keys("nobody"), None);
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}", key in "[a-z_]{1,12}", value in ".{0,12}") {
        let files = [text, PLAIN.text() + &format!("  {key}: {value}\n"), FIRST.replace("MNIST", &value), FLUTE.replace("LR", &value)];
        for text in files {
            if let Ok(entries) = Node::parse(&text) {
                let around = Around { file: Path::new(""), data_dir: None };
                if let Err(findings) = translate(&entries, around) {
                    proptest::prop_assert!(findings.to_string().lines().all(|line| line.chars().count() <= 80));
                }
            }
        }
    }
}
