//! What formats promise: the golden output beside each sample, no panic on any bytes, and every line or value accounted for.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tieout_parsers::{Context, Encoding, Field, FieldKind, Format, OptionValue, Options, Parsed, Reader, registry};

fn samples(format: &dyn Format) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/formats").join(format.name());
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("the format {} has no fixture folder {}", format.name(), folder.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_none_or(|e| e != "expected" && e != "settings")).collect();
    paths.sort();
    paths
}

/// What a job would say about a sample: beside it, as `SAMPLE.settings`.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    columns: Vec<(String, String, String, bool)>,
    #[serde(default)]
    options: BTreeMap<String, OptionValue>,
    #[serde(default)]
    windows_1252: bool,
}

fn settings(sample: &Path) -> Settings {
    let text = std::fs::read_to_string(format!("{}.settings", sample.display()));
    text.map(|t| serde_json::from_str(&t).unwrap()).unwrap_or_default()
}

fn read(format: &dyn Format, name: &str, bytes: &[u8], settings: Settings) -> Parsed {
    in_pieces(format, name, bytes, bytes.len().max(1), settings)
}

/// Reads a file whose bytes come in pieces of that size.
fn in_pieces(format: &dyn Format, name: &str, bytes: &[u8], size: usize, settings: Settings) -> Parsed {
    let timezone = jiff::tz::TimeZone::get("Europe/Stockholm").unwrap();
    let options = Options::new(format, settings.options).unwrap();
    let columns = settings.columns.into_iter();
    let field = |(name, from, kind, required): (String, String, String, bool)| Field {
        name,
        from,
        kind: FieldKind::parse(&kind).unwrap(),
        required,
    };
    let fields: Vec<Field> = columns.map(field).collect();
    let encoding = if settings.windows_1252 { Encoding::Windows1252 } else { Encoding::Utf8 };
    let context = Context { path: name, timezone: &timezone, encoding, fields: &fields, worth: None, only: None, options: &options };
    let mut reader = Reader::new(format, &context, std::str::from_utf8(bytes).is_ok());
    let mut records = Vec::new();
    for piece in bytes.chunks(size) {
        reader.push(piece);
        records.extend(reader.records());
    }
    let parsed = reader.finish();
    records.extend(parsed.records.iter().cloned());
    Parsed { records, ..parsed }
}

/// Records and diagnostics as a reader of the golden file wants them: a line each.
fn golden(parsed: &Parsed) -> String {
    let mut out = String::new();
    for located in &parsed.records {
        let span = &located.span;
        out += &format!("{}:{} {}\n", span.line, span.column, serde_json::to_string(&located.value).unwrap());
    }
    for d in &parsed.diagnostics {
        let pointer = d.span.pointer.as_deref().unwrap_or_default();
        out += &format!(
            "{:?} {} {}:{} {pointer}\n  {}\n  > {}\n  → {}\n",
            d.severity, d.code, d.span.line, d.span.column, d.message, d.quote, d.hint
        );
    }
    let t = &parsed.tally;
    out + &format!(
        "{} · {:?}: read {} = used {} + ignored {:?} + rejected {}\n",
        parsed.encoding, t.unit, t.read, t.used, t.ignored, t.rejected
    )
}

