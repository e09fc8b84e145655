#!/usr/bin/env python3
"""`make bench`: tieout beside other ways to get the same rows into the same tables, on the same files, in one go.

Each round runs every contestant once, in an order that turns by one each time, so that what disturbs the machine for a while
disturbs all of them: into a fresh database with the job's schema (first), the same again (again), and of the bills, by
tieout and the limit, with a hundredth of the lines corrected (corrected). After each, the table must hold all rows and their sum.
Prints a table, with the ratio to the limit (what loads clean rows and does nothing else), and writes everything measured as JSON.
What is not installed, or fails here, is named.

    run.py [--quick] [--rounds N] [--only WORDS] [--json FILE] [--plain]

`--only bills-sqlite,demo` measures a part; `--plain` has a source a house instead of `{house}`; BENCH_LARGE=1 adds ten
million bills. The files and the databases lie in a temporary folder (TMPDIR says where), which should be on a disk. The
memory is that of the client's process, as the system counts it: less than this runner's own (about 20 MB) is not seen.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import peers
import table
import tools

FULL = {"bills": 1_000_000, "houses": 100, "files": 1000, "rounds": 5}
QUICK = {"bills": 50_000, "houses": 20, "files": 100, "rounds": 2}
# What is measured of each work and database; the first is the limit that ratios are of.
CONTESTANTS = {
    ("bills", "postgres"): ["psql_upsert", "psql_copy", "tieout", "python_postgres", "duckdb_postgres"],
    ("bills", "sqlite"): ["limit", "sqlite_upsert", "tieout", "python_sqlite", "duckdb_sqlite"],
    ("shares", "postgres"): ["psql_upsert", "tieout", "python_postgres", "duckdb_postgres"],
    ("shares", "sqlite"): ["limit", "tieout", "python_sqlite", "duckdb_sqlite"],
}
NEEDS = {"psql": ["psql_upsert", "psql_copy"], "sqlite3": ["sqlite_upsert"], "psycopg": ["python_postgres"],
         "duckdb": ["duckdb_postgres", "duckdb_sqlite"]}
JOBS = {"bills": "bills", "shares": "houses"}


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.size = QUICK if options.quick else FULL
        houses = tools.ROOT / "fixtures/houses/migrations"
        self.plain = options.plain or not houses.is_dir()
        rent = tools.ROOT / "fixtures/rent/migrations"
        self.migrations = {"bills": rent, "shares": rent if self.plain else houses}
        self.target = Path(os.environ.get("CARGO_TARGET_DIR", tools.ROOT / "target")).resolve()
        self.built = tools.build()
        self.python, self.missing = tools.python(self.target)
        self.missing |= {p: "not installed" for p in ("psql", "sqlite3") if not shutil.which(p)}
        self.cluster = None
        try:
            self.cluster = tools.Cluster(folder / "pg")
        except (OSError, StopIteration, subprocess.CalledProcessError) as why:
            self.missing["postgresql"] = str(why)
        self.measured = []

    def generate(self, name, **sizes):
        """An archive, with the corrected one beside it."""
        of = ["plain=1"] if self.plain else []
        for corrected in (False, True):
            made = self.folder / (name + "-corrected" * corrected)
            words = [f"{k}={v}" for k, v in sizes.items()] + of + ["corrected=1"] * corrected
            tools.timed([self.built["data"], made, "seed=1", *words], self.folder)
            for work, job in JOBS.items():
                if (made / job).is_dir():
                    shutil.copytree(self.migrations[work], made / job / "migrations")
        return self.folder / name

    def fresh(self, kind, archive, work, contestant):
        """A database of its own; all but tieout, which makes them itself, get the job's tables and the tenants."""
        steps = sorted(self.migrations[work].glob(f"*/{kind}/up.sql"))
        tenants = peers.with_house(peers.TENANT, archive) if work == "shares" else None, archive / "tenants.tsv"
        url = self.cluster.fresh() if kind == "postgres" else str(self.folder / f"{contestant}.db")
        if contestant == "tieout":
            return url if kind == "postgres" else f"sqlite:{url}"
        if kind == "postgres":
            self.cluster.ask(url, *(s.read_text() for s in steps))
            if work == "shares":
                peers.psql(url, f"\\copy {peers.into(tenants[0])} from '{tenants[1]}'")
            return url
        with sqlite3.connect(url) as database:
            for step in steps:
                database.executescript(step.read_text())
            if work == "shares":
                marks = ", ".join("?" for _ in tenants[0][1])
                rows = (row.split("\t") for row in tenants[1].read_text().splitlines())
                clean = ([None if field == "\\N" else field for field in row] for row in rows)
                database.executemany(f"INSERT INTO {peers.into(tenants[0])} VALUES ({marks})", clean)
        database.close()
        return url

    def command(self, contestant, work, archive, url):
        """The process of a contestant, and what it reads."""
        if contestant == "tieout":
            report = self.folder / "reports" / str(len(self.measured))
            shutil.rmtree(report, ignore_errors=True)
            return [self.built["tieout"], "run", archive / JOBS[work], "--database", url, "--report", report], None
        if contestant == "limit":
            return [self.built["limit"], work, archive, url], None
        if contestant in peers.PROGRAMS:
            return peers.PROGRAMS[contestant](work, archive, url)
        return [self.python, Path(__file__).with_name("peers.py"), contestant, work, archive, url], None

    def one(self, contestant, work, kind, archive, round):
        """One contestant, from a fresh database on."""
        url = self.fresh(kind, archive, work, contestant)
        corrected = archive.with_name(archive.name + "-corrected")
        for phase in ("first", "again", "corrected"):
            if contestant == "psql_copy" and phase != "first":
                continue  # A second time would break the table's key.
            if phase == "corrected" and (work != "bills" or contestant not in ("tieout", table.LIMIT[kind])):
                continue
            if self.cluster and kind == "postgres":
                self.cluster.ask(self.cluster.url("postgres"), "CHECKPOINT")
            files = corrected if phase == "corrected" else archive
            words, text = self.command(contestant, work, files, url)
            figures = tools.timed(words, self.folder, text)
            rows = self.check(work, kind, files, url)
            of = {"work": work, "database": kind, "contestant": contestant, "phase": phase, "round": round, "rows": rows}
            self.measured.append(of | figures)
            print(f"  {work} → {kind}, round {round}: {contestant} {phase} {figures['seconds']:.2f} s", file=sys.stderr)
        if kind == "postgres":
            self.cluster.drop(url)
        else:
            for end in ("", "-journal", "-wal", "-shm", ".tieout-lock"):
                Path(url.removeprefix("sqlite:") + end).unlink(missing_ok=True)

    def check(self, work, kind, archive, url):
        """That the database holds all rows, with their sum: who loads something else is not compared."""
        (name, *_), file = peers.clean(work, archive)
        expected = peers.totals(file)
        query = f'SELECT count(*), CAST(round(sum(CAST({peers.AMOUNT[work]} AS NUMERIC)) * 100) AS BIGINT) FROM "{name}"'
        if kind == "postgres":
            found = tuple(int(n) for n in self.cluster.ask(url, query).split("|"))
        else:
            database = sqlite3.connect(url.removeprefix("sqlite:"))
            found = database.execute(query).fetchone()
            database.close()
        if found != expected:
            raise tools.Failed(f"{url} holds {found} of {name}, and {file} has {expected} (rows, sum in öre)")
        return found[0]

    def works(self):
        """Every work and database, in rounds."""
        archive = self.generate("archive", bills=self.size["bills"], houses=self.size["houses"], files=self.size["files"])
        absent = {c for needed in self.missing for c in NEEDS.get(needed, [])}
        for (work, kind), contestants in CONTESTANTS.items():
            if self.options.only and f"{work}-{kind}" not in self.options.only or kind == "postgres" and not self.cluster:
                continue
            present = [c for c in contestants if c not in absent]
            for round in range(self.options.rounds or self.size["rounds"]):
                turned = present[round % len(present):] + present[:round % len(present)]
                for contestant in turned:
                    try:
                        self.one(contestant, work, kind, archive, round + 1)
                    except tools.Failed as why:
                        if contestant == "tieout":
                            raise
                        # A peer that cannot do it here is named like one that is not installed.
                        self.missing[f"{contestant} ({work})"] = str(why).strip().splitlines()[-1]
                        present.remove(contestant)

    def small(self):
        """What a user feels every day: help, and the demo."""
        if self.options.only and "demo" not in self.options.only:
            return
        for round in range(20):
            demo = self.folder / "demo"
            shutil.rmtree(demo, ignore_errors=True)
            run = [self.built["tieout"], "run", tools.ROOT / "fixtures/rent", "--database", f"sqlite:{demo}/rent.db",
                   "--report", demo / "report"]
            demo.mkdir()
            for name, words in (("demo", run), ("help", [self.built["tieout"], "--help"])):
                figures = tools.timed(words, self.folder)
                of = {"work": name, "database": "sqlite", "contestant": "tieout", "phase": "first", "round": round + 1, "rows": 0}
                self.measured.append(of | figures)

    def large(self):
        """Ten times the bills, once: memory must be flat, and time in proportion."""
        if not os.environ.get("BENCH_LARGE"):
            return
        archive = self.generate("large", bills=10 * self.size["bills"])
        for kind in ("sqlite", "postgres") if self.cluster else ("sqlite",):
            before = len(self.measured)
            self.one("tieout", "bills", kind, archive, 1)
            for figures in self.measured[before:]:
                figures["work"] = "bills-large"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--plain", action="store_true")
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--only", type=lambda words: words.split(","))
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tieout-bench-"))
    folder.chmod(0o755)
    bench = Bench(options, folder)
    try:
        about = tools.machine(folder, bench.cluster) | {"sizes": bench.size, "missing": bench.missing}
        about["binary_mb"] = os.stat(bench.built["tieout"]).st_size / 1e6
        bench.works()
        bench.small()
        bench.large()
    finally:
        if bench.cluster:
            bench.cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    result = {"about": about, "measured": bench.measured}
    (options.json or bench.target / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table.text(result))


if __name__ == "__main__":
    main()
