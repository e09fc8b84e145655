//! SQL scripts: cut into statements with their lines, and the directives that stand before them. Nothing is run here.

mod directive;
mod lex;
mod statement;

pub use directive::{Bound, Condition, Directive, Expectation, Keep, Kind, Object, Says};
pub use lex::Grammar;
pub use statement::Statement;

use lex::{Piece, Token, lex};

/// A script that cannot be read: the line, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The statements of a script, each with the directives before it; those behind the last statement stand alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The statements, in order.
    pub statements: Vec<Statement>,
    /// Directives behind the last statement.
    pub rest: Vec<Directive>,
    /// Comments that look like directives and cannot be read as one, or stand where none can.
    pub doubtful: Vec<Wrong>,
}

impl Script {
    /// Cuts a script.
    pub fn read(sql: &str, grammar: Grammar) -> Result<Script, Wrong> {
        let line = |at: usize| sql[..at].matches('\n').count() + 1;
        let pieces = lex(sql, grammar).map_err(|at| Wrong {
            line: line(at),
            message: "a quotation or comment begins here and never ends".into(),
            hint: "close it".into(),
        })?;
        let mut script = Script::default();
        let mut directives = Vec::new();
        let mut cut = Cut::new(sql, grammar);
        for piece in pieces {
            if piece.is_comment() {
                if piece.token != Token::LineComment {
                    continue;
                }
                match Directive::read(&sql[piece.start..piece.end], line(piece.start)) {
                    Ok(Some(directive)) if cut.is_empty() => directives.push(directive),
                    Ok(Some(directive)) => script.doubtful.push(Wrong {
                        line: directive.line,
                        message: "a directive within a statement would be taken for a comment".into(),
                        hint: "write it on a line before the statement".into(),
                    }),
                    Ok(None) => {}
                    Err(wrong) => script.doubtful.push(wrong),
                }
            } else if let Some(pieces) = cut.take(piece) {
                script.statements.push(Statement::new(sql, &pieces, piece.start, line, std::mem::take(&mut directives)));
            }
        }
        let last = cut.rest();
        if let Some(end) = last.last().map(|p| p.end) {
            script.statements.push(Statement::new(sql, &last, end, line, std::mem::take(&mut directives)));
        }
        script.rest = directives;
        Ok(script)
    }

    /// Every directive of the script.
    pub fn directives(&self) -> impl Iterator<Item = &Directive> {
        self.statements.iter().flat_map(|s| &s.directives).chain(&self.rest)
    }
}

/// A definition with one blank between its pieces, without comments, and with names unquoted that need no quotes: two that
/// differ only in how they are written come to the same.
pub fn normal(sql: &str, grammar: Grammar) -> String {
    let Ok(pieces) = lex(sql, grammar) else { return sql.to_owned() };
    let text = |p: &Piece| {
        let text = &sql[p.start..p.end];
        if p.token == Token::Name { plain(text).unwrap_or(text) } else { text }
    };
    pieces.iter().filter(|p| !p.is_comment()).map(text).collect::<Vec<_>>().join(" ")
}

/// What stands in the quotes of a name that needs none.
fn plain(name: &str) -> Option<&str> {
    let inner = name.get(1..name.len().saturating_sub(1))?;
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (inner.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && inner.chars().all(word)).then_some(inner)
}

/// Finds where statements end.
struct Cut<'a> {
    sql: &'a str,
    grammar: Grammar,
    pieces: Vec<Piece>,
    /// Round brackets that are open.
    open: usize,
    /// Within `BEGIN … END` of a trigger, or of a function in standard SQL.
    body: usize,
    /// No word stands yet behind the body's last semicolon.
    fresh: bool,
}

