"""The programs that `make bench` compares `tieout` with, one function each: the same rows into the same tables.

A limit loads clean rows and does nothing else; a peer is what people use instead. Those that can read the files themselves
do so (Python, DuckDB for JSON), the others get the rows as clean text. None of them checks anything. Each is run as a process
of its own, `peers.py NAME FOLDER DATABASE`, which loads, and when run again loads what has changed.
"""

import functools
import json
import re
import sqlite3
import subprocess
import sys
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

BILL = ("ElectricityBill", ["id", "provider", "billDate", "amount", "billPeriod", "createdAt", "updatedAt"], ["provider", "billDate"])
SHARE = ("RentLedger", ["id", "tenantId", "period", "amountDue", "amountPaid", "paymentDate", "createdAt", "daysStayed",
                        "roomAdjustment", "baseMonthlyRent", "calculationTitle", "calculationDate"], ["tenantId", "period"])
TENANT = ("Tenant", ["id", "name", "email", "createdAt", "updatedAt", "roomAdjustment", "departureDate", "startDate"], ["id"])
AMOUNT = {"bills": '"amount"', "shares": '"amountDue"'}
NOT_COMPARED = {"id", "createdAt", "updatedAt"}


def with_house(table, folder):
    """A table of a job with houses has a column for them."""
    houses = "{house}" in (folder / "houses" / "tieout.toml").read_text()
    return (table[0], table[1] + ["house"], table[2]) if houses else table


def clean(work, folder):
    """The table of a work, and the file of its clean rows."""
    return (BILL, folder / "bills.tsv") if work == "bills" else (with_house(SHARE, folder), folder / "shares.tsv")


def names(columns):
    return ", ".join(f'"{c}"' for c in columns)


def into(table):
    return f'"{table[0]}" ({names(table[1])})'


@functools.cache
def totals(file):
    """How many clean rows there are, and the sum of the fourth field, in öre."""
    with open(file, encoding="utf-8") as lines:
        amounts = [Decimal(line.split("\t")[3]) for line in lines]
    return len(amounts), int(sum(amounts) * 100)


def upsert(table, source, distinct="IS DISTINCT FROM"):
    """Inserts new rows, and updates those that differ in what the files say."""
    name, columns, key = table
    data = [c for c in columns if c not in key and c not in NOT_COMPARED]
    sets = ", ".join(f'"{c}" = excluded."{c}"' for c in data)
    differs = " OR ".join(f't."{c}" {distinct} excluded."{c}"' for c in data)
    return (f'INSERT INTO "{name}" AS t ({names(columns)}) {source} ON CONFLICT ({names(key)}) '
            f"DO UPDATE SET {sets} WHERE {differs}")


def staging(table):
    name, columns, _ = table
    return f'CREATE TEMP TABLE s AS SELECT {names(columns)} FROM "{name}" WHERE 1 = 0'


# --- clean rows, by the databases' own programs: what to run, and what it reads ------------------------------------------------

def psql_words(database, *commands):
    return ["psql", "-qX", "-v", "ON_ERROR_STOP=1", database] + [w for c in commands for w in ("-c", c)], None


def psql(database, *commands):
    subprocess.run(psql_words(database, *commands)[0], check=True)


def psql_copy(work, folder, database):
    """The rows, straight into the table: a second time would break its key."""
    table, file = clean(work, folder)
    return psql_words(database, f"\\copy {into(table)} from '{file}'")


def psql_upsert(work, folder, database):
    table, file = clean(work, folder)
    return psql_words(database, "BEGIN", staging(table), f"\\copy s from '{file}'", upsert(table, "SELECT * FROM s"), "COMMIT")


