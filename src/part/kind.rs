//! Kinds of parts: their tables, and how a choice among them is completed.

use super::value::named;
use super::{Choice, Entry, Param, PartError, Values, find, plain};
use serde_yaml::Mapping;

impl PartError {
    /// What is unknown in this mode may be known in another, whose parts these are.
    pub fn of_another_mode(self, kind: &dyn AnyKind, mode: &'static str) -> PartError {
        let PartError::Unknown { name, .. } = &self else { return self };
        match kind.described(name) {
            Ok(part) => PartError::OtherMode {
                kind: kind.about(),
                name: part.name,
                mode,
            },
            Err(_) => self,
        }
    }
}

/// All parts of a kind, and the setting that chooses among them.
#[derive(Clone, Copy, Debug)]
pub struct Kind<B: 'static> {
    /// The setting's name.
    pub setting: &'static str,
    /// What the kind is called in messages.
    pub about: &'static str,
    /// The parts.
    pub table: &'static [Entry<B>],
}

/// A part as far as it can be told about without being made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Described {
    /// See [`Entry`].
    pub name: &'static str,
    /// See [`Entry`].
    pub aliases: &'static [&'static str],
    /// See [`Entry`].
    pub about: &'static str,
    /// See [`Entry`].
    pub params: &'static [Param],
}

/// A kind whatever its parts are made to be: what help, lists and tests walk.
pub trait AnyKind: Sync {
    /// The setting that chooses among its parts.
    fn setting(&self) -> &'static str;

    /// What it is called in messages.
    fn about(&self) -> &'static str;

    /// Its parts.
    fn parts(&self) -> Vec<Described>;

    /// The part of a name.
    ///
    /// # Errors
    /// Names the closest part when one is close, and all parts otherwise.
    fn described(&self, name: &str) -> Result<Described, PartError>;

    /// The choice with the part's own name and all its settings, the defaults included.
    ///
    /// # Errors
    /// An unknown part, settings that it does not have, values of the wrong kind or out of range.
    fn complete(&self, choice: &Choice) -> Result<Choice, PartError>;
}

impl<B: Sync> AnyKind for Kind<B> {
    fn setting(&self) -> &'static str {
        self.setting
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn parts(&self) -> Vec<Described> {
        self.table.iter().map(described).collect()
    }

    fn described(&self, name: &str) -> Result<Described, PartError> {
        find(self.about, self.table, name).map(described)
    }

    fn complete(&self, choice: &Choice) -> Result<Choice, PartError> {
        let part = self.described(&choice.name)?;
        let mut values = Mapping::new();
        let mut said = named(self.about, &part, &choice.values)?;
        for param in part.params {
            let value = said.remove(param.name).unwrap_or_else(|| param.usual());
            let told = param.sound(&value).map_err(|wanted| PartError::Value {
                kind: self.about,
                part: part.name,
                name: param.name,
                value: plain(&value),
                wanted,
            })?;
            values.insert(param.name.into(), told);
        }
        Ok(Choice {
            name: part.name.to_owned(),
            values,
        })
    }
}

impl<B: Sync> Kind<B> {
    /// The entry of a choice, and its settings, ready to be made.
    ///
    /// # Errors
    /// As [`AnyKind::complete`].
    pub fn look_up(&self, choice: &Choice) -> Result<(&'static Entry<B>, Values), PartError> {
        let Choice { name, values } = self.complete(choice)?;
        Ok((find(self.about, self.table, &name)?, Values(values)))
    }
}