impl<'a> Cut<'a> {
    fn new(sql: &'a str, grammar: Grammar) -> Cut<'a> {
        Cut { sql, grammar, pieces: Vec::new(), open: 0, body: 0, fresh: false }
    }

    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Takes a piece in; gives the statement that it ends.
    fn take(&mut self, piece: Piece) -> Option<Vec<Piece>> {
        match piece.token {
            Token::Sign(';') if self.body > 0 => self.fresh = self.grammar == Grammar::Sqlite,
            Token::Sign(';') if self.open == 0 => {
                let pieces = std::mem::take(&mut self.pieces);
                return Some(pieces).filter(|p| !p.is_empty());
            }
            Token::Sign('(') => self.open += 1,
            Token::Sign(')') => self.open = self.open.saturating_sub(1),
            Token::Word => self.word(piece),
            _ => self.fresh = false,
        }
        self.pieces.push(piece);
        None
    }

    fn word(&mut self, piece: Piece) {
        let is = |p: &Piece, word: &str| p.token == Token::Word && self.sql[p.start..p.end].eq_ignore_ascii_case(word);
        let starts = |words: &[&str]| {
            let mut of = self.pieces.iter().filter(|p| p.token == Token::Word).take(5);
            self.pieces.first().is_some_and(|p| is(p, "CREATE")) && of.any(|p| words.iter().any(|w| is(p, w)))
        };
        let fresh = std::mem::take(&mut self.fresh);
        match self.grammar {
            Grammar::Sqlite if self.body == 0 => {
                if is(&piece, "BEGIN") && starts(&["TRIGGER"]) {
                    self.body = 1;
                }
            }
            Grammar::Sqlite => {
                if fresh && is(&piece, "END") {
                    self.body = 0;
                }
            }
            Grammar::Postgres if self.body == 0 => {
                if is(&piece, "ATOMIC") && self.pieces.last().is_some_and(|p| is(p, "BEGIN")) && starts(&["FUNCTION", "PROCEDURE"]) {
                    self.body = 1;
                }
            }
            Grammar::Postgres if is(&piece, "CASE") || is(&piece, "BEGIN") => self.body += 1,
            Grammar::Postgres => {
                if is(&piece, "END") {
                    self.body -= 1;
                }
            }
        }
    }

    fn rest(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sql: &str, grammar: Grammar) -> Vec<String> {
        Script::read(sql, grammar).unwrap().statements.into_iter().map(|s| s.sql).collect()
    }

    #[test]
    fn statements_end_where_the_databases_end_them() {
        let trigger = "CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN UPDATE u SET a = CASE WHEN 1 THEN 2 END; DELETE FROM u; END";
        assert_eq!(cut(&format!("{trigger}; SELECT 1;;"), Grammar::Sqlite), [trigger, "SELECT 1"]);
        let atomic = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        let rule = "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); INSERT INTO u VALUES (2))";
        let body = "DO $$ BEGIN PERFORM 1; COMMIT; END $$";
        assert_eq!(cut(&format!("{atomic};{rule};\n{body}"), Grammar::Postgres), [atomic, rule, body]);
        assert_eq!(cut("-- nothing; here\n/* ; */", Grammar::Postgres), Vec::<String>::new());
    }

    #[test]
    fn a_definition_is_the_same_however_it_is_written() {
        let one = "CREATE TABLE \"systems\" (\n  id INTEGER -- the number\n)";
        assert_eq!(normal(one, Grammar::Sqlite), normal("CREATE TABLE systems(id INTEGER)", Grammar::Sqlite));
        assert_ne!(normal(one, Grammar::Sqlite), normal("CREATE TABLE \"Systems\"(id INTEGER)", Grammar::Sqlite));
    }

    #[test]
    fn a_statement_keeps_what_stands_before_its_semicolon() {
        assert_eq!(
            cut("CREATE INDEX i ON t (a) -- why\n; SELECT 1 -- end", Grammar::Sqlite),
            ["CREATE INDEX i ON t (a) -- why\n", "SELECT 1"]
        );
    }

    #[test]
    fn each_statement_knows_its_line_and_its_directives() {
        let script =
            Script::read("-- why; so\n\n-- unless: table t\nCREATE TABLE t (a INT);\n-- expect: UPDATE t 2\n", Grammar::Sqlite).unwrap();
        assert_eq!(script.statements[0].line, 4);
        assert_eq!(script.statements[0].directives.len(), 1);
        assert_eq!(script.rest.len(), 1);
        let within = Script::read("UPDATE t\n-- expect: UPDATE t 2\nSET a = 1\n-- kind: of odd\n", Grammar::Sqlite).unwrap();
        assert_eq!(within.doubtful.iter().map(|w| w.line).collect::<Vec<_>>(), [2, 4]);
    }
}
