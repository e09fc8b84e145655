//! The file formats of `tieout`: bytes in, typed records and diagnostics out.
//!
//! Here live decoding, positions, exact amounts, dates and months, and one file per format in
//! [`formats`]. Absent on purpose: files, databases, clocks, locales, logging. [`parse`] is a pure
//! function of the bytes and the [`Context`], so a file gives the same records wherever it is read.

mod amount;
mod delimited;
mod diagnostic;
mod fields;
mod format;
pub mod formats;
mod json;
mod known_tables;
pub mod look;
mod month;
mod parsed;
mod reader;
mod record;
mod registry;
mod sheet;
mod text;

pub use amount::{Fault, Money, exact_decimal, swedish_decimal};
pub use diagnostic::{Diagnostic, Severity, Span, excerpt, nearest};
pub use fields::{Field, FieldKind, Reading};
pub use format::{Blocks, Context, Format, OptionSpec, OptionValue, Options, OptionsError};
pub use formats::exec::heard;
pub use month::Month;
pub use parsed::{Parsed, Reject, Tally, Unit};
pub use reader::{Reader, TextBlocks, parse};
pub use record::{At, Bill, CONFIG_KEYS, ConfigEntry, Constant, FieldValue, Located, Record, RentCalculation, Roommate, Share, Tenant};
pub use registry::{Registry, registry};
pub use text::{Encoding, Text, Utf8Check};

pub use jiff::Timestamp;
pub use jiff::civil::{Date, DateTime};
pub use rust_decimal::Decimal;
