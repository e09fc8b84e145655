//! One statement: its text, its words, and what it does to which object, as far as its first words say.

use super::directive::Directive;
use super::lex::{Piece, Token};

/// A statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text up to the semicolon, with the blanks and comments before that: SQLite keeps them.
    pub sql: String,
    /// Its line in the script, from 1.
    pub line: usize,
    /// The directives before it.
    pub directives: Vec<Directive>,
    /// Its words and names outside brackets, in order; keywords in capitals, names as they are meant.
    words: Vec<Word>,
    /// What it does to rows within brackets, as a query with a name of its own may: `DELETE`, `UPDATE`.
    within: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Without quotes.
    Plain(String),
    /// A name in quotes, without them.
    Quoted(String),
    /// `.` `(` and others.
    Sign(char),
}

impl Statement {
    /// Of its pieces, of which there is at least one, and the place where it ends.
    pub(super) fn new(sql: &str, pieces: &[Piece], end: usize, line: impl Fn(usize) -> usize, directives: Vec<Directive>) -> Statement {
        let start = pieces.first().map_or(0, |p| p.start);
        let mut depth = 0usize;
        let (mut words, mut within) = (Vec::new(), Vec::new());
        for (at, piece) in pieces.iter().enumerate() {
            let text = &sql[piece.start..piece.end];
            if at > 0 && pieces[at - 1].token == Token::Sign('(') {
                within.extend(["DELETE", "UPDATE", "MERGE"].into_iter().find(|verb| text.eq_ignore_ascii_case(verb)));
            }
            match piece.token {
                Token::Sign('(') => {
                    depth += 1;
                    words.push(Word::Sign('('));
                }
                Token::Sign(')') => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                Token::Word => words.push(Word::Plain(text.to_owned())),
                Token::Name => words.push(Word::Quoted(unquoted(text))),
                Token::Sign(sign) => words.push(Word::Sign(sign)),
                _ => {}
            }
        }
        Statement { sql: sql[start..end].to_owned(), line: line(start), directives, words, within }
    }

    /// The keyword at a place among the words outside brackets, in capitals; empty where there is none.
    fn keyword(&self, at: usize) -> String {
        match self.words.get(at) {
            Some(Word::Plain(word)) => word.to_uppercase(),
            _ => String::new(),
        }
    }

