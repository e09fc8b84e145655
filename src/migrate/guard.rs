//! What a step may say: nothing that would end the run's transaction or cannot live in one, and in an additive step nothing
//! that takes something away.

use crate::script::{Expectation, Kind, Says, Script, Statement, Wrong};

/// A script that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vetted {
    /// What of it is run.
    pub(super) script: Script,
    /// The tables it makes anew.
    pub(super) rebuilds: Vec<String>,
    /// Whether foreign keys must be off.
    pub(super) foreign_keys_off: bool,
    /// Whether it takes nothing away.
    pub(super) additive: bool,
    /// Whether it runs outside a transaction.
    pub(super) outside: bool,
    /// What was left out or decided, in words.
    pub(super) notes: Vec<String>,
}

/// What is known of a script beforehand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    /// It runs on PostgreSQL.
    pub(super) postgres: bool,
    /// It was made for another tool.
    pub(super) foreign: bool,
    /// That tool was told to run it outside a transaction.
    pub(super) outside: bool,
    /// The job takes nothing away.
    pub(super) additive: bool,
}

/// Looks at a script.
pub(super) fn vet(script: Script, terms: Terms) -> Result<Vetted, Wrong> {
    let mut vetted = Vetted { script, additive: terms.additive, outside: terms.outside, ..Vetted::default() };
    for directive in vetted.script.directives() {
        match &directive.says {
            Says::Kind(Kind::Additive) => vetted.additive = true,
            Says::Kind(Kind::OutsideTransaction) => vetted.outside = true,
            Says::Kind(Kind::Rebuild(tables)) => vetted.rebuilds.extend(tables.iter().cloned()),
            _ => {}
        }
    }
    vetted.foreign_keys_off = !terms.postgres && (!vetted.rebuilds.is_empty() || makes_anew(&vetted.script));
    strip_transaction(&mut vetted);
    if !terms.postgres && terms.foreign {
        strip_foreign_keys(&mut vetted);
    }
    let alone = vetted.script.statements.iter().find(|s| needs_no_transaction(s, terms.postgres)).map(|s| s.line);
    if terms.foreign
        && !vetted.outside
        && let Some(line) = alone
    {
        vetted.outside = true;
        vetted.notes.push(format!("line {line} cannot live in a transaction: the step runs outside one, statement by statement"));
    }
    if !terms.postgres && vetted.outside && alone.is_none() {
        // All that SQLite needs from it is that foreign keys can be off.
        vetted.outside = false;
        vetted.foreign_keys_off = true;
    }
    if vetted.outside
        && let Some(keeps) = vetted.script.directives().find(|d| matches!(d.says, Says::Keeps(_)))
    {
        let message = "outside a transaction nothing can be taken back when it is not kept".to_owned();
        return Err(Wrong { line: keeps.line, message, hint: "ask in verify.sql instead".into() });
    }
    for statement in &vetted.script.statements {
        allowed(statement, terms, &vetted)?;
    }
    if vetted.additive {
        additive(&vetted.script)?;
    }
    Ok(vetted)
}

fn begins_transaction(s: &Statement) -> bool {
    s.begins(&["BEGIN"]) || s.begins(&["START", "TRANSACTION"])
}

fn commits(s: &Statement) -> bool {
    s.begins(&["COMMIT"]) || s.begins(&["END"])
}

/// One pair of BEGIN and COMMIT around the script is left out: the run has its own.
fn strip_transaction(vetted: &mut Vetted) {
    let statements = &mut vetted.script.statements;
    let at = |is: fn(&Statement) -> bool, s: &[Statement]| (0..s.len()).filter(|i| is(&s[*i])).collect::<Vec<_>>();
    if let ([begin], [commit]) = (at(begins_transaction, statements).as_slice(), at(commits, statements).as_slice())
        && begin < commit
    {
        let (begin, commit) = (*begin, *commit);
        vetted.notes.push(format!(
            "its {} in line {} and {} in line {} are left out: the transaction is tieout's",
            statements[begin].head(),
            statements[begin].line,
            statements[commit].head(),
            statements[commit].line
        ));
        let last = statements.remove(commit).directives;
        let first = statements.remove(begin).directives;
        match statements.get_mut(begin) {
            Some(next) => next.directives.splice(0..0, first).for_each(drop),
            None => vetted.script.rest.splice(0..0, first).for_each(drop),
        }
        vetted.script.rest.extend(last);
    }
}

fn is_foreign_keys(s: &Statement) -> bool {
    s.begins(&["PRAGMA", "FOREIGN_KEYS"])
}

