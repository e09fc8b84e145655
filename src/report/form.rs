//! Which renderings of a report are written, and in which language.

use std::collections::BTreeSet;

/// A rendering of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Format {
    /// One file for a browser
    Html,
    /// The model that all others are written from
    Json,
    /// For a terminal
    Text,
    /// A workbook
    Xlsx,
    /// A folder of tables
    Csv,
    /// For a wiki or a pull request
    Md,
}

/// The language of headings and of what the report says by itself. Findings are in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Lang {
    /// English
    #[default]
    En,
    /// Swedish
    Sv,
}

/// What is written of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// The renderings beyond HTML, JSON and text, which are always written.
    pub more: BTreeSet<Format>,
    /// The language.
    pub lang: Lang,
}
