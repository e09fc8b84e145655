//! Each fault tried three ways, and what became of it. Whether it had an effect is found by comparing what is loaded.

use super::house::House;
use super::kinds::{Concerns, Kind};
use super::observe::{Observed, observe};
use super::random::Random;
use super::render::{Files, files, job};
use super::trace::Trace;
use rusqlite::types::ValueRef;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// The three ways.
pub(crate) const TRIALS: [&str; 3] = ["after a clean import", "first import", "first import, with control totals"];

/// What became of a fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Verdict {
    /// The same would be loaded.
    NoEffect,
    /// Nothing was written.
    Stopped,
    /// Something was written, and said.
    Shown,
    Unnoticed,
}

/// How it went one way.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) verdict: Verdict,
    /// Checks and findings that say so.
    pub(crate) by: BTreeSet<String>,
    /// The checks that looked at the place, and what they saw.
    pub(crate) looked: String,
}

/// What a run says to a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    exit: i32,
    by: BTreeSet<String>,
    looked: String,
}

/// A fault.
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) trace: Trace,
    files: Files,
    concerns: Concerns,
}

/// A fault, and how it went in the order of `TRIALS`.
pub(crate) struct Attempt {
    pub(crate) fault: Fault,
    pub(crate) trials: [Trial; 3],
}

/// The archive without fault, its jobs, and what the program says to it.
pub(crate) struct Bench {
    dir: TempDir,
    house: House,
    files: Files,
    /// In the order of `TRIALS`.
    clean: Vec<Observed>,
    contents: String,
}

impl Bench {
    pub(crate) fn new(seed: u64) -> Bench {
        let house = House::without_fault(seed);
        let dir = TempDir::with_prefix("mutation-").expect("a temporary folder");
        write(dir.path(), "plain/tieout.toml", &job(None));
        write(dir.path(), "totals/tieout.toml", &job(Some(&house)));
        let mut bench = Bench { files: files(&house), house, clean: Vec::new(), contents: String::new(), dir };
        archive(bench.dir.path(), &bench.files);
        let [clean, totals] = ["clean.db", "totals.db"].map(|name| bench.dir.path().join(name));
        let first = bench.import("plain", &sqlite(&clean));
        bench.clean = vec![bench.import("plain", &sqlite(&clean)), first, bench.import("totals", &sqlite(&totals))];
        bench.contents = contents(&clean);
        bench
    }

    /// What the program has against the archive without fault: nothing.
    pub(crate) fn flaws(&self) -> Vec<String> {
        self.clean
            .iter()
            .flat_map(|run| run.alarming().into_iter().chain((run.exit != 0).then(|| format!("exit code {}", run.exit))))
            .collect()
    }

    /// Imports the archive without fault.
    pub(crate) fn import(&self, job: &str, database: &str) -> Observed {
        observe(&self.dir.path().join(job), &self.dir.path().join("archive"), database)
    }

    /// Different faults, all kinds as often as each other, as far as there are places for them.
    pub(crate) fn faults(&self, seed: u64, how_many: usize) -> Vec<Fault> {
        let random = &mut Random::new(seed);
        let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
        let mut kinds = Kind::all();
        while faults.len() < how_many {
            let before = faults.len();
            random.shuffle(&mut kinds);
            for kind in &kinds {
                let planted = (0..50).find_map(|_| self.plant(*kind, random).filter(|f| !seen.contains(&f.trace)));
                seen.extend(planted.iter().map(|f| f.trace.clone()));
                faults.extend(planted);
            }
            if faults.len() == before {
                break; // Every place of every kind is taken.
            }
        }
        faults.truncate(how_many);
        faults
    }

    fn plant(&self, kind: Kind, random: &mut Random) -> Option<Fault> {
        let mut house = self.house.clone();
        let concerns = kind.plant(&mut house, random)?;
        let files = files(&house);
        let trace = Trace::between(&self.files, &files)?;
        Some(Fault { kind, trace, files, concerns })
    }

