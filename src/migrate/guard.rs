//! Keeps statements out of a step that would end the run's transaction or cannot live in one. Tokenised, so that a word
//! within a text, a comment or a function's body does no harm.

use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::tokenizer::{Token, Tokenizer};

const FORBIDDEN: [&str; 11] =
    ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "VACUUM", "ATTACH", "DETACH"];

/// Checks a step's SQL; gives the line and the statement that is forbidden, or that the SQL cannot be told apart.
pub(super) fn check(sql: &str, backend: &str) -> Result<(), (u64, String)> {
    let dialect: &dyn Dialect = if backend == "postgres" { &PostgreSqlDialect {} } else { &SQLiteDialect {} };
    let tokens = Tokenizer::new(dialect, sql)
        .tokenize_with_location()
        .map_err(|e| (e.location.line, format!("SQL that cannot be read ({})", e.message)))?;
    let mut statement: Vec<String> = Vec::new();
    let mut body = false;
    for token in tokens {
        match &token.token {
            Token::SemiColon => statement.clear(),
            Token::Word(word) if word.quote_style.is_none() => {
                statement.push(word.value.to_uppercase());
                let first = statement.len() == 1;
                if body {
                    // Within BEGIN … END of a trigger or a function: its statements are its own.
                    body = !(first && statement[0] == "END");
                } else if statement[0] == "CREATE" && statement.len() > 1 && statement.last().is_some_and(|w| w == "BEGIN") {
                    body = true;
                    statement.clear();
                } else if first && FORBIDDEN.contains(&statement[0].as_str()) {
                    return Err((token.span.start.line, statement.remove(0)));
                } else if statement.len() == 2 && statement[0] == "SET" && statement[1] == "SEARCH_PATH"
                    || statement.last().is_some_and(|w| w == "CONCURRENTLY")
                {
                    return Err((token.span.start.line, statement.join(" ")));
                } else if statement.len() == 2 && statement[0] == "PRAGMA" && statement[1] == "FOREIGN_KEYS" {
                    return Err((token.span.start.line, "PRAGMA foreign_keys".into()));
                }
            }
            Token::Whitespace(_) => {}
            _ if statement.is_empty() => statement.push(String::new()),
            _ => {}
        }
    }
    Ok(())
}

/// Whether there is no statement at all, only comments and blanks: such a step has nothing to do on this database.
pub(super) fn is_blank(sql: &str, backend: &str) -> bool {
    let dialect: &dyn Dialect = if backend == "postgres" { &PostgreSqlDialect {} } else { &SQLiteDialect {} };
    let tokens = Tokenizer::new(dialect, sql).tokenize().unwrap_or_else(|_| vec![Token::Mul]);
    tokens.iter().all(|t| matches!(t, Token::Whitespace(_) | Token::SemiColon))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_would_end_the_transaction_is_found() {
        for (sql, line, what) in [
            ("BEGIN; CREATE TABLE t (a INT); COMMIT;", 1, "BEGIN"),
            ("CREATE TABLE t (a INT);\n\ncommit;", 3, "COMMIT"),
            ("/* x */ VACUUM", 1, "VACUUM"),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", 1, "CREATE INDEX CONCURRENTLY"),
            ("PRAGMA foreign_keys = OFF", 1, "PRAGMA foreign_keys"),
            ("CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM u; END; ROLLBACK", 1, "ROLLBACK"),
        ] {
            assert_eq!(check(sql, "sqlite").unwrap_err(), (line, what.to_owned()), "{sql}");
        }
    }

    #[test]
    fn words_within_texts_and_bodies_do_no_harm() {
        for sql in [
            "INSERT INTO t VALUES ('COMMIT; ROLLBACK') -- COMMIT",
            "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE u SET a = CASE WHEN 1 THEN 2 END; DELETE FROM u; END;",
            "CREATE TABLE \"BEGIN\" (a INT); UPDATE t SET \"commit\" = 1",
        ] {
            assert_eq!(check(sql, "sqlite"), Ok(()), "{sql}");
        }
        assert_eq!(
            check(
                "DO $$ BEGIN PERFORM 1; COMMIT; END $$; CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END $f$",
                "postgres"
            ),
            Ok(())
        );
    }
}
