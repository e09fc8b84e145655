"""What `run.py` measures with: what is built, a PostgreSQL server of its own, and processes with their time and memory."""

import json
import os
import platform
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOCKET = "listen_addresses = ''\nunix_socket_directories = '{}'\n"


class Failed(Exception):
    """A contestant did not do what it should."""


def build():
    """The paths of `tieout`, `data` and `limit`, built for release."""
    found = {}
    # One after the other: what the benchmarks ask of a library must not get into the program that is measured.
    for package in ("tieout", "tieout-bench"):
        words = ["cargo", "build", "--release", "--locked", "--package", package, "--bins", "--message-format=json-render-diagnostics"]
        built = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        messages = [json.loads(line) for line in built.stdout.splitlines()]
        found |= {m["target"]["name"]: m["executable"] for m in messages if m.get("executable")}
    return found


def python(folder):
    """A Python with what the peers in Python need, and what of it could not be installed."""
    venv = folder / "bench-venv"
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    own, missing = venv / "bin" / "python", {}
    # The last version of DuckDB whose extensions for the two databases are packages, too.
    duckdb = "1.5.5"
    wanted = {"psycopg": ["psycopg[binary]"], "duckdb": [f"duckdb=={duckdb}"] + [
        f"duckdb-extension{x}=={duckdb}" for x in ("s", "-sqlite-scanner", "-postgres-scanner")]}
    for module, packages in wanted.items():
        if subprocess.run([own, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode:
            pip = subprocess.run([own, "-m", "pip", "install", "--quiet", *packages], capture_output=True, text=True)
            if pip.returncode:
                missing[module] = (pip.stderr.strip().splitlines() or ["pip failed"])[-1]
    return own, missing


class Cluster:
    """A throw-away PostgreSQL server with its default settings, on the disk of `folder`."""

    def __init__(self, folder):
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
        initdb = versions[-1] if versions else shutil.which("initdb")
        if not initdb:
            raise FileNotFoundError("PostgreSQL's server programs are not installed")
        self.bin, self.folder, self.made = Path(initdb).parent, folder, 0
        folder.mkdir()
        # PostgreSQL refuses to run as root.
        self.user = {}
        if os.getuid() == 0:
            user = next(u for u in pwd.getpwall() if u.pw_name in ("postgres", "nobody"))
            os.chown(folder, user.pw_uid, user.pw_gid)
            self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.own("initdb", "--username=tieout", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        with open(folder / "data" / "postgresql.conf", "a") as settings:
            settings.write(SOCKET.format(folder))
        self.own("pg_ctl", "start", "--wait", f"--log={folder}/log")
        self.version = self.ask(self.url("postgres"), "SHOW server_version")

    def own(self, program, *words):
        words = [self.bin / program, "--pgdata", self.folder / "data", *words]
        subprocess.run(words, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.user)

    def url(self, database):
        return f"postgres://tieout@{str(self.folder).replace('/', '%2F')}/{database}"

    def ask(self, url, *commands):
        words = [w for c in commands for w in ("-c", c)]
        return subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", url, *words], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def fresh(self):
        self.made += 1
        self.ask(self.url("postgres"), f"CREATE DATABASE d{self.made} TEMPLATE template0")
        return self.url(f"d{self.made}")

    def drop(self, url):
        self.ask(self.url("postgres"), f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")

    def stop(self):
        self.own("pg_ctl", "stop", "--wait", "--mode=immediate")


def timed(words, folder, text=None):
    """Runs a process in a folder (where backups go) to its end: seconds, and the most memory that it (not a server) had, in MB."""
    os.sync()
    log = folder / "log"
    with open(log, "wb") as out:
        begin = time.monotonic()
        process = subprocess.Popen([str(w) for w in words], cwd=folder, stdout=out, stderr=out,
                                   stdin=subprocess.PIPE if text else subprocess.DEVNULL)
        if text:
            process.stdin.write(text.encode())
            process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(errors="replace")[-2000:]
        raise Failed(f"{words[0]} gave {process.returncode}: {' '.join(map(str, words))}\n{tail}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def machine(folder, cluster):
    """What the figures were measured on."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    disk = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True).stdout.split()[-1]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {
        "date": time.strftime("%Y-%m-%d"), "commit": commit, "machine": f"{len(os.sched_getaffinity(0))} × {cpu}, {memory:.0f} GB",
        "load_before": os.getloadavg()[0], "system": f"{platform.system()} {platform.release()}", "disk": disk,
        "postgresql": cluster.version if cluster else None,
        "sqlite3": subprocess.run(["sqlite3", "--version"], capture_output=True, text=True).stdout.split(" ")[0] if shutil.which("sqlite3") else None,
    }
