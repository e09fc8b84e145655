//! A job: what the job file declares, checked and typed. Nothing here touches source files or a database.

mod backup;
mod budget;
mod cache;
mod checks;
mod hooks;
mod patterns;
mod read;
mod tables;
mod waivers;

pub use backup::{BackupSettings, BackupWhen};
pub use cache::{Cache, Server};
pub use checks::{At, DeclaredCheck, Setting, Value};
pub use hooks::{Hook, When};
pub use patterns::HOUSE;
pub use read::{FILE, from_text, read};
pub use tables::{DeclaredColumn, DeclaredTable, Holds};
pub use waivers::Waiver;

use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::time::Duration;
use tieout_parsers::{Decimal, Encoding, Field, Format, Options};

/// A job file, read and checked.
pub struct Job {
    /// The job's name, part of the ids of new rows.
    pub name: String,
    /// The currency of every amount, `SEK`.
    pub currency: String,
    /// The zone of wall-clock times without an offset.
    pub timezone: TimeZone,
    /// `database` of the job file, as written.
    pub database: Option<String>,
    /// The folder of the job file.
    pub folder: PathBuf,
    /// SHA-256 of the job file.
    pub sha256: String,
    /// The migration steps.
    pub migrations: Option<Migrations>,
    /// The tables it declares.
    pub tables: Vec<DeclaredTable>,
    /// The sources, in the file's order.
    pub sources: Vec<Source>,
    /// Whether the tables of the domain are of many houses, and so have a column `house`.
    pub houses: bool,
    /// The declared checks.
    pub checks: Vec<DeclaredCheck>,
    /// The control totals.
    pub expects: Vec<Expect>,
    /// Differences that somebody answers for.
    pub waivers: Vec<Waiver>,
    /// The most that differences which are let stand may come to.
    pub materiality: Option<Decimal>,
    /// What is done with rows whose source states them no longer.
    pub on_stale: OnStale,
    /// How long the rehearsal of schema and data may take.
    pub max_downtime: Option<Duration>,
    /// The programs that are run before and after.
    pub hooks: Vec<Hook>,
    /// The caches of which keys are taken away afterwards.
    pub caches: Vec<Cache>,
    /// What is done about backups.
    pub backup: BackupSettings,
}

/// Where the migration steps are, and what holds for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    /// The folder.
    pub dir: PathBuf,
    /// They take nothing away.
    pub additive: bool,
    /// They were made for another tool, whose habits are taken as they are.
    pub foreign: bool,
}

/// A set of files of one format.
pub struct Source {
    /// Its name, unique in the job.
    pub name: String,
    /// How its files are read.
    pub format: &'static dyn Format,
    /// What its files' bytes are.
    pub encoding: Encoding,
    /// Settings of the format.
    pub options: Options,
    /// The declared table that it fills, by index; without one it yields the records of the domain.
    pub table: Option<usize>,
    /// The columns of that table that it fills.
    pub fields: Vec<Field>,
    /// Patterns relative to the root, with `/`.
    pub files: Vec<String>,
    /// The house that all its files are of, where it names one.
    pub house: Option<String>,
    /// The column of the declared table that takes the house of a file, where the source says it.
    pub house_column: Option<usize>,
    /// Which versions of a month count.
    pub versions: Versions,
    /// Which month a calculation is for.
    pub period: Period,
    /// Files left out, with reasons.
    pub exclude: Vec<Exclude>,
    /// How much may be wrong and the rest be loaded all the same; nothing, where it is not declared.
    pub budget: Option<Budget>,
}

impl Source {
    /// A source of nothing but a format.
    pub fn of(format: &'static dyn Format, encoding: Encoding, options: Options) -> Source {
        let (versions, period) = (Versions::default(), Period::default());
        let (name, fields, files, exclude) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        let (table, house, house_column, budget) = (None, None, None, None);
        Source { name, format, encoding, options, table, fields, files, house, house_column, versions, period, exclude, budget }
    }
}

impl Job {
    /// A job of one source, for reading it without a job file.
    pub fn of_one(source: Source, timezone: TimeZone) -> Job {
        Job { timezone, sources: vec![source], ..Job::empty() }
    }

    /// A job of nothing but migrations, for a folder of them without a job file.
    pub fn of_migrations(name: String, dir: PathBuf) -> Job {
        Job { name, migrations: Some(Migrations { dir, additive: false, foreign: true }), ..Job::empty() }
    }

    fn empty() -> Job {
        Job {
            name: String::new(),
            currency: String::new(),
            timezone: TimeZone::UTC,
            database: None,
            folder: PathBuf::new(),
            sha256: String::new(),
            migrations: None,
            tables: Vec::new(),
            sources: Vec::new(),
            houses: false,
            checks: Vec::new(),
            expects: Vec::new(),
            waivers: Vec::new(),
            materiality: None,
            on_stale: OnStale::default(),
            max_downtime: None,
            hooks: Vec::new(),
            backup: BackupSettings::default(),
            caches: Vec::new(),
        }
    }
}

/// How much of a source may go into quarantine: records that are refused, kept as they are, and not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// So many records at most.
    pub rows: usize,
    /// Worth so much at most, in sum and without sign.
    pub amount: Option<Decimal>,
    /// The column that says what a record is worth.
    pub of: Option<String>,
    /// How many of them may be such that nobody can read what they are worth.
    pub unvalued: usize,
    /// Why that much.
    pub because: String,
}

/// What is done with rows that we imported and that no file states any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStale {
    /// They stay, and are reported.
    #[default]
    Report,
    /// They are taken away, and that is recorded.
    Delete,
}

/// Which versions of a month's calculation become ledger rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versions {
    /// The highest alone; the others are superseded.
    #[default]
    Latest,
    /// Every one, as history.
    All,
}

/// Which month a calculation's ledger rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// The month in the file's name.
    #[default]
    Filename,
    /// `constants.year`/`month`.
    Constants,
    /// The month after `constants.year`/`month`.
    AfterConstants,
}

/// A file that is left out on purpose.
pub struct Exclude {
    /// Its path relative to the root.
    pub file: String,
    /// Its content's hash; with another content it is not left out.
    pub sha256: Option<String>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: Option<String>,
    /// Since when.
    pub on: Option<String>,
}

/// Control totals of a table, stated beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The table.
    pub table: String,
    /// How many rows.
    pub rows: Option<u64>,
    /// The one house whose rows are meant; all, where none is named.
    pub house: Option<String>,
    /// Sums of columns.
    pub sum: Vec<(String, Decimal)>,
    /// How many rows have a value in a column.
    pub filled: Vec<(String, u64)>,
    /// How many different values a column has.
    pub distinct: Vec<(String, u64)>,
}
