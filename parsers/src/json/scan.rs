//! Where values end in JSON text that may go on: enough to cut a list of any length into its elements. Whether the
//! elements are JSON is not asked here.

use super::Key;

/// Behind the blanks at `at`.
pub(crate) fn blanks(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let blank = bytes[at..].iter().position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    blank.map_or(bytes.len(), |n| at + n)
}

/// Behind the value that begins at `at`; `None` when the text ends before the value surely does.
pub(crate) fn value_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let (mut depth, mut at) = (1usize, at + 1);
            while depth > 0 {
                match bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
            Some(at)
        }
        b',' | b':' | b'}' | b']' => Some(at + 1), // No value begins like this: the parser will say so.
        _ => bytes[at..].iter().position(|b| matches!(b, b',' | b':' | b'}' | b']' | b'"' | b' ' | b'\t' | b'\n' | b'\r')).map(|n| at + n),
    }
}

fn string_end(bytes: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Behind the bracket that opens the list which a pointer leads to; `None` when it is not there (yet).
pub(crate) fn list_start(text: &str, pointer: &str) -> Option<usize> {
    let mut at = blanks(text, 0);
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        at = match text.as_bytes().get(at)? {
            b'{' => member(text, at + 1, &part)?,
            b'[' => item(text, at + 1, part.parse().ok()?)?,
            _ => return None,
        };
    }
    (text.as_bytes().get(at)? == &b'[').then_some(at + 1)
}

/// Where the value of a member begins, in an object whose members begin at `at`.
fn member(text: &str, mut at: usize, name: &str) -> Option<usize> {
    loop {
        at = blanks(text, at);
        let end = value_end(text, at)?;
        let key: Key<'_> = serde_json::from_str(&text[at..end]).ok()?;
        at = blanks(text, end);
        if text.as_bytes().get(at)? != &b':' {
            return None;
        }
        at = blanks(text, at + 1);
        if key.0 == name {
            return Some(at);
        }
        at = next(text, at)?;
    }
}

/// Where item `n` begins, in a list whose items begin at `at`.
fn item(text: &str, mut at: usize, n: usize) -> Option<usize> {
    for _ in 0..n {
        at = next(text, blanks(text, at))?;
    }
    Some(blanks(text, at))
}

/// Behind the comma that follows the value at `at`.
fn next(text: &str, at: usize) -> Option<usize> {
    let comma = blanks(text, value_end(text, at)?);
    (text.as_bytes().get(comma)? == &b',').then_some(comma + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_surely_does() {
        for (text, end) in [
            (r#"{"a": "}"}, "#, Some(10)),
            (r#"{"a": "\"}"} "#, Some(12)),
            (r#""ab\\" "#, Some(6)),
            (r#"[1, [2, 3]]"#, Some(11)),
            ("12,", Some(2)),
            ("12", None),
            (r#"{"a": 1"#, None),
            (r#""ab"#, None),
            (r#""ab\"#, None),
        ] {
            assert_eq!(value_end(text, 0), end, "{text}");
        }
    }

    #[test]
    fn a_list_is_found_by_its_pointer() {
        let text = r#" { "a": {"items": [9]}, "b/c": [ 0, {"items": [ 1 ] } ] }"#;
        let at = |pointer| list_start(text, pointer).map(|at| &text[at..at + 2]);
        assert_eq!(at("/a/items"), Some("9]"));
        assert_eq!(at("/b~1c/1/items"), Some(" 1"));
        assert_eq!((at("/a"), at("/c"), at("")), (None, None, None));
        assert_eq!(list_start("[1]", ""), Some(1));
    }
}
