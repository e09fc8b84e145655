//! Signatures: who stands for a run, by an Ed25519 key of OpenSSH, over the run's number, job, role and digest. `ssh-keygen -Y
//! verify` checks them without us.

use super::Part;
use super::chain::Sealed;
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Severity, Subject};
use crate::store::{Signature, Store};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};
use std::path::Path;

/// What `ssh-keygen -n` must say.
pub const NAMESPACE: &str = "tieout";

/// What is signed.
pub fn statement(job: &str, run: i64, role: &str, digest: &str) -> String {
    format!("tieout signature 1\njob {job}\nrun {run}\nrole {role}\ndigest {digest}\n")
}

/// Signs a run that is recorded, in a transaction of its own. `passphrase` is asked where the key is encrypted.
pub fn sign(
    store: &mut Store,
    run: i64,
    key: &Path,
    role: &str,
    signer: Option<&str>,
    passphrase: &dyn Fn() -> Result<String>,
) -> Result<Signature> {
    let found = store.recorded_runs()?.into_iter().find(|r| r.id == run);
    let found = found.ok_or_else(|| Stop::usage(format!("the database knows nothing of run {run}"), "`tieout history` lists the runs"))?;
    let digest = found.digest.ok_or_else(|| Stop::usage(format!("run {run} bears no digest"), "`tieout verify` says what is wrong"))?;
    let key = private_key(key, passphrase)?;
    let text = statement(&found.job, run, role, &digest);
    let broken = |e: ssh_key::Error| Stop::usage(format!("the key cannot sign: {e}"), "use an Ed25519 key: `ssh-keygen -t ed25519`");
    let signature = key.sign(NAMESPACE, HashAlg::Sha512, text.as_bytes()).map_err(broken)?;
    let comment = Some(key.comment()).filter(|c| !c.trim().is_empty());
    let signature = Signature {
        run,
        role: role.to_owned(),
        signer: signer.or(comment).map_or_else(crate::store::who, str::to_owned),
        public_key: key.public_key().to_openssh().map_err(broken)?,
        signature: signature.to_pem(LineEnding::LF).map_err(broken)?,
        signed_at: crate::report::now(),
    };
    store.begin()?;
    store.add_signature(&signature).and_then(|()| store.commit()).inspect_err(|_| store.rollback())?;
    Ok(signature)
}

fn private_key(path: &Path, passphrase: &dyn Fn() -> Result<String>) -> Result<PrivateKey> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|e| Stop::usage(format!("cannot read the key {shown}: {}", io_words(&e)), "name the private key's file"))?;
    let hint = "it must be a private key as OpenSSH writes it: `ssh-keygen -t ed25519 -f FILE`";
    let key = PrivateKey::from_openssh(text).map_err(|_| Stop::usage(format!("{shown} is no private key of OpenSSH"), hint))?;
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(Stop::usage(format!("the key {shown} is of the kind {}, and Ed25519 is wanted", key.algorithm()), hint));
    }
    if !key.is_encrypted() {
        return Ok(key);
    }
    key.decrypt(passphrase()?).map_err(|_| Stop::usage(format!("the passphrase does not open the key {shown}"), "try again"))
}

/// The SHA-256 fingerprint of a signature's key, as `ssh-keygen -l` shows it.
pub fn fingerprint(signature: &Signature) -> String {
    PublicKey::from_openssh(&signature.public_key).map_or_else(|_| "no key".to_owned(), |key| key.fingerprint(HashAlg::Sha256).to_string())
}

/// Whether a signature is one over this run.
fn holds(signature: &Signature, job: &str, digest: &str) -> bool {
    let text = statement(job, signature.run, &signature.role, digest);
    let key = PublicKey::from_openssh(&signature.public_key);
    let parsed = SshSig::from_pem(&signature.signature);
    key.ok().zip(parsed.ok()).is_some_and(|(key, parsed)| key.verify(NAMESPACE, text.as_bytes(), &parsed).is_ok())
}

/// Checks signatures against the runs as they stand.
pub(super) fn check(signatures: &[Signature], runs: &[Sealed], findings: &mut Vec<Finding>) -> Part {
    if signatures.is_empty() {
        return Part::not_run("signatures", "nobody has signed a run");
    }
    let mut part = Part { count: signatures.len(), ..Part::of("signatures") };
    for signature in signatures {
        let of = runs.iter().find(|r| r.id == signature.run);
        if of.is_some_and(|run| run.digest.as_ref().is_some_and(|digest| holds(signature, &run.job, digest))) {
            part.notes.push(format!(
                "run {} is signed by {} as {} with the key {}",
                signature.run,
                signature.signer,
                signature.role,
                fingerprint(signature)
            ));
            continue;
        }
        part.failed += 1;
        let message =
            format!("the signature of {} as {} is not one over run {} as it stands", signature.signer, signature.role, signature.run);
        let hint = "the run, the signature or its key was changed; ask the signer";
        findings.push(Finding::new(Severity::Error, Subject::Check, "signature-invalid", message, hint));
    }
    part.ran()
}
