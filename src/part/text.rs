//! YAML that people write. A small text may nest so deep, or be so long, that its parser takes
//! minutes: that is refused before it is parsed.

use serde::de::DeserializeOwned;
use serde_yaml::Value;

/// Bytes of the longest text.
const LONGEST: usize = 1 << 20;
/// Brackets that may be open at once, and dashes or question marks that may begin a line.
const DEEPEST: usize = 64;

/// Reads YAML in time that is linear in its length.
///
/// # Errors
/// A text that is too long or nests too deep, with the line; what is not YAML or of another form.
pub fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {} kB", LONGEST / 1000));
    }
    match deep_line(text) {
        Some(line) => Err(format!("line {line}: it nests more than {DEEPEST} deep")),
        None => serde_yaml::from_str(text).map_err(|error| error.to_string()),
    }
}

/// A value as YAML has it, else the text itself.
pub fn guessed(text: &str) -> Value {
    yaml(text).unwrap_or_else(|_| Value::from(text))
}

/// The first line, from 1, on which more is nested than anybody writes. Brackets in words count
/// too: they close.
fn deep_line(text: &str) -> Option<usize> {
    let mut open = 0usize;
    for (number, line) in (1..).zip(text.lines()) {
        let begun = line
            .split_whitespace()
            .take_while(|word| ["-", "?"].contains(word))
            .count();
        if begun > DEEPEST {
            return Some(number);
        }
        for sign in line.bytes() {
            match sign {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > DEEPEST {
                return Some(number);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_yaml::Value;
    use std::time::{Duration, Instant};

    #[test]
    fn what_people_write_is_read() {
        let read = |text: &str| yaml::<Value>(text).expect("sound");
        assert_eq!(read("a: [1, {b: 2}]\nc:\n  - - d\n")["a"][1]["b"], Value::from(2));
        assert!(yaml::<Value>("a: [1").expect_err("torn").contains("line"));
    }

    #[test]
    fn what_unfolds_beyond_measure_is_refused_at_once() {
        let began = Instant::now();
        for (unit, count) in [
            ("[", 200_000),
            ("{a: ", 60_000),
            ("[?", 80_000),
            ("- ", 200_000),
            ("? ", 200_000),
        ] {
            let fault =
                yaml::<Value>(&format!("x: 1\n{}", unit.repeat(count))).expect_err("refused");
            assert_eq!(fault, "line 2: it nests more than 64 deep", "{unit}");
        }
        assert!(
            yaml::<Value>(&"# a\n".repeat(300_000))
                .expect_err("refused")
                .contains("longer")
        );
        // Nested by lines, as deep as a text of this length can be.
        let lines: String = (0..1400)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect();
        assert!(yaml::<Value>(&lines).is_err());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
