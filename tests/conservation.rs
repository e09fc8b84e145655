//! Nothing is lost between the files and the database, however many files there are and however they are read.

use crate::rent::finding;
use crate::support::on_both;

const JOB: &str = r#"[job]
name = "many"
allow_exec = true

[[table]]
name = "line"
key = ["id"]
columns = [{ name = "id", type = "text" }]

[[source]]
name = "files"
"#;

on_both! {
    fn more_rows_than_are_kept_all_arrive_from_many_files(env) {
        env.write("many/tieout.toml", format!("{JOB}format = \"csv\"\ntable = \"line\"\nfiles = [\"*.csv\"]\ncolumns = {{ id = \"id\" }}\n"));
        for file in 0..22 {
            let rows: String = (0..2_500).map(|n| format!("{file}-{n}\n")).collect();
            env.write(&format!("many/{file}.csv"), format!("id\n{rows}"));
        }
        let outcome = env.tieout(&["run", "many", "--database", &env.database.url(), "--json"]).expect_code(0).json();
        assert_eq!((&outcome["tables"]["line"]["read"], &outcome["tables"]["line"]["inserted"]), (&55_000.into(), &55_000.into()));
        assert_eq!(env.database.value("SELECT count(*) FROM line"), "55000");
    }

    fn a_row_that_does_not_reach_its_table_stops_the_run(env) {
        env.write("many/tieout.toml", format!("{JOB}format = \"exec\"\ntable = \"line\"\nfiles = [\"*.dat\"]\noptions = {{ command = [\"python3\", \"read.py\"] }}\n"));
        // With more rows than are kept the program is asked twice. The second time it passes a line over.
        env.write("many/read.py", "import sys, os\nagain = os.path.exists('seen')\nopen('seen', 'w')\n\
            for n, line in enumerate(sys.stdin, start=1):\n    what = '\"ignored\": \"x\"' if again and n == 7 else '\"record\": {\"id\": \"%d\"}' % n\n    \
            print('{\"line\": %d, %s}' % (n, what))\n");
        env.write("many/a.dat", "x\n".repeat(50_001));
        let outcome = env.tieout(&["run", "many", "--database", &env.database.url(), "--json"]).expect_code(3).json();
        let lost = finding(&outcome, "conservation");
        assert_eq!(lost["message"], "a.dat states 50001 rows for the table line, and 50000 reached it");
        assert_eq!(lost["path"], "a.dat");
        assert!(env.database.tables().is_empty());
    }
}
