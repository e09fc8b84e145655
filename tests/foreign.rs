//! Other tools' migrations, some hundreds of steps with whatever the databases' SQL allows, in each tool's layout: the schema
//! and the rows are those that `psql -f` and `sqlite3 <` make of the same files. The steps are in `fixtures/foreign`, a file
//! for each kind of habit, and come in rounds with other names.

use crate::support::database::{Database, Kind};
use crate::support::{TestEnv, on_both};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A step: its name, its SQL, and whether its tool must be told to run it outside a transaction.
struct Foreign {
    name: String,
    sql: String,
    outside: bool,
}

fn steps(kind: Kind) -> Vec<Foreign> {
    let (folder, rounds) = match kind {
        Kind::Sqlite => ("sqlite", 14),
        Kind::Postgres => ("postgres", 13),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let step = |round: usize, file: &Path| Foreign {
        name: file.file_stem().unwrap().to_str().unwrap()[3..].to_owned(),
        sql: fs::read_to_string(file).unwrap().replace("@n@", &round.to_string()),
        outside: file.ends_with("08_concurrent.sql"),
    };
    (0..rounds).flat_map(|round| files.iter().map(move |file| step(round, file)).collect::<Vec<_>>()).collect()
}

/// Digits, as a tool counts them.
fn digits(at: usize) -> String {
    (20_240_101_000_000 + at).to_string()
}

type Layout = fn(usize, &Foreign) -> Vec<(String, String)>;

const LAYOUTS: [(&str, Layout); 4] = [
    ("diesel", |at, step| {
        let d = digits(at);
        let d = if at.is_multiple_of(3) { format!("{}-{}-{}-{}", &d[..4], &d[4..6], &d[6..8], &d[8..]) } else { d };
        let mut files = vec![(format!("{d}_{}/up.sql", step.name), step.sql.clone())];
        if step.outside {
            files.push((format!("{d}_{}/metadata.toml", step.name), "run_in_transaction = false\n".into()));
        }
        files
    }),
    ("prisma", |at, step| vec![(format!("{}_{}/migration.sql", digits(at), step.name), step.sql.clone())]),
    ("dbmate", |at, step| {
        let how = if step.outside { " transaction:false" } else { "" };
        let sql = step.sql.trim_start_matches('\u{feff}');
        let text = format!("-- migrate:up{how}\n{sql}\n-- migrate:down\nDROP TABLE nowhere;\n");
        vec![(format!("{}_{}.sql", digits(at), step.name), text)]
    }),
    ("goose", |at, step| {
        let how = if step.outside { "-- +goose NO TRANSACTION\n" } else { "" };
        let sql = step.sql.trim_start_matches('\u{feff}');
        let text =
            format!("{how}-- +goose Up\n-- +goose StatementBegin\n{sql}\n-- +goose StatementEnd\n-- +goose Down\nDROP TABLE nowhere;\n");
        vec![(format!("{:05}_{}.sql", at + 1, step.name), text)]
    }),
];

on_both! {
    fn hundreds_of_steps_of_other_tools_give_what_the_databases_own_clients_give(env) {
        let steps = steps(env.database.kind);
        assert!(steps.len() > 250, "{} steps", steps.len());
        for (at, step) in steps.iter().enumerate() {
            env.write(&format!("plain/{at:04}.sql"), &step.sql);
            env.database.run_file(&env.path(&format!("plain/{at:04}.sql")));
        }
        let (schema, rows) = (env.database.schema(), without_counters(&env.database));
        for (tool, layout) in LAYOUTS {
            for (path, text) in steps.iter().enumerate().flat_map(|(at, step)| layout(at, step)) {
                env.write(&format!("{tool}/{path}"), text);
            }
            env.write(&format!("{tool}/README.md"), "Not a step.");
            let other = TestEnv::new(env.database.kind);
            let up = env.tieout(&["migrate", "up", "--dir", tool, "--database", &other.database.url(), "--json"]).expect_code(0);
            assert_eq!(up.json()["migrations"].as_array().unwrap().len(), steps.len());
            same(tool, &schema, &other.database.schema());
            same(tool, &rows, &without_counters(&other.database));
        }
        taken_over(env, &steps);
        assert_eq!(without_counters(&env.database), rows, "nothing is run that stands");
    }
}

/// A database that its own client brought there is taken over, in time.
fn taken_over(env: &TestEnv, steps: &[Foreign]) {
    let last = format!("{}_{}", digits(steps.len() - 1), steps[steps.len() - 1].name);
    let place = ["--dir", "prisma", "--database", &env.database.url(), "--json"];
    let begin = Instant::now();
    let baseline = env.tieout(&[&["migrate", "baseline", "--at", &last], &place[..]].concat()).expect_code(0).json();
    assert!(begin.elapsed() < Duration::from_secs(20), "the baseline took {:?}", begin.elapsed());
    assert!(baseline["migrations"].as_array().unwrap().iter().all(|s| s["status"] == "adopted"), "{baseline}");
    let up = env.tieout(&[&["migrate", "up"], &place[..]].concat()).expect_code(0).json();
    assert!(up["migrations"].as_array().unwrap().iter().all(|s| s["status"] == "recorded"), "{up}");
}

/// What a database holds. SQLite's counters are kept apart: where another tool's step makes a table anew, we keep its counter, and the
/// client alone does not (`steps` has a test of that).
fn without_counters(database: &Database) -> String {
    let dump = database.dump();
    let skip = |line: &&str| database.kind == Kind::Postgres || !line.starts_with("counter ");
    dump.lines().filter(skip).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn same(tool: &str, plain: &str, ours: &str) {
    if plain != ours {
        let only = |a: &str, b: &str| a.lines().filter(|l| !b.lines().any(|o| o == *l)).take(20).collect::<Vec<_>>().join("\n");
        panic!("{tool}: without tieout\n{}\nwith tieout\n{}", only(plain, ours), only(ours, plain));
    }
}

impl Database {
    /// The whole schema in the database's own words, but tieout's own tables.
    pub(crate) fn schema(&self) -> String {
        match self.kind {
            Kind::Sqlite => {
                let sql =
                    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE 'tieout!_%' ESCAPE '!' ORDER BY 1, 2";
                self.rows(sql).into_iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n")
            }
            Kind::Postgres => {
                let text = self.client("pg_dump", &["--schema-only", "--exclude-table=tieout_*", "--dbname"], None);
                text.lines().filter(|l| !l.contains("restrict ")).collect::<Vec<_>>().join("\n")
            }
        }
    }
}
