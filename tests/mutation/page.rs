//! What came out, for people (a page, a list of all faults) and for programs (JSON). The same seed gives the same bytes.

use super::attempt::{Attempt, TRIALS, Trial, Verdict};
use super::kinds::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What stands before the rates, here and in the README.
const RATES: &str = "<!-- mutation: rates -->";

pub(crate) struct Page<'a> {
    pub(crate) seed: u64,
    pub(crate) attempts: &'a [Attempt],
}

/// Faults by what became of them.
#[derive(Default)]
struct Tally {
    effective: usize,
    no_effect: usize,
    stopped: usize,
    shown: usize,
    by: BTreeMap<String, usize>,
}

impl Tally {
    fn of<'a>(trials: impl Iterator<Item = &'a Trial>) -> Tally {
        let mut tally = Tally::default();
        for trial in trials {
            match trial.verdict {
                Verdict::NoEffect => {
                    tally.no_effect += 1;
                    continue;
                }
                Verdict::Stopped => tally.stopped += 1,
                Verdict::Shown => tally.shown += 1,
                Verdict::Unnoticed => {}
            }
            tally.effective += 1;
            trial.by.iter().for_each(|name| *tally.by.entry(name.clone()).or_default() += 1);
        }
        tally
    }

    fn caught(&self) -> usize {
        self.stopped + self.shown
    }

    /// Rounded down, so that only all of them are 100 %.
    fn rate(&self) -> String {
        let thousandths = self.caught() * 1000 / self.effective.max(1);
        format!("{}.{} %", thousandths / 10, thousandths % 10)
    }

    /// `3 of 4: revision 2, config-differs 1`.
    fn cell(&self) -> String {
        if self.effective == 0 {
            return "·".to_owned();
        }
        let mut by: Vec<(&String, &usize)> = self.by.iter().collect();
        by.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), *name));
        let by: Vec<String> = by.iter().map(|(name, n)| format!("`{name}` {n}")).collect();
        let colon = if by.is_empty() { "" } else { ": " };
        format!("{} of {}{colon}{}", self.caught(), self.effective, by.join(", "))
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::NoEffect => "no effect",
            Verdict::Stopped => "stopped",
            Verdict::Shown => "shown",
            Verdict::Unnoticed => "unnoticed",
        }
    }
}

