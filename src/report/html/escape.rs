//! The one way of a text into the page: escaped, and with marks that cannot be seen made visible. What is long is cut, with
//! the rest one click away.

use crate::report::form::Lang;
use std::borrow::Cow;

/// How many characters of a text from a file are shown at once.
const SHOWN: usize = 300;

/// A text with its invisible marks written out: controls and changes of direction.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) { out.push_str(&format!("‹U+{:04X}›", u32::from(c))) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn hidden(c: char) -> bool {
    (c.is_control() && c != '\t' && c != '\n')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A text as HTML, for contents and attributes alike.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A text as HTML, cut where it is long.
pub(super) fn long(text: &str, lang: Lang) -> String {
    if text.chars().count() <= SHOWN {
        return escaped(text);
    }
    let head: String = text.chars().take(SHOWN).collect();
    let rest: String = text.chars().skip(SHOWN).collect();
    format!("{}<details class=\"rest\"><summary>… {}</summary>{}</details>", escaped(&head), lang.say("the rest of it"), escaped(&rest))
}

/// JSON that may stand within a script element: nothing in it ends the element or begins a comment.
pub(super) fn in_script(json: String) -> String {
    if !json.contains(['<', '\u{2028}', '\u{2029}']) {
        return json;
    }
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_file_is_markup() {
        assert_eq!(escaped("<script>alert('x')</script> & \"y\""), "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;");
        assert_eq!(in_script("{\"a\":\"</script><!--\"}".to_owned()), "{\"a\":\"\\u003c/script>\\u003c!--\"}");
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(visible("a\u{202e}b\0c\td"), "a‹U+202E›b‹U+0000›c\td");
        assert_eq!(visible("Åsa"), "Åsa");
    }

    #[test]
    fn a_long_text_is_cut_and_all_there() {
        let text = "x".repeat(10_000);
        let html = long(&text, Lang::En);
        assert_eq!(html.matches('x').count(), 10_000);
        assert!(html.contains("<summary>… the rest of it</summary>"));
    }
}
