//! What a step may say: nothing that would end the run's transaction or cannot live in one, and in an additive step nothing
//! that takes something away.

use crate::script::{Expectation, Kind, Says, Script, Statement, Wrong};
use crate::store::Remade;

/// A script that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vetted {
    /// What of it is run.
    pub(super) script: Script,
    /// The tables of SQLite that it makes anew.
    pub(super) remade: Vec<Remade>,
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
    for wrong in std::mem::take(&mut vetted.script.doubtful) {
        if !terms.foreign {
            return Err(wrong);
        }
        vetted.notes.push(format!("line {} is taken for a comment: {}", wrong.line, wrong.message));
    }
    for directive in vetted.script.directives() {
        match &directive.says {
            Says::Kind(Kind::Additive) => vetted.additive = true,
            Says::Kind(Kind::OutsideTransaction) => vetted.outside = true,
            Says::Kind(Kind::Rebuild(tables)) if !terms.postgres => {
                vetted.remade.extend(tables.iter().map(|table| Remade { table: table.clone(), declared: true, whole: true }));
            }
            _ => {}
        }
    }
    if !terms.postgres {
        for remade in made_anew(&vetted.script, terms.foreign) {
            if !vetted.remade.iter().any(|r| r.table.eq_ignore_ascii_case(&remade.table)) {
                vetted.remade.push(remade);
            }
        }
        vetted.foreign_keys_off = !vetted.remade.is_empty();
        if terms.foreign {
            strip_pragmas(&mut vetted);
        }
    }
    let alone = vetted.script.statements.iter().find(|s| needs_no_transaction(s, terms.postgres)).map(|s| s.line);
    if terms.foreign && !vetted.outside {
        if let Some(line) = alone {
            vetted.outside = true;
            vetted.notes.push(format!("line {line} cannot live in a transaction: the step runs outside one, statement by statement"));
        } else if terms.postgres
            && let Some(line) = uses_new_value(&vetted.script)
        {
            vetted.outside = true;
            let why = "uses a value that the step adds to an enumeration, which must be committed first";
            vetted.notes.push(format!("line {line} {why}: the step runs outside a transaction, statement by statement"));
        }
    }
    if !terms.postgres && vetted.outside && alone.is_none() {
        // All that SQLite needs from it is that foreign keys can be off.
        vetted.outside = false;
        vetted.foreign_keys_off = true;
    }
    if !vetted.outside {
        strip_transaction(&mut vetted, terms.foreign);
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

/// One pair of BEGIN and COMMIT around the script is left out: the run has its own. Another tool's script may have several,
/// one behind the other.
fn strip_transaction(vetted: &mut Vetted, several: bool) {
    let statements = &mut vetted.script.statements;
    let ends: Vec<usize> = (0..statements.len()).filter(|i| begins_transaction(&statements[*i]) || commits(&statements[*i])).collect();
    let plain = |at: usize| commits(&statements[at]) && !statements[at].has("CHAIN") && !statements[at].has("PREPARED");
    let paired = ends.chunks(2).all(|pair| matches!(pair, [b, c] if begins_transaction(&statements[*b]) && plain(*c)));
    if ends.is_empty() || !paired || ends.len() > 2 && !several {
        return;
    }
    for pair in ends.chunks(2) {
        let words = |at: usize| format!("{} in line {}", statements[at].head(), statements[at].line);
        vetted.notes.push(format!("its {} and {} are left out: the transaction is tieout's", words(pair[0]), words(pair[1])));
    }
    for at in ends.into_iter().rev() {
        let directives = statements.remove(at).directives;
        let next = statements.get_mut(at).map_or(&mut vetted.script.rest, |next| &mut next.directives);
        next.splice(0..0, directives).for_each(drop);
    }
}

/// The line that uses a value which an earlier statement of the script adds to an enumeration.
fn uses_new_value(script: &Script) -> Option<usize> {
    let statements = script.statements.iter().enumerate();
    let mut added = statements.filter_map(|(at, s)| Some((at, s.added_value()?)));
    added.find_map(|(at, value)| {
        let uses = |s: &&Statement| s.added_value().is_none() && s.sql.contains(value);
        script.statements[at + 1..].iter().find(uses).map(|s| s.line)
    })
}

fn is_foreign_keys(s: &Statement) -> bool {
    s.begins(&["PRAGMA", "FOREIGN_KEYS"])
}

/// What the session alone is about, and SQLite refuses to change within a transaction.
fn is_of_the_session(s: &Statement) -> bool {
    s.begins(&["PRAGMA", "SYNCHRONOUS"]) || s.begins(&["PRAGMA", "TEMP_STORE"])
}

/// `PRAGMA foreign_keys` does nothing within a transaction: it is done before.
fn strip_pragmas(vetted: &mut Vetted) {
    let statements = &mut vetted.script.statements;
    statements.retain(|s| !is_of_the_session(s));
    let off = |s: &&Statement| is_foreign_keys(s) && (s.has("OFF") || s.has("FALSE") || s.has("NO") || s.sql.trim_end().ends_with('0'));
    if let Some(line) = statements.iter().find(off).map(|s| s.line) {
        vetted.foreign_keys_off = true;
        vetted.notes.push(format!("line {line}: foreign keys are off before the transaction begins, where that has an effect"));
    }
    statements.retain(|s| !is_foreign_keys(s));
}

/// The tables that are dropped and whose name another takes, before or behind. With foreign keys on, dropping one would first
/// delete its rows, and with them those of other tables that refer to them. What goes with the old table is made again where
/// the new one is renamed to it; another tool's step makes it again itself, or means it to go.
fn made_anew(script: &Script, foreign: bool) -> Vec<Remade> {
    let dropped = script.statements.iter().filter_map(Statement::dropped).filter(|(kind, _)| kind == "TABLE");
    let takes = |name: &str, of: fn(&Statement) -> Option<String>| {
        script.statements.iter().filter_map(of).any(|taken| taken.eq_ignore_ascii_case(name))
    };
    let remade = |(_, table): (String, String)| {
        let renamed = takes(&table, Statement::renamed_to);
        let anew = renamed || takes(&table, Statement::created_table);
        anew.then_some(Remade { table, declared: false, whole: renamed && !foreign })
    };
    dropped.filter_map(remade).collect()
}

fn needs_no_transaction(s: &Statement, postgres: bool) -> bool {
    s.begins(&["VACUUM"])
        || s.begins(&["ATTACH"])
        || s.begins(&["DETACH"])
        || (s.begins(&["PRAGMA", "JOURNAL_MODE"]))
        || postgres
            && (s.has("CONCURRENTLY") && !s.begins(&["REFRESH"])
                || s.begins(&["REINDEX"]) && ["CONCURRENTLY", "DATABASE", "SYSTEM"].iter().any(|w| s.sql.to_uppercase().contains(w))
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
    if s.sql.starts_with(['\\', '.']) {
        return refused("it is a command of psql or sqlite3, not SQL; remove it");
    }
    if s.begins(&["DISCARD"]) && terms.postgres {
        return refused("it would give up what tieout holds in its session; remove it");
    }
    if s.begins(&["COPY"]) && s.has("STDIN") {
        return refused("its rows are for psql; load them as a source of a job, or with INSERT");
    }
    if vetted.outside {
        return Ok(());
    }
    let back = s.begins(&["ROLLBACK"]) && s.has("TO");
    let marks = back || s.begins(&["SAVEPOINT"]) || s.begins(&["RELEASE"]);
    let ends = (s.begins(&["ROLLBACK"]) && !back) || s.begins(&["ABORT"]) || s.begins(&["PREPARE", "TRANSACTION"]);
    if ends || (marks && !terms.foreign) || begins_transaction(s) || commits(s) {
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
            ("PREPARE TRANSACTION 'x'", "postgres", 1, "PREPARE TRANSACTION"),
            ("DISCARD ALL", "postgres", 1, "DISCARD ALL"),
            ("REINDEX (CONCURRENTLY) TABLE t", "postgres", 1, "REINDEX"),
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
        let pairs = "BEGIN; SELECT 1; COMMIT;\nBEGIN; SAVEPOINT a; SELECT 2; ROLLBACK TO a; COMMIT;";
        assert_eq!(vetted(pairs, "postgres", true).unwrap().script.statements.len(), 4);
        let doubtful = "CREATE TABLE t (\n-- if: a is there\na INT) -- kind: of odd";
        assert!(vetted(doubtful, "sqlite", true).unwrap().notes.len() == 2 && vetted(doubtful, "sqlite", false).is_err());
        for nested in ["BEGIN; BEGIN; SELECT 1; COMMIT", "COMMIT; BEGIN", "BEGIN; SELECT 1; ROLLBACK", "BEGIN; SELECT 1; COMMIT AND CHAIN"]
        {
            assert!(vetted(nested, "postgres", true).is_err(), "{nested}");
        }
        let enumeration = "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'odd';\nALTER TABLE t ALTER a SET DEFAULT 'odd'";
        let found = vetted(enumeration, "postgres", true).unwrap();
        assert!(found.outside && found.notes[0].contains("line 2"), "{:?}", found.notes);
        assert!(!vetted("ALTER TYPE mood ADD VALUE 'odd'; ALTER TYPE mood ADD VALUE 'new' AFTER 'odd'", "postgres", true).unwrap().outside);
    }

    #[test]
    fn a_table_that_is_made_anew_has_foreign_keys_off() {
        let anew = "CREATE TABLE n (a INT); INSERT INTO n SELECT a FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t;";
        assert!(vetted(anew, "sqlite", false).unwrap().foreign_keys_off);
        assert!(!vetted("DROP TABLE t; CREATE TABLE u (a INT)", "sqlite", false).unwrap().foreign_keys_off);
        assert!(!vetted(anew, "postgres", false).unwrap().foreign_keys_off);
        for (sql, foreign, whole) in [(anew, false, true), (anew, true, false), ("DROP TABLE t; CREATE TABLE t (a INT)", false, false)] {
            assert_eq!(vetted(sql, "sqlite", foreign).unwrap().remade, [Remade { table: "t".into(), declared: false, whole }]);
        }
        let declared = vetted(&format!("-- kind: rebuild T\n{anew}"), "sqlite", true).unwrap().remade;
        assert_eq!(declared, [Remade { table: "T".into(), declared: true, whole: true }]);
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