impl Page<'_> {
    /// The rates as a block of text.
    pub(crate) fn rates(&self) -> String {
        let idle = self.tally(1, |_| true).no_effect;
        let effect = format!("{} faults with an effect", self.attempts.len() - idle);
        let mut text = format!("{effect:<35}{:>9}{:>9}{:>11}{:>10}\n", "stopped", "shown", "unnoticed", "caught");
        for (n, name) in TRIALS.iter().enumerate() {
            let tally = self.tally(n, |_| true);
            let unnoticed = tally.effective - tally.caught();
            writeln!(text, "{name:<35}{:>9}{:>9}{unnoticed:>11}{:>10}", tally.stopped, tally.shown, tally.rate()).unwrap();
        }
        text
    }

    fn tally(&self, trial: usize, of: impl Fn(Kind) -> bool) -> Tally {
        Tally::of(self.attempts.iter().filter(|a| of(a.fault.kind)).map(|a| &a.trials[trial]))
    }

    /// `docs/mutation.md`.
    pub(crate) fn markdown(&self) -> String {
        let (all, idle) = (self.attempts.len(), self.tally(1, |_| true).no_effect);
        let mut text = format!(
            "# What the checks catch\n\n<!-- `make mutation` writes this page. -->\n\n\
             An archive without a fault is made: six tenants, fourteen months of rent with every share as the formula gives it, the\n\
             bills of two providers, a configuration that states `el` for some months. Then {all} random faults are planted in it\n\
             (seed {}), one at a time. Each is tried in three ways, and every way is a run of the program itself: after the right\n\
             archive was imported; before a first import; before a first import with control totals of tenants, ledger and bills.\n\n\
             {idle} of the faults have *no effect*: what they would load is the same, value by value. Of the other {}:\n\n\
             {RATES}\n```text\n{}```\n\n\
             *Stopped*: an exit code other than 0, and nothing written. *Shown*: written, with a finding, a revision or a check\n\
             that does not hold. What a check calls possible by rounding does not count, nor does a check that is merely gone.\n\n\
             `make mutation` prints every fault with file, line, before and after, and writes the same as JSON.\n\
             `make mutation SEED=2 FAULTS=1000` tries others and leaves this page alone.\n\n\
             ## By kind of fault\n\n\
             Caught of those with an effect, and by which finding or check; several may see the same fault.\n\n",
            self.seed,
            all - idle,
            self.rates()
        );
        writeln!(text, "| fault | planted | no effect | {} |\n|---|--:|--:|---|---|---|", TRIALS.join(" | ")).unwrap();
        for kind in self.kinds() {
            let [again, first, totals] = [0, 1, 2].map(|n| self.tally(n, |k| k == kind));
            let planted = first.effective + first.no_effect;
            writeln!(text, "| {kind} | {planted} | {} | {} | {} | {} |", first.no_effect, again.cell(), first.cell(), totals.cell())
                .unwrap();
        }
        text += "\n## What passes unnoticed, and why\n\n\
                 The checks of the changed month or calculation, and what they said; then what would show such a fault.\n\
                 *Derived* means that the `el` compared was filled from the very bills.\n";
        for (n, name) in TRIALS.iter().enumerate() {
            writeln!(text, "\n### {}{}\n", name[..1].to_uppercase(), &name[1..]).unwrap();
            text += &self.unnoticed(n);
        }
        text
    }

    fn unnoticed(&self, trial: usize) -> String {
        let missed = self.attempts.iter().filter(|a| a.trials[trial].verdict == Verdict::Unnoticed);
        let mut rows: BTreeMap<(Kind, &str), Vec<String>> = BTreeMap::new();
        for attempt in missed {
            rows.entry((attempt.fault.kind, &attempt.trials[trial].looked)).or_default().push(attempt.fault.trace.to_string());
        }
        if rows.is_empty() {
            return "Nothing.\n".to_owned();
        }
        let mut text = "| fault | how many | checks that looked | what would show it | for example |\n|---|--:|---|---|---|\n".to_owned();
        for ((kind, looked), traces) in rows {
            // After an import the database knows what was there: nothing else is needed than to look.
            let wanting = if trial == 0 { "a comparison of the files with what was imported from them" } else { kind.evidence() };
            writeln!(text, "| {kind} | {} | {looked} | {wanting} | {} |", traces.len(), traces[0]).unwrap();
        }
        text
    }

    fn kinds(&self) -> Vec<Kind> {
        Kind::all().into_iter().filter(|kind| self.attempts.iter().any(|a| a.fault.kind == *kind)).collect()
    }

    /// Every fault, for an auditor to follow.
    pub(crate) fn list(&self) -> String {
        let mut text = String::new();
        for (n, Attempt { fault, trials, .. }) in self.attempts.iter().enumerate() {
            writeln!(text, "{:>4}  {}\n      {}", n + 1, fault.kind, fault.trace).unwrap();
            for (name, trial) in TRIALS.iter().zip(trials) {
                let by: Vec<&str> = trial.by.iter().map(String::as_str).collect();
                let why = if trial.verdict == Verdict::Unnoticed { format!("({})", trial.looked) } else { by.join(", ") };
                writeln!(text, "      {name:<35}{:<10} {why}", trial.verdict.word()).unwrap();
            }
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let trial = |t: &Trial| json!({ "verdict": t.verdict.word(), "by": t.by, "looked": t.looked });
        let fault = |a: &Attempt| {
            let t = &a.fault.trace;
            let trials: BTreeMap<&str, Value> = TRIALS.iter().copied().zip(a.trials.iter().map(trial)).collect();
            json!({ "kind": a.fault.kind.to_string(), "file": t.file, "line": t.line, "before": t.before, "after": t.after, "trials": trials })
        };
        let rate = |n: usize| {
            let t = self.tally(n, |_| true);
            json!({ "effective": t.effective, "no_effect": t.no_effect, "stopped": t.stopped, "shown": t.shown, "caught": t.rate() })
        };
        let rates: BTreeMap<&str, Value> = TRIALS.iter().enumerate().map(|(n, name)| (*name, rate(n))).collect();
        json!({ "seed": self.seed, "rates": rates, "faults": self.attempts.iter().map(fault).collect::<Vec<_>>() })
    }
}
