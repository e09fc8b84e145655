//! What differs between the two databases in the SQL itself: names, texts, casts, comparisons.

use super::shape::ShapeColumn;
use crate::table::Kind;

/// The one function that quotes a name. Both databases take double quotes, doubled within.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Which database's SQL to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a bound text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bind {
    /// Itself.
    Text,
    /// A whole number.
    Number,
    /// Bytes, in hexadecimal digits.
    Hex,
}

impl Dialect {
    /// An expression as a text, the `n`th of a query. SQLite's client makes a text of whatever there is.
    pub(super) fn text(self, expression: &str, n: usize) -> String {
        match self {
            Dialect::Sqlite => format!("{expression} AS c{n}"),
            Dialect::Postgres => format!("CAST({expression} AS TEXT) AS c{n}"),
        }
    }

    /// The staged text `expression` as a value for `column`. SQLite converts by the column's affinity.
    pub(super) fn cast(self, expression: &str, column: &ShapeColumn) -> String {
        match self {
            Dialect::Sqlite => expression.to_owned(),
            Dialect::Postgres => format!("CAST({expression} AS {})", column.declared),
        }
    }

    /// The text that is staged for a canonical text in `column`.
    pub(super) fn stored(self, canonical: String, kind: Kind, column: &ShapeColumn) -> String {
        if kind == Kind::Bool && self == Dialect::Sqlite {
            return if canonical == "true" { "1" } else { "0" }.to_owned();
        }
        let timed = self == Dialect::Sqlite && column.declared.contains("TIME");
        if kind == Kind::Date && timed { canonical + " 00:00:00" } else { canonical }
    }

    /// The same for a canonical text that is an expression.
    pub(super) fn stored_sql(self, expression: &str, kind: Kind, column: &ShapeColumn) -> String {
        match kind {
            Kind::Bool if self == Dialect::Sqlite => format!("CASE {expression} WHEN 'true' THEN '1' WHEN 'false' THEN '0' END"),
            Kind::Date if self == Dialect::Sqlite && column.declared.contains("TIME") => format!("{expression} || ' 00:00:00'"),
            _ => expression.to_owned(),
        }
    }

    /// The placeholder of the bound text number `n`, from 1, where all come in their order. SQLite looks named ones up one
    /// by one, which takes minutes for thousands.
    pub(super) fn mark(self, n: usize, bind: Bind) -> String {
        match (self, bind) {
            (Dialect::Sqlite, Bind::Hex) => "unhex(?)".to_owned(),
            (Dialect::Sqlite, _) => "?".to_owned(),
            (Dialect::Postgres, Bind::Number) => format!("CAST(${n} AS BIGINT)"),
            (Dialect::Postgres, Bind::Hex) => format!("decode(${n}, 'hex')"),
            (Dialect::Postgres, Bind::Text) => format!("${n}"),
        }
    }

    /// A type for a column that is compared with `column`. In SQLite both must have the same affinity, or no index is used.
    pub(super) fn alike(self, column: &ShapeColumn) -> String {
        let of = |words: &[&str]| words.iter().any(|w| column.declared.contains(w));
        match self {
            Dialect::Postgres => column.declared.clone(),
            Dialect::Sqlite if of(&["INT"]) => "INTEGER".into(),
            Dialect::Sqlite if of(&["CHAR", "CLOB", "TEXT"]) => "TEXT".into(),
            Dialect::Sqlite if column.declared.is_empty() || of(&["BLOB"]) => "BLOB".into(),
            Dialect::Sqlite if of(&["REAL", "FLOA", "DOUB"]) => "REAL".into(),
            Dialect::Sqlite => "NUMERIC".into(),
        }
    }

    /// Equality in which NULL equals NULL.
    pub(super) fn equal(self, a: &str, b: &str) -> String {
        match self {
            Dialect::Sqlite => format!("{a} IS {b}"),
            Dialect::Postgres => format!("{a} IS NOT DISTINCT FROM {b}"),
        }
    }

    /// Equality of values of a column's type in which NULL equals NULL, in words by which PostgreSQL can look many up at once.
    pub(super) fn same(self, a: &str, b: &str, column: &ShapeColumn) -> String {
        let equal = self.equal(a, b);
        if self == Dialect::Sqlite {
            return equal;
        }
        let list = column.declared.ends_with(']');
        let is = |names: &[&str]| !list && names.iter().any(|name| column.declared.starts_with(name));
        match () {
            () if column.required => format!("{a} = {b}"),
            () if is(&["text", "character"]) => format!("coalesce({a}, '') = coalesce({b}, '') AND {equal}"),
            () if is(&["numeric", "integer", "bigint", "smallint"]) => format!("coalesce({a}, 0) = coalesce({b}, 0) AND {equal}"),
            () => equal,
        }
    }

    /// Inequality in which NULL equals NULL.
    pub(super) fn distinct(self, a: &str, b: &str) -> String {
        match self {
            Dialect::Sqlite => format!("{a} IS NOT {b}"),
            Dialect::Postgres => format!("{a} IS DISTINCT FROM {b}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_quoted_name_cannot_end_its_quotation() {
        assert_eq!(super::quote("a\"b; DROP TABLE x"), "\"a\"\"b; DROP TABLE x\"");
    }
}
