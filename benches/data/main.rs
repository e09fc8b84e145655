//! Makes the archives that `make bench` measures: electricity bills, houses of rent calculations, their jobs, and the same
//! rows as clean tab-separated text for programs that cannot read the files themselves. The same seed gives the same bytes.
//! Not part of the published program; what runs it is `benches/run.py`.
//!
//! `data FOLDER [bills=N] [houses=N] [files=N] [seed=N] [corrected=1] [plain=1]`: `corrected` gives a hundredth of the lines another
//! amount, `plain` has one source a house and people whose names tell them apart everywhere.

mod bills;
mod houses;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// When every row of the clean text is said to have been made.
const MADE: &str = "2025-10-04 12:00:00";

/// What to make.
struct Plan {
    folder: PathBuf,
    bills: u64,
    houses: u64,
    files: u64,
    seed: u64,
    corrected: bool,
    plain: bool,
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Plan, String> {
        let folder = words.next().ok_or("name the folder")?.into();
        let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
        for word in words.filter(|w| w != "--bench") {
            let (name, number) = word.split_once('=').ok_or_else(|| format!("`{word}` is not NAME=NUMBER"))?;
            numbers.insert(name.to_owned(), number.parse().map_err(|_| format!("`{number}` is no number"))?);
        }
        let mut take = |name: &str| numbers.remove(name).unwrap_or_default();
        let (bills, houses, files, seed) = (take("bills"), take("houses"), take("files"), take("seed"));
        let plan = Plan { folder, bills, houses, files, seed, corrected: take("corrected") > 0, plain: take("plain") > 0 };
        numbers.keys().next().map_or(Ok(plan), |unknown| Err(format!("`{unknown}` is not known")))
    }

    /// A random number that depends on nothing but the seed and what it is for.
    fn random(&self, place: &[u64]) -> Random {
        Random(place.iter().fold(self.seed, |state, n| Random(state ^ n).next()))
    }

    fn file(&self, name: &str) -> io::Result<BufWriter<File>> {
        File::create(self.folder.join(name)).map(|file| BufWriter::with_capacity(1 << 20, file))
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): enough for data that only has to look natural.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// An id as long as the ones that applications give.
fn id(random: &mut Random) -> String {
    format!("c{:016x}{:08x}", random.next(), random.next() as u32)
}

/// An amount in öre as it is written: `1632`, `1632.5`, `-0.05`.
fn kronor(ore: i64) -> String {
    let (whole, rest) = (ore.abs() / 100, ore.abs() % 100);
    let mut text = format!("{}{whole}", if ore < 0 { "-" } else { "" });
    if rest > 0 {
        let _ = write!(text, ".{rest:02}");
    }
    if text.contains('.') { text.trim_end_matches('0').to_owned() } else { text }
}

/// What both jobs begin with.
fn job(name: &str, migrations: &Path) -> String {
    let migrations = migrations.display();
    format!("[job]\nname = \"{name}\"\ncurrency = \"SEK\"\ntimezone = \"Europe/Stockholm\"\n\n[migrations]\ndir = \"{migrations}\"\n")
}

fn make(plan: &Plan) -> io::Result<()> {
    std::fs::create_dir_all(&plan.folder)?;
    if plan.bills > 0 {
        bills::make(plan)?;
    }
    if plan.houses > 0 {
        houses::make(plan)?;
    }
    Ok(())
}

fn main() -> std::process::ExitCode {
    let made = Plan::read(std::env::args().skip(1)).and_then(|plan| make(&plan).map_err(|e| e.to_string()));
    let Err(why) = made else { return std::process::ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "data: {why}");
    std::process::ExitCode::FAILURE
}
