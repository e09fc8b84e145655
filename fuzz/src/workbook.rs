//! Workbooks: random bytes rarely are a ZIP archive with the right checksums, so the parts are fuzzed and packed here.

use crate::{Reader, check, same, spans};
use std::cell::RefCell;
use std::io::{Cursor, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;
use tieout_parsers::{Encoding, parse};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Reads an Excel workbook, or one made of a sheet, the shared texts and the styles.
pub fn xlsx(settings: &str, data: &[u8]) {
    if data.starts_with(b"PK") {
        return read("xlsx", settings, data);
    }
    let relations = |kind: &str, target: &str| {
        format!(r#"<Relationships><Relationship Id="r1" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>"#)
    };
    let package = relations("officeDocument", "xl/workbook.xml");
    let book = relations("worksheet", "worksheets/sheet1.xml");
    let mut members = vec![
        ("_rels/.rels", package.as_bytes()),
        ("xl/_rels/workbook.xml.rels", book.as_bytes()),
        ("xl/workbook.xml", br#"<workbook><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#),
    ];
    members.extend(["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"].into_iter().zip(data.split(|b| *b == 0)));
    read("xlsx", settings, &pack(&members));
}

/// Reads an OpenDocument spreadsheet, or one of that content.
pub fn ods(settings: &str, data: &[u8]) {
    if data.starts_with(b"PK") { read("ods", settings, data) } else { read("ods", settings, &pack(&[("content.xml", data)])) }
}

fn pack(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).expect("a member");
        archive.write_all(bytes).expect("its bytes");
    }
    archive.finish().expect("an archive").into_inner()
}

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

fn read(name: &str, settings: &str, bytes: &[u8]) {
    // The fuzzer ends the process at every panic; those that the parser catches are none.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| set_hook(Box::new(|info| LAST.set(info.to_string()))));
    let reader = Reader::get(name, settings);
    let context = reader.context(Encoding::Utf8);
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let parsed = parse(reader.format, bytes, &context);
        same(&parsed, &parse(reader.format, bytes, &context));
        check(&parsed);
        spans(&parsed, &|span| assert!(span.line <= 1_048_576 && span.column <= 16_384, "{span:?} is outside the sheet"));
    }));
    if checked.is_err() {
        eprintln!("{}", LAST.take());
        std::process::abort();
    }
}
