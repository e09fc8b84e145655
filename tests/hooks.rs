//! Hooks: when they run, what they are told, what is kept of them, and that they never change what was committed.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::{Run, TestEnv, on_both};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The job with hooks.
fn job(env: &TestEnv, hooks: &str) {
    env.copy_fixture("rent");
    env.replace("rent/tieout.toml", "currency = \"SEK\"", "currency = \"SEK\"\nallow_exec = true");
    env.write("rent/tieout.toml", format!("{}\n{hooks}", env.read("rent/tieout.toml")));
}

/// A hook that runs a line of a shell.
fn hook(when: &str, line: &str, more: &str) -> String {
    format!("[[hook]]\nwhen = \"{when}\"\nrun = [\"sh\", \"-c\", '''{line}''']\n{more}\n")
}

/// One of each, which notes that it ran.
fn one_of_each() -> String {
    ["after-run", "on-difference", "after-rollback", "after-commit", "before-run"]
        .map(|when| hook(when, &format!("echo {when} $TIEOUT_STATUS $TIEOUT_EXIT_CODE >> ../order"), ""))
        .concat()
}

/// What the hooks noted since the last call.
fn order(env: &TestEnv) -> Vec<String> {
    let text = std::fs::read_to_string(env.path("order")).unwrap_or_default();
    env.write("order", "");
    text.lines().map(|l| l.trim().to_owned()).collect()
}

fn hooks(outcome: &Value) -> &Vec<Value> {
    outcome["hooks"].as_array().unwrap()
}

fn run(env: &TestEnv, code: i32) -> Run {
    env.run_job(&[]).expect_code(code)
}