/// `PRAGMA foreign_keys` does nothing within a transaction: it is done before.
fn strip_foreign_keys(vetted: &mut Vetted) {
    let statements = &mut vetted.script.statements;
    let off = |s: &&Statement| is_foreign_keys(s) && (s.has("OFF") || s.has("FALSE") || s.has("NO") || s.sql.trim_end().ends_with('0'));
    if let Some(line) = statements.iter().find(off).map(|s| s.line) {
        vetted.foreign_keys_off = true;
        vetted.notes.push(format!("line {line}: foreign keys are off before the transaction begins, where that has an effect"));
    }
    statements.retain(|s| !is_foreign_keys(s));
}

/// Whether a table is dropped and another takes its name. With foreign keys on, dropping it would first delete its rows, and
/// with them those of other tables that refer to them.
fn makes_anew(script: &Script) -> bool {
    let dropped = script.statements.iter().filter_map(Statement::dropped).filter(|(kind, _)| kind == "TABLE");
    let dropped: Vec<String> = dropped.map(|(_, name)| name.to_lowercase()).collect();
    let taken = |s: &Statement| s.renamed_to().or_else(|| s.created_table()).is_some_and(|name| dropped.contains(&name.to_lowercase()));
    script.statements.iter().any(taken)
}

fn needs_no_transaction(s: &Statement, postgres: bool) -> bool {
    s.begins(&["VACUUM"])
        || s.begins(&["ATTACH"])
        || s.begins(&["DETACH"])
        || (s.begins(&["PRAGMA", "JOURNAL_MODE"]))
        || postgres
            && (s.has("CONCURRENTLY") && !s.begins(&["REFRESH"])
                || s.begins(&["ALTER", "SYSTEM"])
                || [["CREATE", "DATABASE"], ["DROP", "DATABASE"], ["CREATE", "TABLESPACE"], ["DROP", "TABLESPACE"]]
                    .iter()
                    .any(|words| s.begins(words)))
}

fn allowed(s: &Statement, terms: Terms, vetted: &Vetted) -> Result<(), Wrong> {
    let refused = |hint: &str| {
        let what = if is_foreign_keys(s) { "PRAGMA foreign_keys".to_owned() } else { s.head() };
        Err(Wrong { line: s.line, message: format!("{what} has no place in a step"), hint: hint.into() })
    };
    if s.sql.starts_with('\\') {
        return refused("it is a command of psql, not SQL; remove it");
    }
    if s.begins(&["COPY"]) && s.has("STDIN") {
        return refused("its rows are for psql; load them as a source of a job, or with INSERT");
    }
    if vetted.outside {
        return Ok(());
    }
    let ends = ["ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"].iter().any(|word| s.begins(&[word]));
    if ends || begins_transaction(s) || commits(s) {
        return refused("the whole run is one transaction, which tieout begins and ends; remove the statement");
    }
    if needs_no_transaction(s, terms.postgres) {
        return refused("it cannot live in a transaction: put it into a step of its own that says `-- kind: outside-transaction`");
    }
    if is_foreign_keys(s) && !terms.postgres {
        return refused("it does nothing within a transaction: say `-- kind: rebuild TABLE`, and foreign keys are off before it begins");
    }
    if s.begins(&["SET", "SEARCH_PATH"]) && !terms.foreign {
        return refused("names would mean other tables from here on; write the schema before the names instead");
    }
    Ok(())
}

