//! What holds for every format on any bytes: no panic, every line or value accounted for, every place within the file, an
//! error wherever something was refused, and the same bytes twice give the same result.

mod workbook;

pub use workbook::{ods, xlsx};

use std::collections::BTreeMap;
use std::sync::OnceLock;
use tieout_parsers::{
    Context, Encoding, Field, FieldKind, Format, OptionValue, Options, Parsed, Record, Span, Text, heard, parse, registry,
};

/// What a job would say, as beside the samples.
#[derive(serde::Deserialize)]
struct Settings {
    #[serde(default)]
    columns: Vec<(String, String, String, bool)>,
    #[serde(default)]
    options: BTreeMap<String, OptionValue>,
}

/// A format, ready to read.
struct Reader {
    format: &'static dyn Format,
    fields: Vec<Field>,
    options: Options,
    timezone: jiff::tz::TimeZone,
}

/// A target reads with one format, made ready once.
static READER: OnceLock<Reader> = OnceLock::new();

impl Reader {
    fn get(name: &str, settings: &str) -> &'static Reader {
        READER.get_or_init(|| {
            let format = registry().find(name).expect("a format");
            let Settings { columns, options } = serde_json::from_str(settings).expect("settings");
            let options = Options::new(format, options).expect("options");
            let timezone = jiff::tz::TimeZone::get("Europe/Stockholm").expect("a zone");
            let field = |(name, from, kind, required): (String, String, String, bool)| Field {
                name,
                from,
                kind: FieldKind::parse(&kind).expect("a kind"),
                required,
            };
            Reader { format, fields: columns.into_iter().map(field).collect(), options, timezone }
        })
    }

    fn context(&self, encoding: Encoding) -> Context<'_> {
        Context {
            path: "2025_02_v1.json",
            timezone: &self.timezone,
            encoding,
            fields: &self.fields,
            worth: None,
            only: None,
            options: &self.options,
        }
    }
}

/// Reads a text in a format.
pub fn format(name: &str, settings: &str, data: &[u8]) {
    let reader = Reader::get(name, settings);
    // Seeds are whole files, so what else varies is taken from their length.
    let encoding = match data.len() % 4 {
        0 => Encoding::Windows1252,
        1 => Encoding::Auto,
        _ => Encoding::Utf8,
    };
    let context = reader.context(encoding);
    let parsed = parse(reader.format, data, &context);
    same(&parsed, &parse(reader.format, data, &context));
    in_pieces(reader, &context, data, &parsed);
    check(&parsed);
    match Text::decode(data, encoding) {
        Ok(text) => spans(&parsed, &|span| {
            let column = text.line(span.line).chars().count() + 2;
            assert!(span.line <= text.line_count() + 1 && span.column <= column, "{span:?} is outside the file");
        }),
        Err(_) => assert!(parsed.records.is_empty()),
    }
}

/// However the bytes come, the file says the same; where nothing behind a place can be read, how much was before it may vary.
fn in_pieces(reader: &Reader, context: &Context<'_>, data: &[u8], whole: &Parsed) {
    let mut pieces = tieout_parsers::Reader::new(reader.format, context, std::str::from_utf8(data).is_ok());
    let mut records = Vec::new();
    for piece in data.chunks(data.len() / 7 + 1) {
        pieces.push(piece);
        records.extend(pieces.records());
    }
    let parsed = pieces.finish();
    records.extend(parsed.records.iter().cloned());
    assert_eq!((parsed.broken, parsed.is_rejected()), (whole.broken, whole.is_rejected()), "in pieces, it is another");
    if !whole.broken {
        assert!(records == whole.records && parsed.tally == whole.tally, "in pieces, it is another");
    }
}

/// Reads a file and a program's words about it.
pub fn program(data: &[u8]) {
    let settings = r#"{"columns": [["provider", "provider", "text", true], ["due", "due", "date", false], ["amount", "amount", "decimal(12,2)", false]]}"#;
    let reader = Reader::get("exec", settings);
    let (file, words) = data.split_at(data.iter().position(|b| *b == 0).unwrap_or(data.len()));
    let (Ok(text), Ok(words)) = (Text::decode(file, Encoding::Utf8), std::str::from_utf8(words.get(1..).unwrap_or_default())) else {
        return;
    };
    let context = reader.context(Encoding::Utf8);
    let parsed = heard(&text, words, &context);
    same(&parsed, &heard(&text, words, &context));
    check(&parsed);
    spans(&parsed, &|span| assert!(span.line <= text.line_count() + 1, "{span:?} is outside the file"));
}

fn same(one: &Parsed, other: &Parsed) {
    assert_eq!(one.tally, other.tally, "read again, it is another");
    assert!(one.records == other.records && one.diagnostics == other.diagnostics, "read again, it is another");
}

fn check(parsed: &Parsed) {
    let Parsed { tally, diagnostics, .. } = parsed;
    assert!(tally.balances(), "{tally:?}");
    assert!(!diagnostics.iter().any(|d| d.code == "conservation"), "{tally:?}");
    assert!(tally.rejected == 0 || parsed.is_rejected(), "something was refused in silence: {tally:?}");
    assert!(diagnostics.iter().all(|d| !d.message.is_empty() && !d.hint.is_empty()), "{diagnostics:?}");
    // A whole file may be one line: quotes are cut.
    assert!(diagnostics.iter().all(|d| d.quote.chars().count() <= 202), "{diagnostics:?}");
    spans(parsed, &|span| assert!(span.line >= 1 && span.column >= 1, "{span:?} is no place"));
}

/// Every place that is named.
fn spans(parsed: &Parsed, each: &dyn Fn(&Span)) {
    parsed.diagnostics.iter().for_each(|d| each(&d.span));
    for located in &parsed.records {
        each(&located.span);
        if let Record::RentCalculation(calculation) = &located.value {
            calculation.constants.iter().for_each(|c| each(&c.span));
            calculation.roommates.iter().for_each(|r| each(&r.span));
            calculation.shares.iter().for_each(|s| each(&s.span));
        }
    }
}
