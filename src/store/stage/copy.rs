//! PostgreSQL's COPY into the stage.

use crate::error::Result;
use crate::store::{Texts, refused};

diesel::table! {
    tieout_stage (seq) {
        seq -> BigInt,
    }
}

/// `COPY` into the stage, all columns in their order.
struct StageTarget;

impl diesel::pg::CopyTarget for StageTarget {
    type Table = tieout_stage::table;
    type SqlType = diesel::sql_types::BigInt;

    fn walk_target(mut pass: diesel::query_builder::AstPass<'_, '_, diesel::pg::Pg>) -> diesel::QueryResult<()> {
        pass.push_identifier("tieout_stage")
    }
}

/// Sends lines in PostgreSQL's COPY text format.
pub(super) fn copy(connection: &mut diesel::PgConnection, lines: &[Texts]) -> Result<()> {
    use diesel::ExecuteCopyFromDsl;
    let mut buffer = Vec::new();
    for line in lines {
        for (i, value) in line.iter().enumerate() {
            if i > 0 {
                buffer.push(b'\t');
            }
            match value {
                None => buffer.extend(b"\\N"),
                Some(text) => {
                    for byte in text.bytes() {
                        match byte {
                            b'\\' => buffer.extend(b"\\\\"),
                            b'\t' => buffer.extend(b"\\t"),
                            b'\n' => buffer.extend(b"\\n"),
                            b'\r' => buffer.extend(b"\\r"),
                            other => buffer.push(other),
                        }
                    }
                }
            }
        }
        buffer.extend(b"\t\\N\t\\N\n");
    }
    let send = |out: &mut dyn std::io::Write| out.write_all(&buffer).map_err(|e| diesel::result::Error::SerializationError(Box::new(e)));
    diesel::copy_from(tieout_stage::table).from_raw_data(StageTarget, send).execute(connection).map(drop).map_err(|e| refused(&e))
}
