//! `[[cache]]`: which keys of a Redis server are taken away after a run, and that a cache never changes what was committed.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::redis::{Redis, free_port};
use crate::support::{TestEnv, on_both};
use serde_json::{Value, json};
use std::process::Command;

/// The job with a cache.
fn job(env: &TestEnv, address: &str, settings: &str) {
    env.copy_fixture("rent");
    env.write("rent/tieout.toml", format!("{}\n[[cache]]\n{address}\n{settings}\n", env.read("rent/tieout.toml")));
}

fn at(redis: &Redis) -> String {
    format!("url = \"redis://127.0.0.1:{}/0\"", redis.port)
}

fn gone(outcome: &Value, cache: usize) -> Vec<u64> {
    outcome["caches"][cache]["patterns"].as_array().unwrap().iter().map(|p| p["keys"].as_u64().unwrap()).collect()
}

on_both! {
    fn keys_of_the_patterns_are_gone_after_a_commit_and_after_a_failure_and_others_stay(env) {
        let redis = Redis::start("");
        job(env, &at(&redis), "patterns = [\"rent:*\", \"bills:20??:*\"]");
        let fill = "SET rent:1 a\nHSET rent:2 f v\nRPUSH rent:list a b\nSET bills:2025:x a\nSET bills:old:x a\nSET xrent:1 a\nSET app:session a";
        redis.ask(fill);
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(gone(&outcome, 0), [3, 1]);
        assert_eq!((&outcome["caches"][0]["when"], &outcome["caches"][0]["server"]), (&json!("after-commit"), &json!(format!("127.0.0.1:{}/0", redis.port))));
        assert_eq!(redis.ask("DBSIZE\nEXISTS bills:old:x xrent:1 app:session"), "3\n3\n");

        redis.ask(fill);
        assert_eq!(env.run_job(&[]).expect_code(0).json()["caches"], json!([]), "nothing was written, so nothing is outdated");
        assert_eq!(redis.ask("DBSIZE"), "7\n");

        env.replace("rent/tieout.toml", "rows = 31", "rows = 32");
        let failed = env.run_job(&[]).expect_code(1).json();
        assert_eq!((&failed["caches"][0]["when"], gone(&failed, 0)), (&json!("after-rollback"), vec![3, 1]));
        assert_eq!(redis.ask("DBSIZE"), "3\n");
        let id = failed["run"]["id"].to_string();
        let recorded = env.tieout(&["report", &id, "--database", &env.database.url()]).expect_code(0).stdout;
        assert!(recorded.contains(&format!("\nCaches\n  after-rollback  127.0.0.1:{}/0  rent:*  3 keys taken away\n", redis.port)), "{recorded}");
    }

    fn a_cache_that_cannot_be_reached_is_a_warning_and_what_was_committed_stays(env) {
        job(env, &format!("url = \"redis://127.0.0.1:{}\"", free_port()), "patterns = [\"rent:*\"]\ntimeout = \"2s\"");
        let run = env.run_job(&["-v"]).expect_code(0);
        let outcome = run.json();
        let warning = finding(&outcome, "cache-failed");
        assert_eq!((&warning["severity"], &outcome["run"]["status"]), (&json!("warning"), &json!("committed")));
        assert!(warning["message"].as_str().unwrap().contains("refused") && warning["hint"].as_str().unwrap().contains("by hand"), "{warning}");
        assert!(!outcome["caches"][0]["error"].is_null());
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\""), "31");

        // Required, it must answer before anything is written.
        let env = &TestEnv::new(env.database.kind);
        job(env, &format!("url = \"redis://127.0.0.1:{}\"", free_port()), "patterns = [\"rent:*\"]\nrequired = true");
        let outcome = env.run_job(&[]).expect_code(4).json();
        assert_eq!(finding(&outcome, "cache-unreachable")["severity"], "error");
        assert_eq!(env.database.dump(), "");
    }
}

#[test]
fn ten_thousand_keys_are_looked_through_piece_by_piece() {
    let (env, redis) = (TestEnv::new(Kind::Sqlite), Redis::start(""));
    job(&env, &at(&redis), "patterns = [\"rent:*\"]");
    let keys: Vec<String> = (0..10_000).map(|n| format!("SET rent:{n} x\nSET other:{n} x")).collect();
    redis.ask(&keys.join("\n"));
    assert_eq!(redis.ask("CONFIG RESETSTAT\nDBSIZE"), "OK\n20000\n");
    let outcome = env.run_job(&[]).expect_code(0).json();
    assert_eq!(gone(&outcome, 0), [10_000]);
    assert_eq!(redis.ask("DBSIZE"), "10000\n");
    let asked = redis.ask("INFO commandstats");
    assert!(asked.contains("cmdstat_scan:") && asked.contains("cmdstat_unlink:"), "{asked}");
    assert!(["keys", "flushall", "flushdb", "del"].iter().all(|c| !asked.contains(&format!("cmdstat_{c}:"))), "{asked}");
}

#[test]
fn characters_that_mean_something_in_a_pattern_can_be_meant_as_they_are() {
    let (env, redis) = (TestEnv::new(Kind::Sqlite), Redis::start(""));
    job(&env, &at(&redis), r"patterns = ['a\*b', '\[x\]:?', 'å:*', '{1}:[ab]']");
    redis.ask("SET a*b 1\nSET axb 1\nSET [x]:1 1\nSET x:1 1\nSET å:ö 1\nSET {1}:a 1\nSET {1}:c 1\nSET \"[x]:1 2\" 1");
    let outcome = env.run_job(&[]).expect_code(0).json();
    assert_eq!(gone(&outcome, 0), [1, 1, 1, 1]);
    assert_eq!(redis.ask("EXISTS axb x:1 {1}:c \"[x]:1 2\"\nDBSIZE"), "4\n4\n");
}

