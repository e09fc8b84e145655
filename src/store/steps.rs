//! The history of migration steps, in `tieout_migration`.

use super::Store;
use crate::error::Result;

/// A step that stands in a database, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedStep {
    /// Its name.
    pub name: String,
    /// SHA-256 of its SQL.
    pub sha256: String,
    /// `applied`, `adopted`, or `begun` where nobody knows how far it came.
    pub kind: String,
    /// The run that recorded it.
    pub run: Option<i64>,
    /// When, RFC 3339.
    pub at: String,
    /// The SQL of its way back, as it was then.
    pub down: Option<String>,
}

/// A step to record.
#[derive(Debug)]
pub struct RecordStep<'a> {
    /// The job.
    pub job: &'a str,
    /// The step's name.
    pub name: &'a str,
    /// SHA-256 of its SQL.
    pub sha256: &'a str,
    /// `applied`, `adopted` or `begun`.
    pub kind: &'a str,
    /// The run.
    pub run: Option<i64>,
    /// Its place among the job's steps, from 0.
    pub position: usize,
    /// The SQL of its way back.
    pub down: Option<&'a str>,
}

impl Store {
    /// The recorded steps of a job, in the order they were applied.
    pub fn recorded_steps(&mut self, job: &str) -> Result<Vec<RecordedStep>> {
        let Some(shape) = self.table_shape("tieout_migration")? else { return Ok(Vec::new()) };
        // Of an earlier version of these tables, which nobody has brought up yet, the way back is not known.
        let (down, order) = if shape.column("down").is_some() { ("down", "position, ") } else { ("NULL", "") };
        let columns = ["name", "sha256", "kind", "run_id", "applied_at", down];
        let from = format!("FROM tieout_migration WHERE job = $1 ORDER BY {order}applied_at, name");
        let rows = self.select(&columns, &from, &[Some(job)])?;
        let step = |mut row: super::Texts| {
            let mut take = |i: usize| row[i].take();
            Some(RecordedStep {
                name: take(0)?,
                sha256: take(1)?,
                kind: take(2)?,
                run: take(3).and_then(|t| t.parse().ok()),
                at: take(4)?,
                down: take(5),
            })
        };
        Ok(rows.into_iter().filter_map(step).collect())
    }

    /// Records that a step stands, or was begun.
    pub fn record_step(&mut self, step: &RecordStep<'_>) -> Result<()> {
        let (run, now, position) = (step.run.map(|r| r.to_string()), jiff::Timestamp::now().to_string(), step.position.to_string());
        let sql = "INSERT INTO tieout_migration (job, name, sha256, kind, run_id, applied_at, position, down) \
                   VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT), $6, CAST($7 AS BIGINT), $8) ON CONFLICT (job, name) DO UPDATE SET \
                   sha256 = excluded.sha256, kind = excluded.kind, run_id = excluded.run_id, applied_at = excluded.applied_at, \
                   position = excluded.position, down = excluded.down";
        let binds =
            [Some(step.job), Some(step.name), Some(step.sha256), Some(step.kind), run.as_deref(), Some(&now), Some(&position), step.down];
        self.change(sql, &binds)?;
        let sql = "INSERT INTO tieout_step (job, name, sha256, kind, run_id, at, position, down) \
                   VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT), $6, CAST($7 AS BIGINT), $8)";
        self.change(sql, &binds).map(drop)
    }

    /// Records that a step does not stand any more.
    pub fn forget_step(&mut self, job: &str, name: &str) -> Result<()> {
        let now = jiff::Timestamp::now().to_string();
        self.change("DELETE FROM tieout_migration WHERE job = $1 AND name = $2", &[Some(job), Some(name)])?;
        let sql = "INSERT INTO tieout_step (job, name, kind, at) VALUES ($1, $2, 'undone', $3)";
        self.change(sql, &[Some(job), Some(name), Some(&now)]).map(drop)
    }

    /// What another tool's own history says it applied: the table's name, and names or numbers in order.
    pub fn foreign_history(&mut self) -> Result<Option<(&'static str, Vec<String>)>> {
        const KNOWN: [(&str, &str, &str); 5] = [
            ("_prisma_migrations", "migration_name", "WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL"),
            ("__diesel_schema_migrations", "version", ""),
            ("_sqlx_migrations", "version", "WHERE success"),
            ("goose_db_version", "version_id", "WHERE is_applied AND version_id > 0"),
            ("schema_migrations", "version", ""),
        ];
        for (table, column, condition) in KNOWN {
            if self.has_table(table)? && self.table_shape(table)?.is_some_and(|s| s.column(column).is_some()) {
                let rows = self.select(&[column], &format!("FROM {table} {condition} ORDER BY 1"), &[])?;
                return Ok(Some((table, rows.into_iter().filter_map(|mut row| row[0].take()).collect())));
            }
        }
        Ok(None)
    }
}
