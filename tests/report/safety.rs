//! What was done for safety's sake, in every rendering: the backup, the rehearsal, the way back, the look after the commit.

use super::look;
use crate::support::on_both;
use calamine::{Data, Reader, Xlsx, open_workbook};

on_both! {
    fn backup_and_rehearsal_are_in_every_rendering(env) {
        env.database.execute(
            "CREATE TABLE point_info (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, label TEXT); \
             INSERT INTO point_info VALUES (1, 'solar', '<b>a</b>'), (2, 'solar', 'b'), (3, 'load', 'c'), (4, 'load', NULL)",
        );
        env.write("job/tieout.toml", "[job]\nname = \"points\"\n\n[migrations]\ndir = \"migrations\"\n");
        env.write("job/migrations/0001_label/up.sql", "ALTER TABLE point_info ADD COLUMN note TEXT; UPDATE point_info SET label = 'roof' WHERE kind = 'solar';");
        env.write("job/migrations/0001_label/down.sql", "ALTER TABLE point_info DROP COLUMN note;");
        let url = env.database.url();
        let outcome = env.tieout(&["run", "job", "--database", &url, "--json", "--format", "xlsx,csv,md"]).expect_code(0).json();
        let folder = "tieout-reports/points-1";
        let backup = &outcome["backup"];
        let page = env.read(&format!("{folder}/index.html"));
        let section = page.split("<details id=\"safety\"").nth(1).unwrap_or_else(|| panic!("no section in {page}")).split("</details>").next().unwrap();
        let seconds = outcome["rehearsal"]["milliseconds"].as_u64().map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000)).unwrap();
        for words in [
            "<h2>Backup and rehearsal</h2>",
            backup["path"].as_str().unwrap(),
            backup["sha256"].as_str().unwrap(),
            &format!("<dt>Size in bytes</dt><dd>{}</dd>", backup["size"]),
            "<dt>Rows of all tables</dt><dd>4</dd>",
            "<dt>Restored once, and found the same</dt><dd>yes</dd>",
            &format!("took {seconds} seconds on a copy"),
            "note",
            "<td>point_info</td><td class=\"n\">4</td><td class=\"n\">0</td><td class=\"n\">2</td><td class=\"n\">0</td><td class=\"n\">4</td><td>label (2)</td>",
            "<td>point_info</td><td>updated</td><td>1</td><td>label</td>",
            "&lt;b&gt;a&lt;/b&gt;",
            "The way back is the backup alone:",
            "checks were asked again over a new connection, and said the same.",
        ] {
            assert!(section.contains(words), "{words} is not in {section}");
        }
        for loss in outcome["rehearsal"]["way_back"]["losses"].as_array().unwrap() {
            assert!(section.contains(&loss.as_str().unwrap().replace('\'', "&#39;").replace('"', "&quot;")), "{loss} is not in {section}");
        }
        let csv = env.read(&format!("{folder}/csv/rehearsal.csv"));
        assert!(csv.contains("point_info,4,0,2,0,4,label (2)"), "{csv}");
        assert!(env.read(&format!("{folder}/csv/backup.csv")).contains(backup["sha256"].as_str().unwrap()));
        assert!(env.read(&format!("{folder}/csv/way-back.csv")).contains("the way back is the backup alone:"));
        assert!(env.read(&format!("{folder}/report.md")).contains("\n## rehearsal\n"));
        let mut book: Xlsx<_> = open_workbook(env.path(&format!("{folder}/report.xlsx"))).unwrap();
        let sheet = book.worksheet_range("rehearsal").unwrap();
        assert!(sheet.rows().any(|r| r[0] == Data::String("point_info".into()) && r[3] == Data::Float(2.0)), "{sheet:?}");
        env.tieout(&["report", "1", "--database", &url, "--lang", "sv", "--report", "sv"]).expect_code(0);
        let swedish = env.read("sv/index.html");
        for words in ["Säkerhetskopia och repetition", "Repeterat på en kopia", "Vägen tillbaka är enbart säkerhetskopian:", "<td>ändrad</td>"] {
            assert!(swedish.contains(words), "{words}");
        }
        let seen = look(&env.path(&format!("{folder}/index.html")), None);
        super::holds_up(&seen);
    }
}