    /// Whether it begins with these words.
    pub fn begins(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(at, word)| self.keyword(at) == *word)
    }

    /// Whether a word stands in it without quotes, outside brackets.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| matches!(w, Word::Plain(plain) if plain.eq_ignore_ascii_case(word)))
    }

    /// Whether words stand in it one behind the other.
    pub fn has_all(&self, words: &[&str]) -> bool {
        (0..self.words.len()).any(|at| words.iter().enumerate().all(|(i, word)| self.keyword(at + i) == *word))
    }

    /// Its first words, for a message.
    pub fn head(&self) -> String {
        let words: Vec<String> = (0..3).map(|at| self.keyword(at)).take_while(|w| !w.is_empty()).collect();
        if words.is_empty() { self.sql.chars().take(20).collect() } else { words.join(" ") }
    }

    /// The name that begins at a place: the last part of a dotted one. And the place behind it.
    fn name(&self, mut at: usize) -> Option<(String, usize)> {
        loop {
            let name = match self.words.get(at)? {
                Word::Plain(name) | Word::Quoted(name) => name.clone(),
                Word::Sign(_) => return None,
            };
            if self.words.get(at + 1) == Some(&Word::Sign('.')) {
                at += 2;
            } else {
                return Some((name, at + 1));
            }
        }
    }

    /// The name behind the first of these words, with others of no meaning in between left out.
    fn name_behind(&self, words: &[&str], noise: &[&str]) -> Option<String> {
        let mut at = (0..self.words.len()).find(|at| words.contains(&self.keyword(*at).as_str()))? + 1;
        while noise.contains(&self.keyword(at).as_str()) {
            at += 1;
        }
        self.name(at).map(|(name, _)| name)
    }

    /// Which rows it changes: `INSERT`, `UPDATE` or `DELETE`, and the table.
    pub fn change(&self) -> Option<(&'static str, String)> {
        let first = self.keyword(0);
        let at = match first.as_str() {
            "WITH" => (1..self.words.len()).find(|at| ["INSERT", "UPDATE", "DELETE"].contains(&self.keyword(*at).as_str()))?,
            _ => 0,
        };
        let verb = match self.keyword(at).as_str() {
            "INSERT" | "REPLACE" => "INSERT",
            "UPDATE" => "UPDATE",
            "DELETE" => "DELETE",
            _ => return None,
        };
        let mut at = at + 1;
        while ["INTO", "FROM", "ONLY", "OR", "REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK"].contains(&self.keyword(at).as_str()) {
            at += 1;
        }
        self.name(at).map(|(name, _)| (verb, name))
    }

    /// The table that it creates.
    pub fn created_table(&self) -> Option<String> {
        let temporary = self.has("TEMP") || self.has("TEMPORARY");
        (self.begins(&["CREATE"]) && ["TABLE", "UNLOGGED"].contains(&self.keyword(1).as_str()) && !temporary)
            .then(|| self.name_behind(&["TABLE"], &["IF", "NOT", "EXISTS"]))?
    }

    /// The index that it creates.
    pub fn created_index(&self) -> Option<String> {
        (self.begins(&["CREATE", "INDEX"]) || self.begins(&["CREATE", "UNIQUE", "INDEX"]))
            .then(|| self.name_behind(&["INDEX"], &["CONCURRENTLY", "IF", "NOT", "EXISTS"]))?
    }

    /// The table that an index it creates, or a trigger, is on.
    pub fn on_table(&self) -> Option<String> {
        self.name_behind(&["ON"], &["ONLY"])
    }

    /// The table that it alters.
    pub fn altered_table(&self) -> Option<String> {
        self.begins(&["ALTER", "TABLE"]).then(|| self.name_behind(&["TABLE"], &["IF", "EXISTS", "ONLY"]))?
    }

    /// The new name of the table that it renames.
    pub fn renamed_to(&self) -> Option<String> {
        self.altered_table()?;
        let at = (0..self.words.len()).find(|at| self.keyword(*at) == "RENAME" && self.keyword(at + 1) == "TO")?;
        self.name(at + 2).map(|(name, _)| name)
    }

    /// What it drops: the kind of object, and its name.
    pub fn dropped(&self) -> Option<(String, String)> {
        let name = || self.name_behind(&["TABLE", "INDEX", "VIEW", "TRIGGER"], &["CONCURRENTLY", "IF", "EXISTS"]);
        self.begins(&["DROP"]).then(|| Some((self.keyword(1), name()?)))?
    }

    /// Whether the words `IF NOT EXISTS` stand in it.
    pub fn if_not_exists(&self) -> bool {
        self.has_all(&["IF", "NOT", "EXISTS"])
    }

    /// Whether it creates something in a schema that it names.
    pub fn creates_qualified(&self) -> bool {
        let words = ["TABLE", "INDEX", "CONCURRENTLY", "IF", "NOT", "EXISTS", "UNIQUE", "UNLOGGED", "CREATE"];
        let at = (0..self.words.len()).find(|at| !words.contains(&self.keyword(*at).as_str()));
        let on = (0..self.words.len()).find(|at| self.keyword(*at) == "ON").map_or(0, |at| at + 1);
        at.is_some_and(|at| self.words.get(at + 1) == Some(&Word::Sign('.'))) || on > 0 && self.words.get(on + 1) == Some(&Word::Sign('.'))
    }

    /// The value that it adds to an enumeration, in its quotes.
    pub fn added_value(&self) -> Option<&str> {
        if !(self.begins(&["ALTER", "TYPE"]) && self.has_all(&["ADD", "VALUE"])) {
            return None;
        }
        let start = self.sql.find('\'')?;
        let end = self.sql[start + 1..].find('\'')?;
        self.sql.get(start..start + end + 2)
    }

    /// Why it takes something away that was there, where it does.
    pub fn takes_away(&self) -> Option<&'static str> {
        match self.keyword(0).as_str() {
            "DROP" => Some("drops what was there"),
            "DELETE" => Some("deletes rows"),
            "TRUNCATE" => Some("empties a table"),
            "REPLACE" => Some("replaces rows"),
            "INSERT" if self.keyword(1) == "OR" && self.keyword(2) == "REPLACE" => Some("replaces rows"),
            "WITH" if self.has("DELETE") => Some("deletes rows"),
            "MERGE" => Some("may change or delete rows"),
            "REVOKE" => Some("takes rights away"),
            "INSERT" if self.has_all(&["DO", "UPDATE"]) => Some("changes rows that stand"),
            "WITH" | "SELECT" | "INSERT" | "UPDATE" if !self.within.is_empty() => Some("changes or deletes rows within a query"),
            "ALTER" if self.has("DROP") => Some("drops what was there"),
            "ALTER" if self.has("RENAME") => Some("renames what others rely on"),
            "ALTER" if self.has("TYPE") && self.keyword(1) == "TABLE" => Some("changes the type of a column"),
            "ALTER" if self.has_all(&["SET", "SCHEMA"]) => Some("moves what others rely on"),
            _ => None,
        }
    }
}