#[test]
fn every_format_reads_its_samples_as_the_golden_files_say() {
    let mut wrong = Vec::new();
    for format in registry().all() {
        let samples = samples(format);
        assert!(!samples.is_empty(), "{} has no sample", format.name());
        for path in samples {
            let parsed = read(format, &path.file_name().unwrap().to_string_lossy(), &std::fs::read(&path).unwrap(), settings(&path));
            let (got, expected) = (golden(&parsed), PathBuf::from(format!("{}.expected", path.display())));
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&expected, &got).unwrap();
            }
            let want = std::fs::read_to_string(&expected)
                .unwrap_or_else(|_| panic!("{} is missing: look whether this is right, then `make bless`\n{got}", expected.display()));
            if got != want {
                wrong.push(format!("{}\n--- expected\n{want}--- got\n{got}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_example_of_every_format_is_read_without_a_word() {
    for format in registry().all() {
        if ["xlsx", "ods", "exec"].contains(&format.name()) {
            continue; // A workbook is no text to show.
        }
        // A format that needs settings takes those of its first sample that has some.
        let good = |s: &PathBuf| !read(format, "x", &std::fs::read(s).unwrap(), settings(s)).is_rejected();
        let with = samples(format).into_iter().filter(good).map(|s| settings(&s)).find(|s| !s.columns.is_empty() && format.name() != "csv");
        let parsed = read(format, "2025_02_v1.json", format.example().as_bytes(), with.unwrap_or_default());
        assert!(parsed.diagnostics.is_empty() && !parsed.records.is_empty(), "{}: {:?}", format.name(), parsed.diagnostics);
    }
}

#[test]
fn one_format_at_most_claims_a_sample() {
    for format in registry().all() {
        for path in samples(format) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            if let Err(claiming) = registry().detect(&name, &text) {
                assert!(claiming.len() < 2, "{name} is claimed by {}", claiming.join(" and "));
            }
        }
    }
}

#[test]
fn every_kind_of_diagnostic_has_a_hint_and_a_place() {
    let mut codes = BTreeSet::new();
    for format in registry().all() {
        for path in samples(format) {
            for d in read(format, &path.file_name().unwrap().to_string_lossy(), &std::fs::read(&path).unwrap(), settings(&path)).diagnostics
            {
                assert!(!d.hint.is_empty() && d.span.line > 0 && d.span.column > 0, "{}: {}", path.display(), d.message);
                codes.insert(d.code);
            }
        }
    }
    assert!(codes.len() > 15, "the samples show too few of the diagnostics: {codes:?}");
}

/// A sample with some bytes replaced, taken out or put in: nearer to real damage than random bytes are.
fn damaged() -> impl Strategy<Value = (usize, PathBuf, Vec<u8>)> {
    let all: Vec<(usize, PathBuf, Vec<u8>)> = registry()
        .all()
        .enumerate()
        .flat_map(|(i, f)| samples(f).into_iter().map(move |p| (i, p.clone(), std::fs::read(p).unwrap())))
        .collect();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, prop::collection::vec(any::<u8>(), 0..6)), 0..6);
    (prop::sample::select(all), edits).prop_map(|((format, name, mut bytes), edits)| {
        for (at, remove, insert) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert);
        }
        (format, name, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic_or_lose_count(bytes in prop::collection::vec(any::<u8>(), 0..400), name in "[0-9]{4}_[0-9]{2}_v[0-9]\\.json|[a-z]{1,8}\\.(txt|csv)") {
        for format in registry().all() {
            let parsed = read(format, &name, &bytes, Settings::default());
            prop_assert!(parsed.tally.balances(), "{}: {:?}", format.name(), parsed.tally);
            prop_assert!(!parsed.diagnostics.iter().any(|d| d.code == "conservation"));
        }
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_and_never_loses_count((format, path, bytes) in damaged()) {
        let format = registry().all().nth(format).unwrap();
        let parsed = read(format, &path.file_name().unwrap().to_string_lossy(), &bytes, settings(&path));
        prop_assert!(parsed.tally.balances(), "{}: {:?}", format.name(), parsed.tally);
        prop_assert!(!parsed.diagnostics.iter().any(|d| d.code == "conservation"));
        prop_assert!(parsed.tally.rejected == 0 || parsed.is_rejected(), "something was refused in silence");
    }

    #[test]
    fn a_file_says_the_same_however_its_bytes_come((format, path, bytes) in damaged(), size in prop_oneof![1..40usize, 1..2000usize]) {
        let format = registry().all().nth(format).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let (whole, pieces) = (read(format, &name, &bytes, settings(&path)), in_pieces(format, &name, &bytes, size, settings(&path)));
        let shown = String::from_utf8_lossy(&bytes);
        let about = format!("{} {}\n{shown}\n{:?}\n{:?}", format.name(), path.display(), whole.diagnostics, pieces.diagnostics);
        prop_assert_eq!(whole.is_rejected(), pieces.is_rejected(), "{}", about);
        prop_assert_eq!(whole.broken, pieces.broken, "{}", about);
        prop_assert_eq!(whole.tally.read, pieces.tally.read, "{}", about);
        if !whole.broken {
            // Where nothing behind a place can be read, how much was read before it depends on the pieces.
            prop_assert_eq!(&whole.records, &pieces.records);
            prop_assert_eq!(&whole.rejects, &pieces.rejects);
            prop_assert_eq!(&whole.tally, &pieces.tally);
        }
        let said = |p: &Parsed| p.diagnostics.iter().map(|d| (d.code, d.span.clone(), d.message.clone())).collect::<Vec<_>>();
        if whole.encoding == pieces.encoding && !whole.broken {
            prop_assert_eq!(said(&whole), said(&pieces));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_program_prints_every_line_is_accounted_for_once(
        file in "([a-c]{0,3}\n){0,6}",
        output in prop::collection::vec((0usize..9, 0usize..3, prop::sample::select(vec!["record\": {}", "ignored\": \"x\"", "error\": \"x\"", "error\": \"\"", "warning\": \"x\"", "nonsense\": 1"])), 0..9),
    ) {
        let lines: String = output.iter().map(|(line, lines, what)| format!("{{\"line\": {line}, \"lines\": {lines}, \"{what}}}\n")).collect();
        let text = tieout_parsers::Text::decode(file.as_bytes(), Encoding::Utf8).unwrap();
        let (timezone, options) = (jiff::tz::TimeZone::UTC, Options::default());
        let context = Context { path: "x", timezone: &timezone, encoding: Encoding::Utf8, fields: &[], worth: None, only: None, options: &options };
        let parsed = tieout_parsers::heard(&text, &lines, &context);
        prop_assert!(parsed.tally.balances(), "{:?}", parsed.tally);
        prop_assert!(parsed.diagnostics.iter().all(|d| !d.message.is_empty() && !d.hint.is_empty()), "{:?}", parsed.diagnostics);
    }
}
