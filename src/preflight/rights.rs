//! What a role may do on a PostgreSQL server, against what the run needs. What nobody can know before the files are read is a
//! warning.

use super::{Answer, Filled, Intent, Preflight};
use crate::job::OnStale;
use crate::store::{LOOSE, Rights, Server, Store};

impl Preflight {
    pub(super) fn privileges(&mut self, store: &mut Store, intent: &Intent<'_>, filled: &[Filled], server: &Server) {
        let names: Vec<&str> = filled.iter().map(|t| t.name.as_str()).collect();
        let rights = match store.rights(&names) {
            Ok(rights) => rights,
            Err(stop) => return self.not_run("privileges", stop.message),
        };
        let before = self.items.len();
        // They cannot be looked at where they may not be read, and that is said of each of them below.
        let own = store.own_tables_stand().unwrap_or_else(|stop| {
            self.not_run("privileges", stop.message);
            true
        });
        let hint = format!("let the owner GRANT it to {}, or name another user in the address", server.role);
        for table in &rights {
            let of_ours = table.table.starts_with("tieout_");
            let certain = of_ours || filled.iter().any(|t| t.name == table.table && t.certain);
            self.of_table(table, intent, of_ours, certain, &hint);
        }
        let to_make: Vec<&str> = intent.job.tables.iter().filter(|t| t.create && intent.writes).map(|t| &*t.table.name).collect();
        let to_make = to_make.into_iter().filter(|name| rights.iter().all(|r| r.table != *name)).collect::<Vec<_>>();
        if !server.temporary {
            self.say(
                Answer::Failed,
                "privileges",
                "no-privilege",
                format!("{} may make no temporary tables, which rows are staged in", server.role),
                &hint,
            );
        }
        if !server.create && (!own || !to_make.is_empty() || intent.steps == Some(true)) {
            let what = match (own, to_make.as_slice()) {
                (false, _) => "the tables of tieout itself".to_owned(),
                (true, []) => "what the pending schema steps may make".to_owned(),
                (true, names) => names.join(", "),
            };
            let place = server
                .schema
                .as_ref()
                .map_or("as the search path names no schema that is there".to_owned(), |s| format!("in the schema {s}"));
            let sure = !own || !to_make.is_empty();
            let status = if sure { Answer::Failed } else { Answer::Warning };
            let code = if sure { "no-privilege" } else { "privilege-in-part" };
            self.say(status, "privileges", code, format!("{} may make no tables {place}: {what}", server.role), &hint);
        }
        if intent.steps.is_none() {
            self.not_run("privileges", "which schema steps are pending could not be found out");
        }
        if self.items.len() == before {
            self.ok("privileges", format!("on {} tables that are there, and for what is to be made", rights.len()));
        }
    }

    /// What is wanted of a table that is there, and not granted.
    fn of_table(&mut self, table: &Rights, intent: &Intent<'_>, of_ours: bool, certain: bool, hint: &str) {
        let deletes = intent.writes && !of_ours && intent.job.on_stale == OnStale::Delete;
        let sealed = table.table == "tieout_run" || LOOSE.contains(&table.table.as_str());
        let wanted =
            [("SELECT", true), ("INSERT", intent.writes || of_ours), ("UPDATE", intent.writes && !of_ours || sealed), ("DELETE", deletes)];
        let lacking = |n: &usize| wanted[*n].1 && !table.may[*n];
        let in_part = |n: &usize| table.in_part.get(*n).copied().unwrap_or_default();
        let none: Vec<&str> = (0..4).filter(lacking).filter(|n| !in_part(n)).map(|n| wanted[n].0).collect();
        let part: Vec<&str> = (0..4).filter(lacking).filter(in_part).map(|n| wanted[n].0).collect();
        let name = &table.table;
        if !none.is_empty() {
            let message = format!("{} is not granted on the table {name}", none.join(", "));
            let (status, code) = if certain { (Answer::Failed, "no-privilege") } else { (Answer::Warning, "privilege-in-part") };
            self.say(status, "privileges", code, message, hint);
        }
        let mut doubt = |message: String| self.say(Answer::Warning, "privileges", "privilege-in-part", message, hint);
        if !part.is_empty() {
            doubt(format!("{} is granted on some columns of the table {name} alone", part.join(", ")));
        }
        if !table.sequences.is_empty() && wanted[1].1 {
            doubt(format!("the sequence {} of the table {name} may not be used, which numbers new rows", table.sequences));
        }
        if table.policies {
            doubt(format!("row-level security hides rows of the table {name}: what cannot be seen cannot be compared"));
        }
        if intent.steps == Some(true) && !table.owner && !of_ours {
            doubt(format!("the table {name} belongs to somebody else: a pending schema step that alters it will be refused"));
        }
    }
}