#[test]
fn a_cache_is_cleared_only_when_it_is_to_be() {
    let (env, redis) = (TestEnv::new(Kind::Sqlite), Redis::start(""));
    job(&env, &at(&redis), "patterns = [\"rent:*\"]\nwhen = [\"after-rollback\"]");
    redis.ask("SET rent:1 a");
    assert_eq!(env.run_job(&[]).expect_code(0).json()["caches"], json!([]));
    assert_eq!(redis.ask("DBSIZE"), "1\n");
}

#[test]
fn a_password_of_a_cache_is_in_nothing_that_is_said_or_kept() {
    let (env, redis) = (TestEnv::new(Kind::Sqlite), Redis::start("hem/lig"));
    job(&env, "url_env = \"REDIS_URL\"", "patterns = [\"rent:*\"]\nrequired = true");
    env.replace("rent/tieout.toml", "currency = \"SEK\"", "currency = \"SEK\"\nallow_exec = true");
    let hook = "[[hook]]\nwhen = \"after-commit\"\nrun = [\"echo\", \"hem/lig hem%2Flig\"]\n";
    env.write("rent/tieout.toml", format!("{}\n{hook}", env.read("rent/tieout.toml")));
    let url = format!("redis://:hem%2Flig@127.0.0.1:{}/0", redis.port);
    redis.ask("SET rent:1 a");
    let args = ["run", "rent", "--database", &env.database.url(), "--json", "-v"];
    let run = env.tieout_with(&[("REDIS_URL", &url)], &args).expect_code(0);
    assert_eq!(gone(&run.json(), 0), [1]);
    assert_eq!(run.json()["hooks"][0]["output"]["stdout"], "*** ***\n");
    let wrong = env.tieout_with(&[("REDIS_URL", &url.replace("hem", "hemsk"))], &args).expect_code(4);
    assert!(finding(&wrong.json(), "cache-unreachable")["message"].as_str().unwrap().contains("assword"), "{}", wrong.stdout);
    let unset = env.tieout(&args).expect_code(4);
    assert!(finding(&unset.json(), "cache-unreachable")["message"].as_str().unwrap().contains("REDIS_URL is not set"), "{}", unset.stdout);
    let kept = env.database.rows("SELECT report FROM tieout_run").concat().concat();
    let report = env.read("tieout-reports/rent-1/report.txt") + &env.read("tieout-reports/rent-2/report.json");
    for text in [run.stdout, run.stderr, wrong.stdout, wrong.stderr, kept, report] {
        let found: Vec<&str> = ["hem/lig", "hem%2Flig", "hemsk"].into_iter().filter(|p| text.contains(p)).collect();
        assert!(found.is_empty(), "{found:?}: {text}");
    }
}

#[test]
fn what_makes_no_sense_in_a_cache_is_refused_and_its_password_not_quoted() {
    for (address, settings, words) in [
        ("url = \"http://:hemlig@cache\"", "patterns = [\"a:*\"]", "no address of a Redis server"),
        ("url = \"redis://:hemlig@cache\" x", "patterns = [\"a:*\"]", "***@cache"),
        ("url = \"redis://cache\"\nurl_env = \"X\"", "patterns = [\"a:*\"]", "two addresses"),
        ("", "patterns = [\"a:*\"]", "no address"),
        ("url = \"redis://cache\"", "patterns = []", "names no keys"),
        ("url = \"redis://cache\"", "patterns = [\"*\"]", "every key of the server"),
        ("url = \"redis://cache\"", "patterns = [\"a:*\"]\nwhen = [\"before-run\"]", "write \"after-commit\""),
        ("url = \"redis://cache\"", "patterns = [\"a:*\"]\ntimeout = \"1h\"", "write it like \"30s\""),
        ("url = \"redis://cache\"", "pattern = [\"a:*\"]", "did you mean `patterns`?"),
    ] {
        let env = TestEnv::new(Kind::Sqlite);
        job(&env, address, settings);
        let run = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(2);
        assert!(run.stderr.contains(words) && !run.stderr.contains("hemlig"), "{words}: {}", run.stderr);
    }
}

#[test]
fn a_cache_behind_tls_is_reached_when_its_certificate_is_trusted() {
    let env = TestEnv::new(Kind::Sqlite);
    let line = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout k.pem -out c.pem";
    assert!(Command::new("sh").args(["-c", line]).current_dir(env.path("")).output().unwrap().status.success());
    let (cert, key) = (env.path("c.pem").display().to_string(), env.path("k.pem").display().to_string());
    let port = free_port();
    let tls =
        ["--port", "0", "--tls-port", &port.to_string(), "--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let _redis = Redis::with("", &tls, port);
    job(&env, &format!("url = \"rediss://localhost:{port}\""), "patterns = [\"a:*\"]\nrequired = true");
    let args = ["run", "rent", "--database", &env.database.url(), "--json"];
    let refused = env.tieout(&args).expect_code(4);
    assert!(finding(&refused.json(), "cache-unreachable")["message"].as_str().unwrap().contains("certificate"), "{}", refused.stdout);
    let outcome = env.tieout_with(&[("SSL_CERT_FILE", &cert)], &args).expect_code(0).json();
    assert_eq!((gone(&outcome, 0), &outcome["caches"][0]["error"]), (vec![0], &Value::Null));
}
