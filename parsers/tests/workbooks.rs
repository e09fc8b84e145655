//! Workbooks that are small on the disk and large in the memory, or say wrong things about themselves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Cursor, Write};
use tieout_parsers::{Context, Encoding, Field, FieldKind, Options, Parsed, parse, registry};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn pack(members: &[(&str, &str)]) -> ZipWriter<Cursor<Vec<u8>>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive
}

const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// An Excel workbook with one sheet of those rows, and other members beside it.
fn xlsx(rows: &str, members: &[(&str, &str)]) -> ZipWriter<Cursor<Vec<u8>>> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let relations =
        format!(r#"<Relationships><Relationship Id="r1" Type="{RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#);
    let workbook = format!(r#"<workbook xmlns:r="{RELATION}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#);
    let package =
        format!(r#"<Relationships><Relationship Id="r1" Type="{RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#);
    let own = [
        ("_rels/.rels", &*package),
        ("xl/workbook.xml", &workbook),
        ("xl/_rels/workbook.xml.rels", &relations),
        ("xl/worksheets/sheet1.xml", &sheet),
    ];
    pack(&[&own, members].concat())
}

fn ods(rows: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content><office:body><office:spreadsheet>\
         <table:table table:name=\"S\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    finish(pack(&[("content.xml", &content)]))
}

fn finish(archive: ZipWriter<Cursor<Vec<u8>>>) -> Vec<u8> {
    archive.finish().unwrap().into_inner()
}

/// A text in an Excel cell.
fn cell(at: &str, text: &str) -> String {
    format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

/// A text in an OpenDocument cell, so many times.
fn told(text: &str, times: u64) -> String {
    format!(
        r#"<table:table-cell office:value-type="string" table:number-columns-repeated="{times}"><text:p>{text}</text:p></table:table-cell>"#
    )
}

fn read(format: &str, bytes: &[u8]) -> Parsed {
    assert!(bytes.len() < 3 << 20, "the file itself is small");
    let field = Field { name: "name".into(), from: "Name".into(), kind: FieldKind::Text, required: false };
    let (timezone, options) = (jiff::tz::TimeZone::UTC, Options::default());
    let context =
        Context { path: "x", timezone: &timezone, encoding: Encoding::Utf8, fields: &[field], worth: None, only: None, options: &options };
    let parsed = parse(registry().find(format).unwrap(), bytes, &context);
    assert!(parsed.tally.balances(), "{:?}", parsed.tally);
    assert!(parsed.tally.rejected == 0 || parsed.is_rejected());
    parsed
}

#[track_caller]
fn refused(format: &str, bytes: &[u8]) -> (&'static str, String) {
    let parsed = read(format, bytes);
    let error = parsed.diagnostics.iter().find(|d| d.code != "not-loaded").unwrap_or_else(|| panic!("{} records", parsed.records.len()));
    (error.code, error.message.clone())
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let mut archive = xlsx(&cell("A1", "Name"), &[]);
    archive.start_file("xl/media/image1.png", SimpleFileOptions::default()).unwrap();
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..257 {
        archive.write_all(&zeros).unwrap();
    }
    let bomb = finish(archive);
    for format in ["xlsx", "ods"] {
        assert_eq!(refused(format, &bomb), ("too-large", "the workbook unpacks to more than 256 MiB".to_owned()));
    }
    let styles = format!("<styleSheet><cellXfs>{}</cellXfs></styleSheet>", "<xf/>".repeat(4 << 20));
    assert_eq!(refused("xlsx", &finish(xlsx("", &[("xl/styles.xml", &styles)]))).0, "too-large");
}

#[test]
fn two_cells_in_opposite_corners_are_two_cells() {
    let rows =
        format!(r#"<row r="1">{}</row><row r="1048576">{}{}</row>"#, cell("A1", "Name"), cell("A1048576", "last"), cell("XFD1048576", "x"));
    let parsed = read("xlsx", &finish(xlsx(&rows, &[])));
    assert_eq!((parsed.tally.read, parsed.records.len(), parsed.records[0].span.line), (1_048_576, 1, 1_048_576));
    let stray = &parsed.diagnostics[0];
    assert_eq!((stray.code, stray.span.pointer.as_deref()), ("not-loaded", Some("S!XFD1048576")));

    let empty = |times| format!(r#"<table:table-cell table:number-columns-repeated="{times}"/>"#);
    let last = format!("<table:table-row>{}{}{}</table:table-row>", told("last", 1), empty(16_382), told("x", 1));
    let blank = format!(r#"<table:table-row table:number-rows-repeated="1048574">{}</table:table-row>"#, empty(16_384));
    let parsed = read("ods", &ods(&format!("<table:table-row>{}</table:table-row>{blank}{last}", told("Name", 1))));
    assert_eq!((parsed.tally.read, parsed.records.len(), parsed.records[0].span.line), (1_048_576, 1, 1_048_576));
    assert_eq!(parsed.diagnostics[0].span.pointer.as_deref(), Some("S!XFD1048576"));

    // What LibreOffice writes behind every table.
    let behind = format!("<table:table-row>{}{}</table:table-row>{blank}", told("Name", 1), empty(16_383));
    assert_eq!(read("ods", &ods(&behind)).tally.read, 1);
}

#[test]
fn filled_cells_that_are_only_said_to_be_there_are_counted_before_they_are_made() {
    let named = format!("<table:table-row>{}</table:table-row>", told("Name", 1));
    let row =
        |times: u64, cells: &str| format!(r#"{named}<table:table-row table:number-rows-repeated="{times}">{cells}</table:table-row>"#);
    assert_eq!(read("ods", &ods(&row(3, &told("x", 16_384)))).records.len(), 3);
    let (code, message) = refused("ods", &ods(&row(1_048_575, &told("x", 16_384))));
    assert_eq!(code, "too-large");
    assert!(message.contains("`S` has more than 20 million cells"), "{message}");
    assert_eq!(refused("ods", &ods(&row(1_000_000, &told(&"x".repeat(1000), 1)))).0, "too-large");
    assert_eq!(refused("ods", &ods(&row(2_000_000, &told("x", 1)))).0, "bad-workbook");
    assert_eq!(refused("ods", &ods(&row(1, &told("x", 16_385)))).0, "bad-workbook");
    let many = row(1, &told("x", 16_384)).repeat(2000);
    assert_eq!(refused("ods", &ods(&many)).0, "too-large");
    let spaces =
        row(1, r#"<table:table-cell office:value-type="string"><text:p>a<text:s text:c="2000000000"/>b</text:p></table:table-cell>"#);
    assert_eq!(refused("ods", &ods(&spaces)).0, "too-large");

    let text = "x".repeat(1 << 20);
    let shared = format!(r#"<sst uniqueCount="1"><si><t>{text}</t></si></sst>"#);
    let named = format!(r#"<row r="1">{}</row>"#, cell("A1", "Name"));
    let rows: String = (2..1000).map(|n| format!(r#"<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>"#)).collect();
    assert_eq!(refused("xlsx", &finish(xlsx(&(named.clone() + &rows), &[("xl/sharedStrings.xml", &shared)]))).0, "too-large");
    let wide: String = (2..2000).map(|n| format!(r#"<row r="{n}">{}</row>"#, cell(&format!("XFD{n}"), "x"))).collect();
    assert_eq!(refused("xlsx", &finish(xlsx(&(named + &wide), &[]))).0, "too-large");
}

#[test]
fn a_workbook_that_lies_or_is_damaged_is_refused_and_nothing_in_it_is_guessed_at() {
    let bad = |format, bytes: &[u8], why: &str| {
        let (code, message) = refused(format, bytes);
        assert!(code == "bad-workbook" && message.contains(why), "{message} for {why}");
    };
    let shared = r#"<sst uniqueCount="99999999999999999"><si><t>x</t></si></sst>"#;
    bad("xlsx", &finish(xlsx("", &[("xl/sharedStrings.xml", shared)])), "announces 99999999999999999 texts");
    for (rows, why) in [
        (cell("A4294967297", "Name"), "too large"),
        (cell("AAAAAAAAAAAAAA1", "Name"), "too large"),
        (cell("A1048577", "Name"), "beyond any sheet"),
        (cell("XFE1", "Name"), "beyond any sheet"),
        (cell("A1", "Name") + &cell("A1", "other"), "there twice"),
        (format!(r#"<row r="2">{}</row><row r="1">{}</row>"#, cell("A2", "Name"), cell("A1", "x")), "row 1 stands behind row 2"),
        (format!(r#"<row r="1">{}</row><row r="2"><c r="A2" t="x"><v>1</v></c></row>"#, cell("A1", "Name")), "attribute"),
    ] {
        bad("xlsx", &finish(xlsx(&rows, &[])), why);
    }
    let mut damaged = finish(xlsx(&cell("A1", "Name"), &[]));
    let at = damaged.len() / 3;
    damaged[at] ^= 0x55;
    bad("xlsx", &damaged, "xl/");
    bad("xlsx", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "password");
    for (content, why) in [
        ("<a><table:table table:name=\"S\">", "too early"),
        ("<table:table table:name=\"S\"><table:table-row><table:table-cell><text:p>", "too early"),
        ("<a><b></a></b>", "expected `</b>`"),
        ("<a>&x;</a>", "`&x;` stands for nothing"),
    ] {
        bad("ods", &finish(pack(&[("content.xml", content)])), why);
    }
}

#[test]
fn what_an_opendocument_cell_shows_and_what_it_says_are_told_apart() {
    let row = |cell: &str| format!("<table:table-row>{}</table:table-row>\n  <table:table-row>{cell}</table:table-row>", told("Name", 1));
    let given = |cell: &str| {
        let parsed = read("ods", &ods(&row(cell)));
        serde_json::to_value(parsed.records.first().map(|r| &r.value)).unwrap()["values"][0].clone()
    };
    for (cell, want) in [
        (
            r#"<table:table-cell office:value-type="float" office:value="0.30000000000000004"><text:p>0,3</text:p></table:table-cell>"#,
            "0.3",
        ),
        (
            "<table:table-cell office:value-type=\"string\"><text:p>a<text:s/><text:s text:c=\"2\"/>b &amp; c</text:p>\n<text:p>d</text:p></table:table-cell>",
            "a   b & c\nd",
        ),
        (
            r#"<table:table-cell office:value-type="string"><office:annotation><text:p>no</text:p></office:annotation><text:p><text:span>yes</text:span></text:p></table:table-cell>"#,
            "yes",
        ),
        ("<table:table-cell><text:p>untyped</text:p></table:table-cell>", "untyped"),
        (r#"<table:table-cell office:value-type="string" office:string-value="said"><text:p>shown</text:p></table:table-cell>"#, "said"),
        (
            r#"<table:table-cell office:value-type="date" office:date-value="2025-10-01"><text:p>1 Oct</text:p></table:table-cell>"#,
            "2025-10-01",
        ),
    ] {
        assert_eq!(given(cell), want, "{cell}");
    }
    let error = r#"<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error"><text:p>#REF!</text:p></table:table-cell>"#;
    assert_eq!(refused("ods", &ods(&row(error))), ("wrong-type", "name: `#REF!` does not fit here".to_owned()));
}
