//! What a `--cf` file says, with the line of every key: YAML, of which JSON is a part. A key that
//! comes twice is kept twice, so that whoever reads the file can refuse it.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// Levels that a file may nest.
const DEEPEST: usize = 32;
/// Values that a file may come to; anchors that are repeated count each time.
const MOST: usize = 100_000;

/// A value of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A word, a number, a switch, or nothing.
    Value(Value),
    /// A list.
    List(Vec<Node>),
    /// Keys with their values.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// As it is written.
    pub key: String,
    /// Where it stands, from 1 up.
    pub line: usize,
    /// What it says.
    pub node: Node,
}

impl Node {
    /// Reads a text; an empty one has no keys.
    ///
    /// # Errors
    /// What is not YAML, with its line; what is too much; what has no keys.
    pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
        let mut reader = Reader {
            events: Parser::new_from_str(text),
            anchors: BTreeMap::new(),
            left: MOST,
        };
        let root = reader
            .root()
            .map_err(|fault| format!("{fault} (hint: the file must be YAML or JSON)"))?;
        match root {
            Node::Map(entries) => Ok(entries),
            Node::Value(Value::Null) => Ok(Vec::new()),
            _ => Err("not a list of `name: value` lines".to_owned()),
        }
    }

    /// The same without lines; of a key that comes twice the later one.
    pub fn value(&self) -> Value {
        match self {
            Node::Value(value) => value.clone(),
            Node::List(nodes) => Value::Sequence(nodes.iter().map(Node::value).collect()),
            Node::Map(entries) => Value::Mapping(mapping(entries)),
        }
    }

    /// Whether it says nothing: no value, or a section without keys.
    pub fn is_empty(&self) -> bool {
        match self {
            Node::Value(value) => value.is_null(),
            Node::Map(entries) => entries.is_empty(),
            Node::List(_) => false,
        }
    }
}

fn mapping(entries: &[Entry]) -> Mapping {
    let pairs = entries
        .iter()
        .map(|entry| (Value::from(entry.key.as_str()), entry.node.value()));
    pairs.collect()
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    left: usize,
}

impl<'a> Reader<'a> {
    /// The next event, and the line where it begins.
    fn next(&mut self) -> Result<(Event<'a>, usize), String> {
        match self.events.next() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, start.line())),
            Some(Err(fault)) => Err(format!("line {}: {}", fault.marker().line(), fault.info())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    /// The first document.
    fn root(&mut self) -> Result<Node, String> {
        loop {
            match self.next()? {
                (Event::Nothing | Event::StreamStart | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, _) => return Ok(Node::Value(Value::Null)),
                (event, line) => {
                    let root = self.node(event, line, 0)?;
                    return self.ended().map(|()| root);
                }
            }
        }
    }

    /// One file is one document.
    fn ended(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), line) => {
                    return Err(format!("line {line}: a second document begins"));
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, String> {
        if depth > DEEPEST {
            return Err(format!("line {line}: more than {DEEPEST} levels"));
        }
        self.count(1, line)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                match tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()) {
                    Some(tag) => (Node::Value(tagged(&text, &tag.suffix)), anchor),
                    None => (Node::Value(scalar(&text, style)), anchor),
                }
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => return self.repeated(anchor, line),
            _ => return Err(format!("line {line}: a value is missing")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Node, String> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node::List(nodes)),
                (event, line) => nodes.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, String> {
        let mut entries = Vec::new();
        loop {
            let (key, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Node::Map(entries)),
                (Event::Scalar(key, ..), line) => (key.into_owned(), line),
                (_, line) => return Err(format!("line {line}: a key is not a word")),
            };
            let (event, below) = self.next()?;
            entries.push(Entry {
                key,
                line,
                node: self.node(event, below, depth + 1)?,
            });
        }
    }

    fn repeated(&mut self, anchor: usize, line: usize) -> Result<Node, String> {
        let node = self
            .anchors
            .get(&anchor)
            .cloned()
            .ok_or(format!("line {line}: an anchor within itself"))?;
        self.count(size(&node), line)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), String> {
        let left = self.left.checked_sub(nodes);
        self.left =
            left.ok_or(format!("line {line}: the file comes to more than {MOST} values"))?;
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    let below: usize = match node {
        Node::Value(_) => 0,
        Node::List(nodes) => nodes.iter().map(size).sum(),
        Node::Map(entries) => entries.iter().map(|entry| size(&entry.node)).sum(),
    };
    1 + below
}

/// What a scalar says: without quotes a number, a switch or nothing, where it reads like one.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    let read = match style {
        ScalarStyle::Plain => serde_yaml::from_str(text).unwrap_or_default(),
        _ => Value::from(text),
    };
    match read {
        Value::Bool(_) | Value::Number(_) => read,
        Value::Null
            if ["", "~", "null", "Null", "NULL"].contains(&text) && style == ScalarStyle::Plain =>
        {
            read
        }
        _ => Value::from(text),
    }
}

/// A text with a tag of ours, such as a path that is no text.
fn tagged(text: &str, tag: &str) -> Value {
    Value::Tagged(Box::new(TaggedValue {
        tag: Tag::new(tag),
        value: Value::from(text),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        Value::Mapping(mapping(&Node::parse(text).expect(text)))
    }

    #[test]
    fn yaml_and_json_say_the_same_as_ever() {
        let texts = [
            "a: 1\nb: [1, x, 'true', 2.5]\nc: {d: true, e: ~}\nf:\n",
            "{\"a\": 1, \"b\": [], \"c\": {\"d\": \"x\"}}",
            "a: &x {b: 1e-3}\nc: *x\n",
            "text: |\n  two\n  lines\n",
            "",
            "# nothing\n",
        ];
        for text in texts {
            let wanted: Value = serde_yaml::from_str(text).expect(text);
            let wanted = if wanted.is_null() {
                Value::Mapping(Mapping::new())
            } else {
                wanted
            };
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn keys_have_lines_and_come_twice() {
        let entries = Node::parse("# head\na:\n  b: 1\n\n  b: 2\n").expect("well-formed");
        let Node::Map(inner) = &entries[0].node else { panic!("a section") };
        assert_eq!(entries[0].line, 2);
        assert_eq!(
            inner
                .iter()
                .map(|entry| (entry.key.as_str(), entry.line))
                .collect::<Vec<_>>(),
            [("b", 3), ("b", 5)]
        );
    }

    #[test]
    fn what_is_no_config_is_refused_with_its_line() {
        for (text, reason) in [
            ("a: [1\n", "line"),
            ("- 1\n- 2\n", "`name: value`"),
            ("a: 1\n---\nb: 1\n", "line 2: a second document"),
            ("[1]: 2\n", "a key is not a word"),
            (&format!("a: {}", "[".repeat(40) + &"]".repeat(40)), "levels"),
        ] {
            let fault = Node::parse(text).expect_err(text);
            assert!(fault.contains(reason), "{text}: {fault}");
        }
        let bomb: String = (1..9)
            .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")))
            .collect();
        let fault = Node::parse(&format!("a0: &a0 [1]\n{bomb}")).expect_err("too much");
        assert!(fault.contains("more than 100000 values"), "{fault}");
    }
}
