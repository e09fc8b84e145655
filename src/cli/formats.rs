//! `tieout formats`: every format with its options and an example.

use super::Global;
use super::output::Output;
use clap::Args;
use serde_json::json;
use tieout_parsers::registry;

/// List the formats, with their options and an example
#[derive(Args)]
pub(super) struct FormatsArgs {}

pub(super) fn formats(_args: &FormatsArgs, global: &Global, output: &Output) -> i32 {
    let registry = registry();
    if global.json {
        let formats = registry.all().map(|f| {
            let options: Vec<_> = f.options().iter().map(|o| json!({ "name": o.name, "takes": o.takes })).collect();
            json!({ "name": f.name(), "about": f.about(), "options": options, "example": f.example() })
        });
        let document = json!({ "formats": formats.collect::<Vec<_>>() });
        output.document(&document);
        return 0;
    }
    for format in registry.all() {
        output.result(&format!("{}\n  {}\n", format.name(), format.about()));
        for option in format.options() {
            output.result(&format!("  option {}: {}\n", option.name, option.takes));
        }
        let example = format.example().replace('\n', "\n    ");
        output.result(&format!("\n    {example}\n\n"));
    }
    0
}