on_both! {
    fn hooks_run_in_the_order_of_a_run(env) {
        job(env, &one_of_each());
        let outcome = run(env, 0).json();
        // The first run has no run before it: what is different is new.
        assert_eq!(order(env), ["before-run", "after-commit committed 0", "on-difference committed 0", "after-run committed 0"]);
        assert!(hooks(&outcome).iter().all(|h| h["status"] == "ok" && h["exit_code"] == 0));
        run(env, 0);
        assert_eq!(order(env), ["before-run", "after-run unchanged 0"], "nothing is new, and nothing was written");
        env.replace("rent/tieout.toml", "rows = 31", "rows = 32");
        let failed = run(env, 1).json();
        assert_eq!(order(env), ["before-run", "after-rollback failed 1", "on-difference failed 1", "after-run failed 1"]);
        let id = failed["run"]["id"].to_string();
        let recorded = env.tieout(&["report", &id, "--database", &env.database.url(), "--json"]).expect_code(0).json();
        assert_eq!(recorded["hooks"], failed["hooks"], "what the hooks did is recorded as well");
        let report: Value = serde_json::from_str(&env.read(&format!("tieout-reports/rent-{id}/report.json"))).unwrap();
        assert_eq!(report["hooks"], failed["hooks"]);
    }

    fn a_hook_knows_the_run_and_nothing_else_and_what_it_says_is_kept(env) {
        let line = "pwd; env | sort; test -s \"$TIEOUT_REPORT\" && echo there; echo careful >&2; head -c 200000 /dev/zero | tr '\\0' x";
        job(env, &hook("after-commit", line, ""));
        let outcome = run(env, 0).json();
        let output = &hooks(&outcome)[0]["output"];
        let (said, complained) = (output["stdout"].as_str().unwrap(), output["stderr"].as_str().unwrap());
        assert!(said.starts_with(&format!("{}\n", env.path("rent").canonicalize().unwrap().display())), "{said:.200}");
        let names: Vec<&str> = said.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
        let known = ["HOME", "PATH", "PWD", "TIEOUT_EXIT_CODE", "TIEOUT_HOOK", "TIEOUT_JOB", "TIEOUT_REPORT", "TIEOUT_RUN", "TIEOUT_STATUS"];
        assert!(names.iter().filter(|n| !["OLDPWD", "SHLVL", "_", "LANG"].contains(n)).eq(known.iter()), "{names:?}");
        assert!(said.contains("TIEOUT_JOB=rent\n") && said.contains("TIEOUT_RUN=1\n") && said.contains("\nthere\nx"));
        assert_eq!((said.len(), complained), (64 << 10, "careful\n"));
        let seconds = hooks(&outcome)[0]["seconds"].as_str().unwrap();
        assert!(seconds.split_once('.').is_some_and(|(_, millis)| millis.len() == 3), "{seconds}");
    }

    fn a_hook_that_takes_too_long_is_stopped_with_all_that_it_started(env) {
        let line = "echo begun; (sleep 3; echo late >> ../late) & sleep 30";
        job(env, &hook("after-commit", line, "timeout = \"1s\""));
        let begin = Instant::now();
        let outcome = run(env, 0).json();
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        assert_eq!((&outcome["run"]["status"], &outcome["exit_code"]), (&"committed".into(), &0.into()));
        let hook = &hooks(&outcome)[0];
        assert_eq!((&hook["status"], &hook["exit_code"], &hook["output"]["stdout"]), (&"timed_out".into(), &Value::Null, &"begun\n".into()));
        assert_eq!(finding(&outcome, "hook-failed")["severity"], "warning");
        std::thread::sleep(Duration::from_secs(3));
        assert!(!env.path("late").exists(), "what the hook had started went on");
    }

    fn a_failure_after_the_commit_is_a_warning_and_the_next_run_knows_it(env) {
        job(env, &hook("after-run", "echo no printer >&2; exit 7", ""));
        let outcome = run(env, 0).json();
        assert_eq!((&outcome["run"]["status"], &outcome["exit_code"]), (&"committed".into(), &0.into()));
        let message = finding(&outcome, "hook-failed")["message"].as_str().unwrap();
        assert!(message.contains("ended with exit code 7") && message.contains("no printer"), "{message}");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\""), "31");
        let second = run(env, 0).json();
        let still = second["since_last"]["still"].as_array().unwrap();
        assert!(still.iter().any(|d| d["name"] == "hook-failed" && d["runs"] == 2), "{}", second["since_last"]);
        let text = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(0).stdout;
        assert!(text.contains("\nHooks\n  after-run  sh -c"), "{text}");
    }

    fn a_required_hook_that_fails_stops_the_run_before_anything_is_written(env) {
        job(env, &[hook("before-run", "echo the disk is full >&2; exit 3", ""), hook("before-run", "echo second >> ../order", "")].concat());
        let before = env.database.dump();
        let run = run(env, 4);
        let outcome = run.json();
        let error = finding(&outcome, "hook-failed");
        assert!(error["severity"] == "error" && error["message"].as_str().unwrap().contains("the disk is full"), "{error}");
        assert_eq!(env.database.dump(), before);
        assert!(order(env).is_empty() && hooks(&outcome).len() == 1);
        let said = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(4);
        assert!(said.stderr.contains("the disk is full"), "{}", said.stderr);

        env.replace("rent/tieout.toml", "exit 3''']", "exit 3''']\nrequired = false");
        let outcome = self::run(env, 0).json();
        assert_eq!((&outcome["run"]["status"], finding(&outcome, "hook-failed")["severity"].as_str()), (&"committed".into(), Some("warning")));
        assert_eq!(order(env), ["second"]);
    }

    fn a_hook_before_the_run_may_fetch_the_files_and_one_after_it_may_ask_the_database(env) {
        let tieout = env!("CARGO_BIN_EXE_tieout");
        let asks = format!("{tieout} report $TIEOUT_RUN --database '{}'", env.database.url());
        job(env, &[hook("before-run", "mv ../tenants.csv .", ""), hook("after-commit", &asks, "")].concat());
        std::fs::rename(env.path("rent/tenants.csv"), env.path("tenants.csv")).unwrap();
        let outcome = run(env, 0).json();
        assert_eq!(outcome["tables"]["Tenant"]["inserted"], 8);
        let said = hooks(&outcome)[1]["output"]["stdout"].as_str().unwrap();
        assert!(said.contains("rent · run 1 · committed"), "{outcome}");
    }

    fn a_run_that_the_lock_refuses_has_no_hooks(env) {
        let tieout = env!("CARGO_BIN_EXE_tieout");
        // Each hook notes that it ran, and runs the same job on the same database; a fourth in a row would end the chain.
        let again = format!("echo x >> ../order; test $(wc -l < ../order) -gt 3 || {tieout} run . --database '{}' --json", env.database.url());
        job(env, &hook("after-run", &again, ""));
        let outcome = run(env, 0).json();
        assert_eq!(order(env).len(), 1, "the run within the hook was refused by the lock, and ran no hook");
        let within: Value = serde_json::from_str(hooks(&outcome)[0]["output"]["stdout"].as_str().unwrap()).unwrap();
        assert_eq!((&within["exit_code"], hooks(&within).len()), (&5.into(), 0));
    }

    fn a_run_that_a_hook_of_its_own_job_started_has_no_hooks_and_says_so(env) {
        let tieout = env!("CARGO_BIN_EXE_tieout");
        let again = |job: &str| format!("echo {job} $TIEOUT_HOOK >> ../order; test $(wc -l < ../order) -gt 5 || {tieout} run {job} --database sqlite:../$(wc -l < ../order).db --json > ../$(wc -l < ../order).json");
        job(env, &hook("after-run", &again("../other"), ""));
        let other = format!("[job]\nname = \"other\"\nallow_exec = true\n[[table]]\nname = \"t\"\nkey = [\"id\"]\ncolumns = [{{ name = \"id\", type = \"text\" }}]\n[[source]]\nname = \"s\"\nformat = \"csv\"\ntable = \"t\"\nfiles = [\"a.csv\"]\n{}", hook("after-run", &again("../rent"), ""));
        env.write("other/tieout.toml", other);
        env.write("other/a.csv", "id\n1\n");
        run(env, 0);
        assert_eq!(order(env), ["../other rent", "../rent rent:other"]);
        let inner: Value = serde_json::from_str(&env.read("2.json")).unwrap();
        assert_eq!((&inner["run"]["job"], &inner["run"]["status"], hooks(&inner).len()), (&"rent".into(), &"committed".into(), 0));
        assert!(finding(&inner, "hooks-kept-still")["message"].as_str().unwrap().contains("started by a hook of the job rent"));
    }

    fn a_run_that_could_not_begin_tells_its_hooks_too(env) {
        job(env, &one_of_each());
        let run = env.tieout(&["run", "rent", "--database", "postgres://nobody@%2Fnowhere/x", "--json"]).expect_code(4);
        assert_eq!(order(env), ["after-rollback failed 4", "on-difference failed 4", "after-run failed 4"]);
        assert_eq!(hooks(&run.json()).len(), 3);
    }
}

