//! Micro-benchmarks of the pure stages, without files that change and without a database: bytes → records, records → rows,
//! rows → checks. `cargo bench --bench micro`; `make bench` measures whole runs.

use divan::{Bencher, black_box, counter::ItemsCount};
use std::fmt::Write as _;
use std::path::Path;
use tieout::assemble::{Archive, calculations, ledger_rows, tenant_rows};
use tieout::discover::discover;
use tieout::parse::Watch;
use tieout::reconcile::rent;
use tieout_parsers::{Context, Encoding, Options, parse, registry};

fn main() {
    divan::main();
}

/// Nobody watches.
struct Unwatched;

impl Watch for Unwatched {
    fn file(&self, _: u64) {}

    fn go_on(&self) -> tieout::error::Result<()> {
        Ok(())
    }
}

fn parse_bytes(bencher: Bencher<'_, '_>, format: &str, path: &str, bytes: &[u8], records: usize) {
    let format = registry().find(format).expect("the format is known");
    let (options, timezone) = (Options::default(), jiff::tz::TimeZone::UTC);
    let context = Context { path, timezone: &timezone, encoding: Encoding::Auto, fields: &[], worth: None, only: None, options: &options };
    assert_eq!(parse(format, bytes, &context).records.len(), records);
    bencher.counter(ItemsCount::new(records)).bench(|| parse(format, black_box(bytes), &context));
}

/// Lines of electricity bills.
#[divan::bench]
fn parse_bills(bencher: Bencher<'_, '_>) {
    const LINES: usize = 10_000;
    let mut text = String::from("# Vattenfall (elnätsleverantör)\n");
    for n in 0..LINES {
        let _ = writeln!(text, "{:04}-{:02}-{:02}\t{} kr", 2025 - n / 300, 1 + n / 28 % 12, 1 + n % 28, 90 + n);
    }
    parse_bytes(bencher, "electricity-bills-text", "bills.txt", text.as_bytes(), LINES);
}

/// A calculation of rent.
#[divan::bench]
fn parse_rent(bencher: Bencher<'_, '_>) {
    let bytes = include_bytes!("../fixtures/rent/data/rent_history/2025_02_v10.json");
    parse_bytes(bencher, "rent-history-json", "2025_02_v10.json", bytes, 1);
}

/// The main job's archive, from the records of its files on.
fn with_archive(each: impl FnOnce(Archive<'_>)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/rent");
    let job = tieout::job::read(&root.join("tieout.toml")).expect("the job can be read");
    let (files, _) = discover(&job, &root).expect("its files are there");
    let read = tieout::parse::parse(&job, &files, &Unwatched).expect("they can be read");
    each(Archive { job: &job, files: &files, read: &read });
}

/// Fifteen calculations and their tenants → rows.
#[divan::bench]
fn assemble(bencher: Bencher<'_, '_>) {
    with_archive(|archive| {
        bencher.bench(|| {
            let (_, people, _) = tenant_rows(archive, Vec::new());
            let (calculations, _) = calculations(archive);
            ledger_rows(archive, &calculations, &people).count()
        });
    });
}

/// The same calculations → every check over them: residency, shares against totals, each share recomputed.
#[divan::bench]
fn reconcile(bencher: Bencher<'_, '_>) {
    with_archive(|archive| {
        let (_, people, _) = tenant_rows(archive, Vec::new());
        let (calculations, _) = calculations(archive);
        bencher.counter(ItemsCount::new(calculations.len())).bench(|| {
            let mut heard = rent::Heard::default();
            rent::of_people(&calculations, &people, &mut heard).and_then(|()| heard.checks.finish())
        });
    });
}
