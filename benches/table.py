"""What `run.py` measured, as text: a table for each work, and the goals with what became of them."""

from statistics import median

NAMES = {
    "psql_upsert": "limit: `COPY` to a temporary table + upsert (psql, clean text)", "psql_copy": "`\\copy` into the table (psql, clean text)",
    "limit": "limit: prepared upsert, one transaction (Rust)", "sqlite_upsert": "`sqlite3 .import` + upsert (clean text)",
    "python_postgres": "Python + psycopg, COPY + upsert", "python_sqlite": "Python + sqlite3, upsert",
    "duckdb_postgres": "DuckDB + upsert", "duckdb_sqlite": "DuckDB + upsert", "tieout": "**tieout**",
}
WORKS = {"bills": "electricity bills", "shares": "shares of rent, from JSON files"}
DATABASES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}
LIMIT = {"postgres": "psql_upsert", "sqlite": "limit"}


class Figures:
    """Lookups in what was measured."""

    def __init__(self, result):
        self.about, self.all = result["about"], result["measured"]

    def of(self, work, database, contestant, phase, what="seconds"):
        wanted = (work, database, contestant, phase)
        return [m[what] for m in self.all if (m["work"], m["database"], m["contestant"], m["phase"]) == wanted]

    def middle(self, *place):
        found = self.of(*place)
        return median(found) if found else None

    def ratio(self, work, database, phase, to, of_phase=None):
        own, other = self.middle(work, database, "tieout", phase), self.middle(work, database, to, of_phase or phase)
        return own / other if own and other else None


def spread(seconds):
    return f"{min(seconds):.2f} – **{median(seconds):.2f}** – {max(seconds):.2f}" if seconds else "–"


def work_table(figures, work, database):
    present = list(dict.fromkeys(m["contestant"] for m in figures.all if (m["work"], m["database"]) == (work, database)))
    if not present:
        return []
    rows = max(m["rows"] for m in figures.all if (m["work"], m["database"]) == (work, database))
    lines = [f"## {rows:,} {WORKS[work]} → {DATABASES[database]}", "",
             "| | first, s (min – median – max) | × limit | again, s | × limit | rows/s, first | peak MB |", "|---|---|---|---|---|---|---|"]
    limits = {phase: figures.middle(work, database, LIMIT[database], phase) for phase in ("first", "again")}
    for contestant in [c for c in NAMES if c in present]:
        cells = [NAMES[contestant]]
        for phase in ("first", "again"):
            seconds = figures.of(work, database, contestant, phase)
            cells += [spread(seconds), f"{median(seconds) / limits[phase]:.2f}" if seconds and limits[phase] else "–"]
        first = figures.middle(work, database, contestant, "first")
        peak = max(m["peak_mb"] for m in figures.all if (m["work"], m["database"], m["contestant"]) == (work, database, contestant))
        lines.append("| " + " | ".join(cells + [f"{rows / first:,.0f}", f"{peak:.0f}"]) + " |")
    for contestant in [c for c in NAMES if c in present]:
        if seconds := figures.of(work, database, contestant, "corrected"):
            lines += [""] if not lines[-1].startswith("1 %") else []
            lines.append(f"1 % of the lines corrected, {NAMES[contestant]}: {spread(seconds)} s")
    return lines + [""]


def goals(figures):
    """(what, measured, the most it may be)."""
    small = lambda name: figures.middle(name, "sqlite", "tieout", "first")
    peak = lambda work: max((m["peak_mb"] for m in figures.all if m["work"] == work and m["contestant"] == "tieout"), default=None)
    found = [
        ("first, bills → PostgreSQL, × limit", figures.ratio("bills", "postgres", "first", "psql_upsert"), 1.0),
        ("first, JSON → PostgreSQL, × limit", figures.ratio("shares", "postgres", "first", "psql_upsert"), 1.0),
        ("first, bills → SQLite, × `sqlite3 .import` + upsert", figures.ratio("bills", "sqlite", "first", "sqlite_upsert"), 1.0),
        ("first, JSON → SQLite, × limit", figures.ratio("shares", "sqlite", "first", "limit"), 1.5),
        ("again, bills → PostgreSQL, × limit", figures.ratio("bills", "postgres", "again", "psql_upsert"), 0.5),
        ("again, JSON → PostgreSQL, × limit", figures.ratio("shares", "postgres", "again", "psql_upsert"), 0.5),
        ("again, bills → SQLite, × limit", figures.ratio("bills", "sqlite", "again", "limit"), 0.5),
        ("again, JSON → SQLite, × limit", figures.ratio("shares", "sqlite", "again", "limit"), 0.8),
        ("peak memory, bills, MB", peak("bills"), 150), ("peak memory, JSON, MB", peak("shares"), 150),
        ("peak memory, ten times the bills, MB", peak("bills-large"), 150),
        ("ten times the bills → SQLite, × the time of one", large(figures, "sqlite"), 11),
        ("ten times the bills → PostgreSQL, × the time of one", large(figures, "postgres"), 11),
        ("`tieout run fixtures/rent`, s", small("demo"), 0.1), ("`tieout --help`, s", small("help"), 0.01),
        ("the program, MB", figures.about["binary_mb"], 30),
    ]
    lines = ["## Goals", "", "| | measured | at most | |", "|---|---|---|---|"]
    for what, measured, most in found:
        met = "not measured" if measured is None else "met" if measured <= most else "**missed**"
        lines.append(f"| {what} | {'–' if measured is None else f'{measured:.3g}'} | {most:g} | {met} |")
    return lines


def large(figures, database):
    one, ten = figures.middle("bills", database, "tieout", "first"), figures.middle("bills-large", database, "tieout", "first")
    return ten / one if one and ten else None


def text(result):
    figures = Figures(result)
    about = figures.about
    lines = [f"{about['date']}, {about['machine']}, {about['system']}, {about['disk']} on disk; PostgreSQL {about['postgresql']} at its "
             f"defaults, sqlite3 {about['sqlite3']}; commit {about['commit']}; load before {about['load_before']:.1f}", ""]
    for what, why in about["missing"].items():
        lines += [f"**Missing: {what}** ({why})", ""]
    for work in WORKS:
        for database in DATABASES:
            lines += work_table(figures, work, database)
    return "\n".join(lines + goals(figures))