#[test]
fn hooks_are_refused_where_the_job_allows_no_programs() {
    let env = TestEnv::new(Kind::Sqlite);
    job(&env, &one_of_each());
    env.replace("rent/tieout.toml", "allow_exec = true", "");
    let run = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(2);
    assert!(run.stderr.contains("does not allow that"), "{}", run.stderr);
    assert!(order(&env).is_empty() && env.database.tables().is_empty());
}

#[test]
fn what_makes_no_sense_in_a_hook_is_refused() {
    for (hook, words) in [
        (hook("after-comit", "true", ""), "write \"before-run\", \"after-commit\""),
        (hook("after-run", "true", "required = true"), "only a before-run hook can be required"),
        (hook("after-run", "true", "timeout = \"1h\""), "write it like \"30s\" or \"5min\""),
        (hook("after-run", "true", "shell = true"), "unknown key `shell`"),
        ("[[hook]]\nwhen = \"after-run\"\nrun = []\n".to_owned(), "names no program"),
    ] {
        let env = TestEnv::new(Kind::Sqlite);
        job(&env, &hook);
        let run = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[test]
fn a_password_is_in_nothing_that_is_kept_of_a_hook() {
    let env = TestEnv::new(Kind::Postgres);
    let url = env.database.url().replacen('@', ":hem%2Flig@", 1);
    let hook = format!("[[hook]]\nwhen = \"after-run\"\nrun = [\"echo\", \"{url}\", \"hem/lig\"]\n");
    job(&env, &[hook, "[[hook]]\nwhen = \"after-run\"\nrun = [\"./hem%2Flig\"]\n".to_owned()].concat());
    let run = env.tieout(&["run", "rent", "--database", &url, "--json", "--junit", "out.xml", "-v"]).expect_code(0);
    let outcome = run.json();
    assert!(hooks(&outcome)[0]["output"]["stdout"].as_str().unwrap().ends_with(" ***\n"));
    assert_eq!((&hooks(&outcome)[1]["run"][0], &hooks(&outcome)[1]["status"]), (&"./***".into(), &"not_started".into()));
    let kept = env.database.rows("SELECT report FROM tieout_run")[0][0].clone();
    for text in [run.stdout, run.stderr, kept, env.read("out.xml"), env.read("tieout-reports/rent-1/report.txt")] {
        assert!(!text.contains("hem%2Flig") && !text.contains("hem/lig"), "{text}");
    }
}