fn described<B>(entry: &Entry<B>) -> Described {
    let &Entry {
        name,
        aliases,
        about,
        params,
        ..
    } = entry;
    Described {
        name,
        aliases,
        about,
        params,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part;
    use crate::part::{Part, Range, words};
    use std::path::PathBuf;

    part! {
        /// A part for these tests.
        Sgd {
            lr: f64 = "0.03", "RATE", Range::POSITIVE, "learning rate";
            steps: u32 = "4", "STEPS", Range::COUNT, "steps";
            file: Option<PathBuf> = "", "FILE", Range::ANY, "a file";
        }
    }

    part! {
        /// A part with a list.
        Classes {
            classes: Vec<f64> = "[1, 2]", "SECONDS,...", Range::POSITIVE, "classes";
            often: bool = "false", "true|false", Range::ANY, "often";
        }
    }

    const OPTIMIZERS: Kind<u8> = Kind {
        setting: "client_optimizer",
        about: "optimizer",
        table: &[
            Entry::new("sgd", "", 1).with(Sgd::PARAMS).also(&["GD"]),
            Entry::new("adam", "", 2),
        ],
    };

    fn refused(text: &str) -> String {
        OPTIMIZERS
            .complete(&text.into())
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn near_misses_get_a_suggestion_and_others_the_list() {
        assert_eq!(refused("adm"), "unknown optimizer `adm` (hint: did you mean `adam`?)");
        assert_eq!(refused("rmsprop"), "unknown optimizer `rmsprop` (hint: known: sgd, adam)");
        assert_eq!(
            refused("sgd:lrr=1"),
            "optimizer `sgd` has no setting `lrr` (hint: did you mean `lr`?)"
        );
        assert_eq!(refused("adam:7"), "optimizer `adam` has no setting `7` (hint: it has none)");
    }

    #[test]
    fn names_places_cases_and_aliases_mean_the_same() {
        let wanted = OPTIMIZERS
            .complete(&"sgd:lr=0.5,steps=2".into())
            .expect("sound");
        for text in ["SGD:steps=2,lr=0.5", "gd:0.5,2", "Gd: 0.5, steps = 2"] {
            assert_eq!(OPTIMIZERS.complete(&text.into()), Ok(wanted.clone()), "{text}");
        }
        let (entry, values) = OPTIMIZERS.look_up(&wanted).expect("sound");
        assert_eq!(
            (entry.build, Sgd::read(&values)),
            (
                1,
                Sgd {
                    lr: 0.5,
                    steps: 2,
                    file: None
                }
            )
        );
        assert_eq!(wanted.to_string(), "sgd:lr=0.5,steps=2");
    }

    #[test]
    fn a_list_takes_all_numbers_without_a_name() {
        const KIND: Kind<()> = Kind {
            setting: "delay",
            about: "delay",
            table: &[Entry::new("classes", "", ()).with(Classes::PARAMS)],
        };
        let read = |choice: &Choice| {
            KIND.look_up(choice)
                .map(|(_, values)| Classes::read(&values))
        };
        let wanted = Classes {
            classes: vec![1.0, 2.5, 5.0],
            often: true,
        };
        for text in [
            "classes:1,2.5,5,often=true",
            "classes:classes=1,2.5,5,often=true",
        ] {
            assert_eq!(read(&text.into()).as_ref(), Ok(&wanted), "{text}");
        }
        let completed = KIND
            .complete(&"classes:1,2.5,5,often=true".into())
            .expect("sound");
        assert_eq!(
            read(&completed.to_string().as_str().into()).as_ref(),
            Ok(&wanted),
            "{completed}"
        );
        let flat = Choice {
            name: "classes".to_owned(),
            values: [("classes".into(), "1, 2.5,5".into())]
                .into_iter()
                .collect(),
        };
        assert_eq!(read(&flat).map(|classes| classes.classes), Ok(wanted.classes));
        assert_eq!(read(&"classes".into()).map(|classes| classes.classes), Ok(vec![1.0, 2.0]));
        let refused = read(&"classes:1,0".into())
            .expect_err("out of range")
            .to_string();
        assert!(
            refused.starts_with("--classes is 1,0: it must be one number or more, each above 0"),
            "{refused}"
        );
    }

    words! {
        /// Words for these tests.
        Side {
            Left = "left";
            Right = "right";
        }
    }

    part! {
        /// A part that goes to one side.
        Turn {
            side: Side = "left", "left|right", Range::ANY, "which";
        }
    }

    #[test]
    fn a_word_is_one_of_those_declared() {
        const KIND: Kind<()> = Kind {
            setting: "delay",
            about: "delay",
            table: &[Entry::new("turn", "", ()).with(Turn::PARAMS)],
        };
        let read = |text: &str| {
            KIND.look_up(&text.into())
                .map(|(_, values)| Turn::read(&values).side)
        };
        assert_eq!((read("turn"), read("turn:side=right")), (Ok(Side::Left), Ok(Side::Right)));
        let refused = |text| read(text).expect_err("no such side").to_string();
        assert_eq!(
            refused("turn:side=up"),
            "--side is up: it must be one of left, right (delay `turn`)"
        );
        assert!(
            refused("turn:side=lefft").contains("one of left, right; did you mean `left`? (delay")
        );
    }

    #[test]
    fn values_out_of_range_or_of_another_kind_name_the_part() {
        assert_eq!(refused("sgd:lr=0"), "--lr is 0: it must be a number above 0 (optimizer `sgd`)");
        assert_eq!(
            refused("sgd:lr=.nan"),
            "--lr is .nan: it must be a number above 0 (optimizer `sgd`)"
        );
        assert!(refused("sgd:steps=2.5").contains("a whole number from 1 to 4294967295"));
        assert!(refused("sgd:lr=many").starts_with("--lr is many"));
    }
}
