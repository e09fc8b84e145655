//! Signatures: made with OpenSSH's keys, checked by OpenSSH and by `verify`, of no use for anything else.

use super::{part, said, three_runs, verified};
use crate::support::{TestEnv, on_both};
use std::process::Command;

fn ssh_keygen(env: &TestEnv, args: &[&str]) -> bool {
    Command::new("ssh-keygen").args(args).current_dir(env.path("")).output().unwrap().status.success()
}

on_both! {
    fn a_signature_holds_as_long_as_run_role_and_key_do(env) {
        three_runs(env);
        let url = env.database.url();
        assert!(ssh_keygen(env, &["-q", "-t", "ed25519", "-N", "", "-C", "anna", "-f", "anna"]));
        assert!(ssh_keygen(env, &["-q", "-t", "ed25519", "-N", "secret", "-C", "bo", "-f", "bo"]));
        let sign = |run: &str, key: &str, role: &str, phrase: &str| {
            env.tieout_with(&[("TIEOUT_KEY_PASSPHRASE", phrase)], &["sign", run, "--key", key, "--role", role, "--database", &url, "--json"])
        };
        let signature = sign("1", "anna", "preparer", "").expect_code(0).json();
        assert_eq!((&signature["signer"], &signature["role"]), (&"anna".into(), &"preparer".into()));
        let refused = sign("1", "bo", "reviewer", "wrong").expect_code(2);
        assert!(refused.stderr.contains("the passphrase does not open the key bo") && !refused.stderr.contains("wrong"), "{}", refused.stderr);
        sign("1", "bo", "reviewer", "secret").expect_code(0);
        let holds = verified(env, &[], 0);
        assert_eq!(part(&holds, "signatures")["count"], 2);
        assert!(part(&holds, "chain")["notes"][0].as_str().unwrap().contains("2 rows of tieout_signature came since"));
        env.run_job(&[]).expect_code(0);
        assert_eq!(part(&verified(env, &[], 0), "chain")["notes"], serde_json::json!([]));
        let history = env.tieout(&["history", "--database", &url]).expect_code(0).stdout;
        assert!(history.contains("signed by anna as preparer") && history.contains("signed by bo as reviewer"), "{history}");
        let report = env.tieout(&["report", "1", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(report["signatures"][1]["signer"], "bo");

        env.database.execute("UPDATE tieout_signature SET role = 'reviewer' WHERE signer = 'anna'");
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.contains("signature-invalid:  the signature of anna as reviewer is not one over run 1")), "{found:#?}");
        assert!(found.iter().any(|f| f.contains("run 4: the row 1 of tieout_signature is not as it was")), "{found:#?}");
        env.database.execute("UPDATE tieout_signature SET role = 'preparer', run_id = 3 WHERE signer = 'anna'");
        assert!(said(&verified(env, &[], 1)).iter().any(|f| f.contains("is not one over run 3")));
    }

    fn what_is_no_ed25519_key_is_refused(env) {
        three_runs(env);
        let url = env.database.url();
        assert!(ssh_keygen(env, &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "other"]));
        env.write("words", "no key");
        for (key, says) in [("other", "Ed25519 is wanted"), ("words", "is no private key of OpenSSH"), ("none", "cannot read the key none")] {
            let run = env.tieout(&["sign", "1", "--key", key, "--role", "preparer", "--database", &url]).expect_code(2);
            assert!(run.stderr.contains(says), "{}", run.stderr);
        }
        assert!(ssh_keygen(env, &["-q", "-t", "ed25519", "-N", "", "-f", "anna"]));
        let run = env.tieout(&["sign", "9", "--key", "anna", "--role", "preparer", "--database", &url]).expect_code(2);
        assert!(run.stderr.contains("the database knows nothing of run 9"), "{}", run.stderr);
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_signature"), "0");
    }
}
