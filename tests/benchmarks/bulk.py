"""How many events in a second `import commands` takes from a file into the log, beside a bare COPY of the same rows."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psycopg

from api.importers import commands
from api.importers.importing import run as run_import
from domain import DECIDERS
from eventstore.commands import Commands
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, migrate, open_pool
from eventstore.embedded import EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from tests.benchmarks import Figure

ORDERS = 50_000
CONTACTS = 45_000
CUSTOMERS = 2_500
ROUNDS = 3
PROMISED_EVENTS_PER_S = 20_000
WHEN = "2026-01-31T18:00:00+01:00"
COLUMNS = (
    "position, stream_id, version, type, customer_id, occurred_at, recorded_at, actor, origin, command_id, "
    "correlation_id, because, body, personal"
)


def run() -> list[Figure]:
    """Two figures from the same runs: beside what is promised, and beside COPY into a table with the same indexes."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-bench-"))
    try:
        file = home / "commands.ndjson"
        with file.open("w") as lines:
            lines.writelines(json.dumps(line) + "\n" for line in asked())
        with EmbeddedServer(home) as server:
            rates = [side_by_side(server, f"round{n}", file) for n in range(ROUNDS)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    ours, copied = (sum(each) / ROUNDS for each in zip(*rates, strict=True))
    return [
        Figure("import commands, decide included", ours, PROMISED_EVENTS_PER_S, "events/s", at_least=1),
        Figure("import commands / COPY of the same rows", ours, copied, "events/s", at_least=0.05),
    ]


def side_by_side(server: EmbeddedServer, name: str, file: Path) -> tuple[float, float]:
    """Events per second: imported from lines, and copied from a table."""
    server.ensure_database(name)
    dsn = server.dsn(dbname=name)
    migrate(dsn, LOG_SCHEMA)
    migrate(dsn, KEYS_SCHEMA)
    with open_pool(dsn) as pool:
        report = run_import(
            commands.importer, str(file), log=Log(pool, DECIDERS, KeyRing(pool, bytes(32))), commands=Commands(DECIDERS)
        )
    if not report.complete:
        raise AssertionError("\n".join(report.lines()))
    return report.events / report.seconds, copied(dsn)


def copied(dsn: str) -> float:
    """Rows per second of COPY into a table like that of the events."""
    with psycopg.connect(dsn, autocommit=True) as db, db.cursor() as cursor:
        cursor.execute("create table public.copied (like es.event including all)")
        with cursor.copy(f"copy es.event ({COLUMNS}) to stdout") as out:
            rows = [bytes(row) for row in out]
        began = time.monotonic()
        with cursor.copy(f"copy public.copied ({COLUMNS}) from stdin") as copy:
            for row in rows:
                copy.write(row)
        return len(rows) / (time.monotonic() - began)


def asked() -> Iterator[dict[str, object]]:
    """The lines of a shop: its customers, their orders of three articles, and their calls."""
    chance = Random(1)
    for n in range(CUSTOMERS):
        who = {"customerId": f"shop:{n}", "name": f"Customer {n}", "email": f"customer{n}@example.com"}
        yield {"command": "registerCustomer", "input": who, "commandId": f"customer {n}", "occurredAt": WHEN}
    for n in range(ORDERS):
        lines = [{"sku": str(22139 + k), "quantity": k + 1, "unitPrice": "4.95"} for k in range(3)]
        order = {"orderId": f"shop:{n}", "customerId": f"shop:{chance.randrange(CUSTOMERS)}", "lines": lines}
        yield {"command": "placeOrder", "input": order, "commandId": f"order {n}", "occurredAt": WHEN}
    for n in range(CONTACTS):
        call = {"interactionId": f"shop:{n}", "customerId": f"shop:{chance.randrange(CUSTOMERS)}", "channel": "PHONE"}
        about = {"topic": "delivery", "durationS": 120}
        yield {"command": "logInteraction", "input": call | about, "commandId": f"call {n}", "occurredAt": WHEN}