fn unquoted(text: &str) -> String {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    match text.chars().next() {
        Some('"') => inner.replace("\"\"", "\""),
        Some('`') => inner.replace("``", "`"),
        _ => inner.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Grammar, Script};

    fn one(sql: &str) -> super::Statement {
        Script::read(sql, Grammar::Postgres).unwrap().statements.remove(0)
    }

    #[test]
    fn what_a_statement_does_to_which_object_is_seen() {
        for (sql, verb, table) in [
            ("update systems set a = 1", "UPDATE", "systems"),
            ("INSERT OR IGNORE INTO \"a b\" (x) VALUES (1)", "INSERT", "a b"),
            ("DELETE FROM ONLY public.wallet w", "DELETE", "wallet"),
            ("WITH x AS (DELETE FROM y) UPDATE z SET a = 1", "UPDATE", "z"),
        ] {
            assert_eq!(one(sql).change(), Some((verb, table.to_owned())), "{sql}");
        }
        assert_eq!(one("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ix ON t (a)").created_index().unwrap(), "ix");
        assert_eq!(one("CREATE INDEX ix ON ONLY s.t (a)").on_table().unwrap(), "t");
        assert_eq!(one("CREATE TABLE IF NOT EXISTS s.t (a INT)").created_table().unwrap(), "t");
        assert_eq!(one("CREATE TEMP TABLE t (a INT)").created_table(), None);
        assert_eq!(one("ALTER TABLE IF EXISTS ONLY t ADD b INT").altered_table().unwrap(), "t");
        assert_eq!(one("ALTER TABLE n RENAME TO \"t u\"").renamed_to().unwrap(), "t u");
        assert_eq!(one("ALTER TABLE n RENAME COLUMN a TO b").renamed_to(), None);
        assert_eq!(one("DROP INDEX IF EXISTS ix").dropped().unwrap(), ("INDEX".to_owned(), "ix".to_owned()));
    }

    #[test]
    fn what_takes_something_away_is_seen() {
        for sql in [
            "DROP TABLE t",
            "TRUNCATE t",
            "ALTER TABLE t DROP COLUMN a",
            "ALTER TABLE t RENAME TO u",
            "ALTER TABLE t ALTER COLUMN a TYPE text",
            "WITH d AS (SELECT 1) DELETE FROM t",
            "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
            "INSERT INTO u WITH d AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM d",
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
            "ALTER TABLE t SET SCHEMA archive",
        ] {
            assert!(one(sql).takes_away().is_some(), "{sql}");
        }
        for sql in [
            "ALTER TABLE t ADD COLUMN \"drop\" INT",
            "CREATE INDEX i ON t (a)",
            "INSERT INTO t VALUES (1)",
            "ALTER TYPE mood ADD VALUE 'x'",
            "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
            "CREATE TABLE t (\"delete\" INT, b INT REFERENCES u (a) ON DELETE CASCADE)",
        ] {
            assert!(one(sql).takes_away().is_none(), "{sql}");
        }
    }
}