    /// What is said to a fault beyond what is said without: of a database with the clean import, and of two empty ones.
    pub(crate) fn said(&self, fault: &Fault, databases: [&str; 3]) -> [Said; 3] {
        let dir = TempDir::with_prefix("archive-").expect("a temporary folder");
        let root = archive(dir.path(), &fault.files);
        [0, 1, 2].map(|n| {
            let job = if n == 2 { "totals" } else { "plain" };
            let run = observe(&self.dir.path().join(job), &root, databases[n]);
            Said { exit: run.exit, by: run.beyond(&self.clean[n], n == 0), looked: run.looked(&fault.concerns) }
        })
    }

    /// Tries a fault in all three ways, on SQLite.
    fn attempt(&self, fault: Fault) -> Attempt {
        let dir = TempDir::with_prefix("fault-").expect("a temporary folder");
        let [again, first, totals] = ["again.db", "first.db", "totals.db"].map(|name| dir.path().join(name));
        std::fs::copy(self.dir.path().join("clean.db"), &again).expect("a copy of the clean import");
        let said = self.said(&fault, [&sqlite(&again), &sqlite(&first), &sqlite(&totals)]);
        let effect = said[1].exit != 0 || contents(&first) != self.contents;
        let trials = said.map(|Said { exit, by, looked }| {
            let verdict = match (effect, exit, by.is_empty()) {
                (false, _, _) => Verdict::NoEffect,
                (true, 0, true) => Verdict::Unnoticed,
                (true, 0, false) => Verdict::Shown,
                (true, _, _) => Verdict::Stopped,
            };
            Trial { verdict, by, looked }
        });
        Attempt { fault, trials }
    }
}

/// Faults that must have been seen and were not: a value that became another after it was imported; and what control totals
/// hide that is seen without them.
pub(crate) fn hidden(attempts: &[Attempt]) -> Vec<String> {
    let hidden = |a: &&Attempt| {
        let [again, first, totals] = [0, 1, 2].map(|n| a.trials[n].verdict == Verdict::Unnoticed);
        (again && a.fault.kind.changes_a_value()) || (totals && !first)
    };
    attempts.iter().filter(hidden).map(|a| format!("{}: {}", a.fault.kind, a.fault.trace)).collect()
}

/// All of them, on every core, in their order.
pub(crate) fn attempts(bench: &Bench, faults: Vec<Fault>) -> Vec<Attempt> {
    let (next, all) = (AtomicUsize::new(0), faults.len());
    let faults: Vec<_> = faults.into_iter().map(|f| std::sync::Mutex::new(Some(f))).collect();
    let work = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= all {
                return done;
            }
            let fault = faults[n].lock().unwrap().take().expect("each is taken once");
            done.push((n, bench.attempt(fault)));
        }
    };
    let mut done: Vec<(usize, Attempt)> = std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().expect("no attempt panics")).collect()
    });
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, attempt)| attempt).collect()
}

fn sqlite(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn archive(dir: &Path, files: &Files) -> PathBuf {
    files.iter().for_each(|(path, text)| write(&dir.join("archive"), path, text));
    dir.join("archive")
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// Every value of the user's tables, but for the moments at which rows were written.
fn contents(database: &Path) -> String {
    let connection = rusqlite::Connection::open(database).expect("a database");
    let mut text = String::new();
    for (table, columns) in [
        ("Tenant", "id, name, email, startDate, departureDate, roomAdjustment"),
        ("ElectricityBill", "provider, billDate, amount, billPeriod"),
        ("RentConfig", "key, period, value"),
        (
            "RentLedger",
            "tenantId, period, amountDue, amountPaid, paymentDate, daysStayed, roomAdjustment, baseMonthlyRent, calculationTitle, calculationDate",
        ),
    ] {
        let mut query = connection.prepare(&format!("SELECT {columns} FROM {table} ORDER BY {columns}")).expect("the job's schema");
        let n = query.column_count();
        let mut rows = query.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let value = |i| match row.get_ref(i).expect("a value") {
                ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            };
            text += &format!("{table} {}\n", (0..n).map(value).collect::<Vec<_>>().join("|"));
        }
    }
    text
}
