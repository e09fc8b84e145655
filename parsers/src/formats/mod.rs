//! One file per format, and the list of them. A format reads one shape of file into the records of the domain, and knows
//! no other. Each has its samples, with the expected output beside them, in a folder `fixtures/formats/NAME`.

use crate::format::Format;

macro_rules! formats {
    ($($module:ident => $($format:ident)+,)+) => {
        $(pub mod $module;)+
        /// Every format, in the order of the names of their files.
        pub(crate) static ALL: &[&dyn Format] = &[$($(&$module::$format),+),+];
    };
}

// A new format is one line here.
formats! {
    csv => Csv,
    electricity_bills_text => ElectricityBillsText,
    exec => Exec,
    fixed => Fixed,
    json => Json JsonLines,
    lines => Lines,
    rent_export_json => RentExportJson,
    rent_history_json => RentHistoryJson,
    workbook => Xlsx Ods,
}