fn additive(script: &Script) -> Result<(), Wrong> {
    let expected = |table: &str| {
        let says =
            |d: &Says| matches!(d, Says::Expect(Expectation { verb, table: t, .. }) if verb == "UPDATE" && t.eq_ignore_ascii_case(table));
        script.directives().any(|d| says(&d.says))
    };
    for s in &script.statements {
        let why = match s.change() {
            _ if s.begins(&["DO"]) || s.begins(&["CALL"]) => Some("runs a program that cannot be looked into"),
            _ if s.has_all(&["OR", "REPLACE"]) => Some("replaces what was there"),
            Some(("UPDATE", table)) if !expected(&table) => Some("changes rows, and no `-- expect:` says how many"),
            _ => s.takes_away(),
        };
        if let Some(why) = why {
            let message = format!("{} {why}, which an additive step must not", s.head());
            let hint = "an additive step only adds; put this into a step of another kind, or remove it";
            return Err(Wrong { line: s.line, message, hint: hint.into() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Grammar;

    fn vetted(sql: &str, backend: &str, foreign: bool) -> Result<Vetted, Wrong> {
        let terms = Terms { postgres: backend == "postgres", foreign, ..Terms::default() };
        vet(Script::read(sql, Grammar::of(backend)).unwrap(), terms)
    }

    fn refused(sql: &str, backend: &str) -> (usize, String) {
        let wrong = vetted(sql, backend, false).unwrap_err();
        (wrong.line, wrong.message)
    }

    #[test]
    fn what_would_end_the_transaction_is_refused() {
        for (sql, backend, line, what) in [
            ("BEGIN; CREATE TABLE t (a INT); COMMIT; BEGIN; SELECT 1; COMMIT", "sqlite", 1, "BEGIN"),
            ("CREATE TABLE t (a INT);\n\ncommit;", "sqlite", 3, "COMMIT"),
            ("/* x */ VACUUM", "sqlite", 1, "VACUUM"),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", "postgres", 1, "CREATE INDEX CONCURRENTLY"),
            ("PRAGMA foreign_keys = OFF", "sqlite", 1, "PRAGMA foreign_keys"),
            ("CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM u; END; ROLLBACK", "sqlite", 1, "ROLLBACK"),
            ("SET search_path = x", "postgres", 1, "SET SEARCH_PATH"),
            ("\\connect x", "postgres", 1, "\\connect x"),
            ("SAVEPOINT a", "sqlite", 1, "SAVEPOINT A"),
        ] {
            assert_eq!(refused(sql, backend), (line, format!("{what} has no place in a step")), "{sql}");
        }
    }

    #[test]
    fn words_within_texts_and_bodies_do_no_harm() {
        for (sql, backend) in [
            ("INSERT INTO t VALUES ('COMMIT; ROLLBACK') -- COMMIT", "sqlite"),
            ("CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE u SET a = CASE WHEN 1 THEN 2 END; DELETE FROM u; END;", "sqlite"),
            ("CREATE TABLE \"BEGIN\" (a INT); UPDATE t SET \"commit\" = 1", "sqlite"),
            (
                "DO $$ BEGIN PERFORM 1; COMMIT; END $$; CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END $f$",
                "postgres",
            ),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "postgres"),
        ] {
            assert!(vetted(sql, backend, false).is_ok(), "{sql}");
        }
    }

    #[test]
    fn one_pair_around_the_script_is_left_out_and_that_is_said() {
        let vetted = vetted("-- unless: table t\nBEGIN TRANSACTION;\nCREATE TABLE t (a INT);\nCOMMIT;", "sqlite", false).unwrap();
        assert_eq!(vetted.script.statements.len(), 1);
        assert_eq!(vetted.script.statements[0].directives.len(), 1, "what was said before the first statement is kept");
        assert!(vetted.notes[0].contains("line 2"), "{:?}", vetted.notes);
    }

    #[test]
    fn other_tools_habits_are_taken_as_they_are() {
        let sql = "PRAGMA foreign_keys=OFF;\nCREATE TABLE n (a INT);\nDROP TABLE t;\nPRAGMA foreign_keys=ON;";
        let found = vetted(sql, "sqlite", true).unwrap();
        assert!(found.foreign_keys_off && found.script.statements.len() == 2);
        let found = vetted("CREATE INDEX CONCURRENTLY i ON t (a)", "postgres", true).unwrap();
        assert!(found.outside && found.notes[0].contains("outside"));
        let terms = Terms { outside: true, foreign: true, ..Terms::default() };
        let found = vet(Script::read(sql, Grammar::Sqlite).unwrap(), terms).unwrap();
        assert!(!found.outside && found.foreign_keys_off, "SQLite needs only its foreign keys off");
    }

    #[test]
    fn a_table_that_is_made_anew_has_foreign_keys_off() {
        let anew = "CREATE TABLE n (a INT); INSERT INTO n SELECT a FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t;";
        assert!(vetted(anew, "sqlite", false).unwrap().foreign_keys_off);
        assert!(!vetted("DROP TABLE t; CREATE TABLE u (a INT)", "sqlite", false).unwrap().foreign_keys_off);
        assert!(!vetted(anew, "postgres", false).unwrap().foreign_keys_off);
    }

    #[test]
    fn an_additive_step_takes_nothing_away() {
        let additive = |sql: &str| vetted(&format!("-- kind: additive\n{sql}"), "postgres", false);
        for sql in [
            "DROP TABLE t",
            "UPDATE t SET a = 1",
            "ALTER TABLE t DROP COLUMN a",
            "DO $$ BEGIN END $$",
            "CREATE OR REPLACE VIEW v AS SELECT 1",
        ] {
            assert_eq!(additive(sql).unwrap_err().line, 2, "{sql}");
        }
        for sql in ["CREATE TABLE IF NOT EXISTS t (a INT)", "-- expect: UPDATE t >= 0\nUPDATE t SET a = 1", "ALTER TABLE t ADD b INT"] {
            assert!(additive(sql).is_ok(), "{sql}");
        }
    }
}