def sqlite_upsert(work, folder, database):
    """`.import` knows no NULL, so that is made behind it; WHERE 1 keeps ON CONFLICT from being read as a join's."""
    table, file = clean(work, folder)
    columns = ", ".join(f"nullif(\"{c}\", '\\N')" for c in table[1])
    script = [".bail on", "BEGIN;", f"{staging(table)};", ".mode tabs", f'.import "{file}" s',
              f"{upsert(table, f'SELECT {columns} FROM s WHERE 1', 'IS NOT')};", "COMMIT;"]
    return ["sqlite3", database], "\n".join(script) + "\n"


PROGRAMS = {f.__name__: f for f in (psql_copy, psql_upsert, sqlite_upsert)}


# --- Python, from the files themselves --------------------------------------------------------------------------------------

LINE = re.compile(r"(\d{4}-\d\d-\d\d)\s+(?:SEK )?([\d ]+)(?:,(\d\d))?(?: kr)?$")
HEADER = re.compile(r"# (.+) \((?:elnätsleverantör|elförbrukning)\)$")
MADE = "2025-10-04 12:00:00"


def bill_rows(folder):
    provider = None
    with open(folder / "bills" / "electricity_bills_history.txt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            line = line.rstrip("\n")
            if found := LINE.match(line):
                due, whole, rest = found.groups()
                year, month = int(due[:4]), int(due[5:7])
                if int(due[8:]) < 25:
                    year, month = (year, month - 1) if month > 1 else (year - 1, 12)
                amount = whole.replace(" ", "") + ("." + rest if rest else "")
                yield (f"b{number:024}", provider, due + " 00:00:00", amount, f"{year}-{month:02}-01 00:00:00", MADE, MADE)
            elif found := HEADER.match(line):
                provider = found[1].lower()


def share_rows(folder):
    people = {}
    with open(folder / "people.tsv", encoding="utf-8") as lines:
        for line in lines:
            house, name, tenant = line.rstrip("\n").split("\t")
            people[house, name] = tenant
    houses = "house" in with_house(SHARE, folder)[1]
    for file in sorted((folder / "houses").glob("*/*.json")):
        for share in shares_of(file, people):
            yield share + (file.parent.name,) if houses else share


def shares_of(file, people):
    month = f"{file.name[:4]}-{file.name[5:7]}"
    text = json.loads(file.read_bytes(), parse_float=Decimal)
    constants, meta, mates = text["constants"], text["metadata"], text["roommates"]
    base = (Decimal(constants["kallhyra"]) / len(mates)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    at = datetime.fromisoformat(meta["calculation_date"]).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    title = meta.get("title") or f"Rent {month}"
    for name, due in text["final_results"].items():
        mate, tenant = mates[name], people[file.parent.name, name]
        days = mate.get("days")
        yield (f"{file.stem}{tenant}", tenant, month + "-01 00:00:00", str(due), str(due), at, MADE,
               None if days is None else str(days), str(mate.get("room_adjustment", 0)), str(base), title, at)


ROWS = {"bills": bill_rows, "shares": share_rows}


def python_postgres(work, folder, database):
    import psycopg
    table = clean(work, folder)[0]
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(staging(table))
        with cursor.copy("COPY s FROM STDIN") as copy:
            for row in ROWS[work](folder):
                copy.write_row(row)
        cursor.execute(upsert(table, "SELECT * FROM s"))


def python_sqlite(work, folder, database):
    table = clean(work, folder)[0]
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA foreign_keys = ON")
    with connection:
        marks = ", ".join("?" for _ in table[1])
        connection.executemany(upsert(table, f"VALUES ({marks})", "IS NOT"), ROWS[work](folder))


# --- DuckDB -----------------------------------------------------------------------------------------------------------------

def duckdb_connection(extension):
    """With an extension from where it is installed, from its package, or from DuckDB's own server."""
    import duckdb
    connection = duckdb.connect()
    try:
        connection.execute(f"LOAD {extension}")
    except duckdb.Error:
        try:
            import duckdb_extensions
            duckdb_extensions.import_extension(extension)
        except Exception:
            connection.execute(f"INSTALL {extension}")
        connection.execute(f"LOAD {extension}")
    return connection


def duckdb_rows(work, folder):
    """The query: bills from the clean text, as sections are no table to it; shares from the JSON files."""
    table, file = clean(work, folder)
    house = ", r.house" if "house" in table[1] else ""
    if work == "bills":
        return f"SELECT * FROM read_csv('{file}', delim='\t', header=false, nullstr='\\N', all_varchar=true, names={table[1]})"
    return f"""
      WITH f AS (SELECT parse_filename(filename)[1:4] || '-' || parse_filename(filename)[6:7] AS month,
                        split_part(filename, '/', -2) AS house, metadata, constants, roommates, final_results, map_keys(final_results) AS who
                 FROM read_json('{folder}/houses/*/*.json', filename=true, columns={{
                   metadata: 'STRUCT(calculation_date TIMESTAMPTZ, title VARCHAR)', constants: 'STRUCT(kallhyra DECIMAL(12,2))',
                   roommates: 'MAP(VARCHAR, STRUCT(days VARCHAR, room_adjustment VARCHAR))',
                   final_results: 'MAP(VARCHAR, VARCHAR)'}})),
           p AS (SELECT * FROM read_csv('{folder}/people.tsv', delim='\t', header=false, all_varchar=true, names=['house', 'name', 'id'])),
           r AS (SELECT *, unnest(who) AS name, strftime(timezone('UTC', metadata.calculation_date), '%Y-%m-%d %H:%M:%S') AS moment FROM f)
      SELECT month || p.id, p.id, month || '-01 00:00:00', final_results[r.name], final_results[r.name], moment, '{MADE}',
             roommates[r.name].days, coalesce(roommates[r.name].room_adjustment, '0'),
             round(constants.kallhyra / cardinality(roommates), 2)::VARCHAR, coalesce(metadata.title, 'Rent ' || month), moment{house}
      FROM r JOIN p ON p.house = r.house AND p.name = r.name"""


def duckdb_postgres(work, folder, database):
    """DuckDB cannot upsert into PostgreSQL: it fills a table there, from which PostgreSQL does."""
    connection = duckdb_connection("postgres_scanner")
    table = clean(work, folder)[0]
    connection.execute(f"ATTACH '{database}' AS pg (TYPE postgres)")
    run = lambda sql: connection.execute("CALL postgres_execute('pg', ?)", [sql])
    run(staging(table).replace("TEMP TABLE s", "UNLOGGED TABLE s"))
    connection.execute("CALL pg_clear_cache()")
    types = typed(table, connection.execute(f"DESCRIBE pg.public.s").fetchall())
    connection.execute(f"INSERT INTO pg.public.s SELECT {types} FROM ({duckdb_rows(work, folder)}) AS q({names(table[1])})")
    run(upsert(table, "SELECT * FROM s"))
    run("DROP TABLE s")


def duckdb_sqlite(work, folder, database):
    """Nor into SQLite: it fills a table there, from which SQLite does, by Python's hand."""
    connection = duckdb_connection("sqlite_scanner")
    table = clean(work, folder)[0]
    connection.execute(f"ATTACH '{database}' AS lite (TYPE sqlite)")
    connection.execute(f"CREATE TABLE lite.s AS SELECT * FROM ({duckdb_rows(work, folder)}) AS q({names(table[1])})")
    connection.close()
    lite = sqlite3.connect(database)
    with lite:
        lite.execute(upsert(table, f"SELECT * FROM s WHERE 1", "IS NOT"))
        lite.execute("DROP TABLE s")


def typed(table, described):
    types = {row[0]: row[1] for row in described}
    return ", ".join(f'"{c}"::{types[c]}' for c in table[1])


PEERS = {f.__name__: f for f in (python_postgres, python_sqlite, duckdb_postgres, duckdb_sqlite)}

if __name__ == "__main__":
    peer, work, folder, database = sys.argv[1:]
    PEERS[peer](work, Path(folder), database)
