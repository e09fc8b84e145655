//! Which files are written about a run: the renderings of its report, and with `--junit FILE` and `--metrics FILE` the outcome
//! for the programs that watch over runs.

use super::output::Output;
use crate::error::io_words;
use crate::evidence::Subject;
use crate::report::{Form, Format, Lang, Outcome, junit, metrics, put_in_place};
use clap::Args;
use std::path::PathBuf;

/// Files for other programs.
#[derive(Args)]
pub(super) struct Files {
    /// Write the outcome as JUnit XML, for Jenkins, GitLab, GitHub
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the outcome as metrics, for the textfile collector of Prometheus' node_exporter
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    renderings: Renderings,
}

/// What is written into the report's folder.
#[derive(Args)]
pub(super) struct Renderings {
    /// Write these too into the report's folder, beside HTML, JSON and text
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT")]
    pub(super) format: Vec<Format>,
    /// The language of the report's own words
    #[arg(long, value_enum, default_value_t, value_name = "LANGUAGE")]
    pub(super) lang: Lang,
}

impl Renderings {
    pub(super) fn form(&self) -> Form {
        Form { more: self.format.iter().copied().collect(), lang: self.lang }
    }
}

impl Files {
    /// What is written into the report's folder.
    pub(super) fn form(&self) -> Form {
        self.renderings.form()
    }

    /// Writes what is asked for, failed runs too. Where that cannot be, a run that went well has not done all it was asked.
    pub(super) fn write(&self, outcome: &mut Outcome, output: &Output) {
        let mut wrong = false;
        for (path, render) in [(&self.junit, junit as fn(&Outcome) -> String), (&self.metrics, metrics)] {
            let Some(path) = path else { continue };
            if let Err(error) = put_in_place(path, &render(outcome)) {
                let hint = "the run itself is not touched by this; name a file in a folder that can be written to";
                output.error(&format!("cannot write {}: {}", path.display(), io_words(&error)), hint);
                wrong = true;
            }
        }
        if wrong && outcome.exit_code == 0 {
            outcome.exit_code = Subject::Usage.exit_code();
        }
    }
}
