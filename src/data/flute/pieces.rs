//! Words in pieces as BERT cuts them (Devlin et al. 2019): a text is split at blanks and at each
//! sign of punctuation, then each word into the longest pieces that a vocabulary has, those after
//! the first with `##` before them.
//!
//! Accents are taken off Latin letters alone: others keep theirs, and are unknown where the
//! vocabulary was made without them.

use std::collections::HashMap;

/// Longer words are unknown, as in BERT.
const LONGEST: usize = 100;

/// The tokens of a text behind what is there. `lower`: the vocabulary has small letters only.
pub fn extend(
    text: &str,
    pieces: &HashMap<String, u32>,
    unknown: u32,
    lower: bool,
    out: &mut Vec<u32>,
) {
    for word in basic(text, lower) {
        let before = out.len();
        if cut(&word, pieces, out).is_none() {
            out.truncate(before);
            out.push(unknown);
        }
    }
}

/// A word's pieces; none when some part of it is no piece.
fn cut(word: &str, pieces: &HashMap<String, u32>, out: &mut Vec<u32>) -> Option<()> {
    if word.chars().count() > LONGEST {
        return None;
    }
    let mut from = 0;
    while from < word.len() {
        let ends = word[from..]
            .char_indices()
            .map(|(at, sign)| from + at + sign.len_utf8());
        let ends: Vec<usize> = ends.collect();
        let (end, token) = ends.into_iter().rev().find_map(|end| {
            let part = &word[from..end];
            let token = match from {
                0 => pieces.get(part),
                _ => pieces.get(&format!("##{part}")),
            };
            token.map(|&token| (end, token))
        })?;
        out.push(token);
        from = end;
    }
    Some(())
}

/// A text in words and signs.
fn basic(text: &str, lower: bool) -> Vec<String> {
    let text = if lower {
        text.to_lowercase().chars().filter_map(plain).collect()
    } else {
        text.to_owned()
    };
    let mut words = vec![String::new()];
    for sign in text.chars() {
        if sign.is_whitespace() {
            words.push(String::new());
        } else if sign.is_control() || sign == '\u{fffd}' {
            continue;
        } else if stands_alone(sign) {
            words.extend([sign.to_string(), String::new()]);
        } else if let Some(word) = words.last_mut() {
            word.push(sign);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Signs of punctuation and Chinese characters are words of their own.
fn stands_alone(sign: char) -> bool {
    sign.is_ascii_punctuation() || ALONE.iter().any(|[from, to]| (*from..=*to).contains(&sign))
}

/// From where to where.
const ALONE: &[[char; 2]] = &[
    ['¡', '¡'],
    ['§', '§'],
    ['«', '«'],
    ['¶', '·'],
    ['»', '»'],
    ['¿', '¿'],
    ['‐', '‧'],
    ['‰', '⁃'],
    ['⁅', '⁑'],
    ['⁓', '⁞'],
    ['、', '〃'],
    ['〈', '】'],
    ['〔', '〟'],
    ['\u{3400}', '\u{4dbf}'],
    ['\u{4e00}', '\u{9fff}'],
    ['\u{f900}', '\u{faff}'],
    ['！', '＃'],
    ['％', '＊'],
    ['，', '／'],
    ['：', '；'],
    ['？', '＠'],
    ['\u{20000}', '\u{2ceaf}'],
];

/// A small letter without its accent; none where the sign is an accent.
fn plain(sign: char) -> Option<char> {
    if ('\u{300}'..='\u{36f}').contains(&sign) {
        return None;
    }
    let known = ACCENTED
        .iter()
        .find(|(_, accented)| accented.contains(sign));
    Some(known.map_or(sign, |&(letter, _)| letter))
}

const ACCENTED: &[(char, &str)] = &[
    ('a', "àáâãäåāăąǎạảấầẩẫậắằẳẵặ"),
    ('c', "çćĉċč"),
    ('d', "ď"),
    ('e', "èéêëēĕėęěẹẻẽếềểễệ"),
    ('g', "ĝğġģ"),
    ('h', "ĥ"),
    ('i', "ìíîïĩīĭįǐỉị"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľ"),
    ('n', "ñńņňǹ"),
    ('o', "òóôõöōŏőơǒọỏốồổỗộớờởỡợ"),
    ('r', "ŕŗř"),
    ('s', "śŝşšș"),
    ('t', "ţťț"),
    ('u', "ùúûüũūŭůűųưǔụủứừửữự"),
    ('w', "ŵ"),
    ('y', "ýÿŷỳỵỷỹ"),
    ('z', "źżž"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_in_the_longest_pieces_there_are() {
        let names = [
            "[UNK]", "un", "##aff", "##able", "##a", "the", "!", "caf", "##e", "The",
        ];
        let pieces = names
            .iter()
            .map(|name| (*name).to_owned())
            .zip(0..)
            .collect();
        let tokens = |text: &str, lower: bool| {
            let mut out = Vec::new();
            extend(text, &pieces, 0, lower, &mut out);
            out
        };
        assert_eq!(tokens("The unaffable!", true), [5, 1, 2, 3, 6]);
        assert_eq!(tokens("The the", false), [9, 5]);
        // A word of which a part is no piece is unknown as a whole.
        assert_eq!(tokens("unx\tthe", true), [0, 5]);
        assert_eq!(tokens("Café cafe\u{301}", true), [7, 8, 7, 8]);
        assert_eq!(tokens(&"a".repeat(101), true), [0]);
        assert_eq!(tokens("", true), [0; 0]);
    }

    #[test]
    fn punctuation_and_chinese_characters_stand_alone() {
        let words = basic("don't  say“hi”, 你好\u{0}", false);
        assert_eq!(words, ["don", "'", "t", "say", "“", "hi", "”", ",", "你", "好"]);
        assert_eq!(basic("ÉTÉ", true), ["ete"]);
    }
}
