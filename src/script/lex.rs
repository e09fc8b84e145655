//! SQL text cut into words, quotations and comments, as the two databases cut it. What the words mean is not known here.

/// Whose rules of quotation hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// SQLite's: `[name]` and `` `name` `` are names.
    Sqlite,
    /// PostgreSQL's: dollar quotes, `E''` texts, comments within comments.
    Postgres,
}

impl Grammar {
    /// Of a database, by the name of its folder.
    pub fn of(backend: &str) -> Grammar {
        if backend == "postgres" { Grammar::Postgres } else { Grammar::Sqlite }
    }
}

/// What a piece of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A word without quotes: a keyword or a name.
    Word,
    /// A name in quotes.
    Name,
    /// A text in quotes of any kind.
    Text,
    /// `-- …`, without its line end.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// Anything else: a number, an operator, a bracket, a semicolon.
    Sign(char),
}

/// A piece of SQL and where it stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// What it is.
    pub(super) token: Token,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind its last.
    pub(super) end: usize,
}

impl Piece {
    /// Whether it is no part of a statement.
    pub(super) fn is_comment(&self) -> bool {
        matches!(self.token, Token::LineComment | Token::BlockComment)
    }
}

/// The pieces of a text; blanks are left out. Gives the byte where a quotation or a comment begins that never ends.
pub(super) fn lex(sql: &str, grammar: Grammar) -> Result<Vec<Piece>, usize> {
    let mut lexer = Lexer { sql, bytes: sql.as_bytes(), at: 0, grammar };
    let mut pieces = Vec::new();
    while let Some(first) = lexer.bytes.get(lexer.at) {
        if first.is_ascii_whitespace() || (lexer.at == 0 && sql.starts_with('\u{feff}')) {
            lexer.at += if first.is_ascii_whitespace() { 1 } else { '\u{feff}'.len_utf8() };
            continue;
        }
        let start = lexer.at;
        let token = lexer.piece().ok_or(start)?;
        pieces.push(Piece { token, start, end: lexer.at });
    }
    Ok(pieces)
}

struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    grammar: Grammar,
}

impl Lexer<'_> {
    /// The next piece; `None` when it never ends.
    fn piece(&mut self) -> Option<Token> {
        let postgres = self.grammar == Grammar::Postgres;
        let rest = &self.sql[self.at..];
        let first = rest.chars().next()?;
        match first {
            '-' if rest.starts_with("--") => {
                self.at += rest.find('\n').unwrap_or(rest.len());
                Some(Token::LineComment)
            }
            '/' if rest.starts_with("/*") => self.block_comment(),
            '\'' => self.quoted(b'\'', false).map(|()| Token::Text),
            '"' => self.quoted(b'"', false).map(|()| Token::Name),
            '`' if !postgres => self.quoted(b'`', false).map(|()| Token::Name),
            '[' if !postgres => {
                self.at += rest.find(']')? + 1;
                Some(Token::Name)
            }
            '$' if postgres => self.dollar(),
            c if c.is_alphabetic() || c == '_' || !c.is_ascii() => {
                let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
                let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
                self.at += length;
                let prefix = &rest[..length];
                if self.bytes.get(self.at) == Some(&b'\'') && ["e", "b", "x", "n"].contains(&prefix.to_lowercase().as_str()) {
                    return self.quoted(b'\'', postgres && prefix.eq_ignore_ascii_case("e")).map(|()| Token::Text);
                }
                Some(Token::Word)
            }
            c if c.is_ascii_digit() => {
                // With its letters, so that `1e5` is no word, nor the parameter `$1`.
                let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
                self.at += length;
                Some(Token::Sign('0'))
            }
            c => {
                self.at += c.len_utf8();
                Some(Token::Sign(c))
            }
        }
    }

    /// A quotation in which the quote is doubled, or escaped by a backslash.
    fn quoted(&mut self, quote: u8, backslash: bool) -> Option<()> {
        self.at += 1;
        loop {
            match *self.bytes.get(self.at)? {
                b'\\' if backslash => self.at += 2,
                b if b == quote => {
                    self.at += 1;
                    if self.bytes.get(self.at) != Some(&quote) {
                        return Some(());
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    fn block_comment(&mut self) -> Option<Token> {
        let mut depth = 0usize;
        loop {
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"/*") && (depth == 0 || self.grammar == Grammar::Postgres) {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Some(Token::BlockComment);
                }
            } else if rest.is_empty() {
                return None;
            } else {
                self.at += 1;
            }
        }
    }

    /// `$tag$ … $tag$`, or the sign alone.
    fn dollar(&mut self) -> Option<Token> {
        let rest = &self.sql[self.at..];
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
        let is_tag = |t: &&str| {
            let name = &t[1..t.len() - 1];
            !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        let Some(tag) = tag.filter(is_tag) else {
            self.at += 1;
            return Some(Token::Sign('$'));
        };
        let body = self.at + tag.len();
        self.at = body + self.sql[body..].find(tag)? + tag.len();
        Some(Token::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(sql: &str, grammar: Grammar) -> Vec<&str> {
        lex(sql, grammar).unwrap().iter().map(|p| &sql[p.start..p.end]).collect()
    }

    #[test]
    fn what_is_quoted_is_one_piece() {
        for (sql, grammar, pieces) in [
            ("a 'it''s; --' b", Grammar::Sqlite, vec!["a", "'it''s; --'", "b"]),
            ("E'it\\'s' || 'a\\'", Grammar::Postgres, vec!["E'it\\'s'", "|", "|", "'a\\'"]),
            ("$$ BEGIN; $$ $a$ $$ $a$ $1", Grammar::Postgres, vec!["$$ BEGIN; $$", "$a$ $$ $a$", "$", "1"]),
            ("[a;b] `c``d` \"e\"\"f\"", Grammar::Sqlite, vec!["[a;b]", "`c``d`", "\"e\"\"f\""]),
            ("x[1] /* a /* b */ c */ y", Grammar::Postgres, vec!["x", "[", "1", "]", "/* a /* b */ c */", "y"]),
            ("/* a /* b */ c -- d;\ne", Grammar::Sqlite, vec!["/* a /* b */", "c", "-- d;", "e"]),
            ("\u{feff}SELECT 1e5, år", Grammar::Postgres, vec!["SELECT", "1e5", ",", "år"]),
        ] {
            assert_eq!(texts(sql, grammar), pieces);
        }
    }

    #[test]
    fn what_never_ends_is_said_where_it_begins() {
        for sql in ["a 'b", "a \"b", "a /* b", "a [b"] {
            assert_eq!(lex(sql, Grammar::Sqlite), Err(2), "{sql}");
        }
        assert_eq!(lex("a $x$ b $y$", Grammar::Postgres), Err(2));
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_gap_or_overlap(sql in "\\PC{0,60}|[-/*'\"$a;E\\\\ \\[\\]`]{0,30}") {
            for grammar in [Grammar::Sqlite, Grammar::Postgres] {
                if let Ok(pieces) = lex(&sql, grammar) {
                    let mut at = 0;
                    for piece in pieces {
                        prop_assert!(piece.start >= at && piece.end > piece.start && sql.is_char_boundary(piece.end));
                        let gap = sql[at..piece.start].trim_start_matches('\u{feff}');
                        prop_assert!(gap.trim().is_empty(), "left out: {:?}", gap);
                        at = piece.end;
                    }
                }
            }
        }
    }
}
