//! Many rows of texts into a table at once: PostgreSQL's COPY, or statements of SQLite's with many rows that are prepared once.

use super::{AnyConnection, Store, quote, refused};
use crate::error::{Result, Stop};
use crate::table::Line;
use diesel::pg::{CopyTarget, Pg};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use std::cell::RefCell;
use std::io::BufRead;

/// How many texts a statement of SQLite's has at most.
const BOUND: usize = 1400;

/// Rows on their way, in one buffer.
pub(super) struct Rows {
    text: String,
    /// For SQLite, where each text ends, and whether it is one.
    ends: Vec<(usize, bool)>,
    width: usize,
    copied: bool,
}

impl Rows {
    /// Of so many columns, for this database.
    pub(super) fn new(store: &Store, width: usize) -> Rows {
        Rows { text: String::new(), ends: Vec::new(), width, copied: store.is_postgres() }
    }

    /// An empty one of the same kind.
    pub(super) fn another(&self) -> Rows {
        let (text, ends) = (String::with_capacity(self.text.len()), Vec::with_capacity(self.ends.len()));
        Rows { text, ends, ..*self }
    }

    /// Takes in the next value; `last` closes the row.
    pub(super) fn push(&mut self, value: Option<&str>, last: bool) {
        if !self.copied {
            self.text.push_str(value.unwrap_or_default());
            self.ends.push((self.text.len(), value.is_some()));
            return;
        }
        match value {
            None => self.text.push_str("\\N"),
            Some(value) => escape(value, &mut self.text),
        }
        self.text.push(if last { '\n' } else { '\t' });
    }

    /// How large the buffer is.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + 16 * self.ends.len()
    }

    /// For SQLite: the texts, in order.
    fn values(&self) -> Vec<Option<&str>> {
        let mut from = 0;
        let text = |(to, there): &(usize, bool)| {
            let text = &self.text[from..*to];
            from = *to;
            there.then_some(text)
        };
        self.ends.iter().map(text).collect()
    }
}

/// A text as COPY wants it.
fn escape(value: &str, into: &mut String) {
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
        into.push_str(&rest[..at]);
        into.push_str(match rest.as_bytes()[at] {
            b'\t' => "\\t",
            b'\n' => "\\n",
            b'\r' => "\\r",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    into.push_str(rest);
}

impl Store {
    /// Writes rows into columns of a table. Texts become what the columns hold, as the database converts them. Where one is refused,
    /// some of the others may be written: the caller goes back to where it began.
    pub(super) fn put(&mut self, table: &str, columns: &[&str], rows: &Rows) -> Result<()> {
        let names = columns.iter().map(|c| quote(c)).collect::<Vec<_>>().join(", ");
        match &mut self.connection {
            AnyConnection::Postgres(connection) => copy(connection, &format!("{} ({names})", quote(table)), rows.text.as_bytes()),
            AnyConnection::Sqlite(connection) => {
                // Nobody goes on where a row is refused: so SQLite need not keep every page as it was before the statement.
                let into = format!("INSERT OR FAIL INTO {} ({names}) VALUES ", quote(table));
                let values = rows.values();
                for values in values.chunks((BOUND / rows.width).max(1) * rows.width) {
                    let many = Many { into: &into, values, width: rows.width };
                    many.execute(connection).map_err(|e| refused(&e))?;
                }
                Ok(())
            }
        }
    }
}

/// `INSERT` of many rows. Diesel keeps the prepared statement, since the text is the same for the same number of rows.
struct Many<'r> {
    into: &'r str,
    values: &'r [Option<&'r str>],
    width: usize,
}

impl QueryFragment<Sqlite> for Many<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(self.into);
        for (n, value) in self.values.iter().enumerate() {
            out.push_sql(match n % self.width {
                0 if n == 0 => "(",
                0 => "), (",
                _ => ", ",
            });
            out.push_bind_param::<Nullable<Text>, _>(value)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for Many<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for Many<'_> {}

thread_local! {
    /// Where the next COPY goes: Diesel asks a type for it, not a value.
    static INTO: RefCell<String> = const { RefCell::new(String::new()) };
}

diesel::table! {
    tieout_target (n) {
        n -> BigInt,
    }
}

struct Target;

impl CopyTarget for Target {
    type Table = tieout_target::table;
    type SqlType = BigInt;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        INTO.with_borrow(|into| pass.push_sql(into));
        Ok(())
    }
}

/// Gives each row of a query, in parentheses, to `each`. That all of them came is for the caller to see.
pub(super) fn each_copied(connection: &mut PgConnection, query: &str, mut each: impl FnMut(Line)) -> Result<()> {
    INTO.set(query.to_owned());
    let mut copied = diesel::copy_to(Target).load_raw(connection).map_err(|e| refused(&e))?;
    let mut columns = 0;
    loop {
        let row = copied.fill_buf().map_err(|e| broken(&e.to_string()))?;
        let Some(texts) = row.strip_suffix(b"\n") else {
            return if row.is_empty() { Ok(()) } else { Err(broken("half a row")) };
        };
        let mut line = Line::of(columns);
        columns = 0;
        for text in texts.split(|byte| *byte == b'\t') {
            line.push(|into| unescape(text, into))?;
            columns += 1;
        }
        each(line);
        let size = row.len();
        copied.consume(size);
    }
}

fn broken(why: &str) -> Stop {
    Stop::database(format!("the database stopped giving rows: {why}"), "run again")
}

/// Appends a value that COPY gave; whether it is not NULL.
fn unescape(value: &[u8], into: &mut String) -> Result<bool> {
    if value == b"\\N" {
        return Ok(false);
    }
    let mut parts = std::str::from_utf8(value).map_err(|e| broken(&e.to_string()))?.split('\\');
    into.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        let mut rest = part.chars();
        match rest.next() {
            // Two in a row stand for one: what follows is plain.
            None => {
                into.push('\\');
                into.push_str(parts.next().unwrap_or_default());
                continue;
            }
            Some('t') => into.push('\t'),
            Some('n') => into.push('\n'),
            Some('r') => into.push('\r'),
            Some('b') => into.push('\u{8}'),
            Some('f') => into.push('\u{c}'),
            Some('v') => into.push('\u{b}'),
            Some(other) => into.push(other),
        }
        into.push_str(rest.as_str());
    }
    Ok(true)
}

/// Sends lines in PostgreSQL's COPY text format to a table and its columns, both quoted.
fn copy(connection: &mut PgConnection, into: &str, lines: &[u8]) -> Result<()> {
    use diesel::ExecuteCopyFromDsl;
    INTO.set(into.to_owned());
    let send = |out: &mut dyn std::io::Write| out.write_all(lines).map_err(|e| diesel::result::Error::SerializationError(Box::new(e)));
    diesel::copy_from(tieout_target::table).from_raw_data(Target, send).execute(connection).map(drop).map_err(|e| refused(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_copy_takes_is_what_it_gives(text in "[a\\\\\t\n\r\u{8}\u{b}\u{c}Nå]*") {
            let (mut escaped, mut back) = (String::new(), String::new());
            escape(&text, &mut escaped);
            prop_assert!(!escaped.contains(['\t', '\n']));
            prop_assert_eq!(unescape(escaped.as_bytes(), &mut back).unwrap(), true);
            prop_assert_eq!(back, text);
        }
    }
}
