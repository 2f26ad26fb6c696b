"""The database behind the log: connections, roles and the schema, which is made and brought up to date here."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from select import POLLIN, poll

import orjson
import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool

APPLICATION_ROLE = "es_app"
CUSTODIAN_ROLE = "es_custodian"
ERASER_ROLE = "es_eraser"
MIGRATION_LOCK = 7305812
OLDEST_SERVER = 150_000
CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 30
LOCK_TIMEOUT_S = 10
IDLE_IN_TRANSACTION_TIMEOUT_S = 60
PREPARED_STATEMENTS = 300
"""How many a connection keeps: each view is read and written by three or four."""

LOG_SCHEMA = Path(__file__).parent / "schema"
KEYS_SCHEMA = Path(__file__).parent / "schema_keys"
VIEWS_SCHEMA = Path(__file__).parent / "schema_views"


class Unavailable(Exception):
    """The database cannot be reached just now: nothing is known to have happened, and the same request may be sent again."""


class LogCorrupted(Exception):
    """The log is not as it was written: somebody removed or changed something from below. Stop, and call the auditor."""


class SchemaError(Exception):
    """The schema in the database is not one that this version can work with."""


def as_application(dsn: str, *, role: str = APPLICATION_ROLE, statement_timeout_s: int = STATEMENT_TIMEOUT_S) -> str:
    """The conninfo with which a role of ours connects, mostly the application: limits on everything, and only its rights."""
    options = {
        "role": role,
        "statement_timeout": f"{statement_timeout_s}s",
        "lock_timeout": f"{LOCK_TIMEOUT_S}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_S}s",
        "timezone": "UTC",
        "jit": "off",
    }
    return make_conninfo(
        dsn,
        connect_timeout=CONNECT_TIMEOUT_S,
        application_name="bitacora",
        tcp_user_timeout=IDLE_IN_TRANSACTION_TIMEOUT_S * 1000,
        options=" ".join(f"-c {key}={value}" for key, value in options.items()),
    )


def open_pool(dsn: str, *, size: int = 16, statement_timeout_s: int = STATEMENT_TIMEOUT_S) -> ConnectionPool:
    """A pool of application connections that checks each one before it is lent, so a restarted server is not noticed."""
    return ConnectionPool(
        as_application(dsn, statement_timeout_s=statement_timeout_s),
        min_size=1,
        max_size=size,
        timeout=POOL_TIMEOUT_S,
        kwargs={"autocommit": True, "prepare_threshold": 1},
        configure=_configure,
        check=_check,
        open=True,
        name="bitacora",
    )


def _configure(db: Connection) -> None:
    """Views hold much as JSON, and reading it with the standard library takes five times as long."""
    db.prepared_max = PREPARED_STATEMENTS
    set_json_loads(orjson.loads, db)


def _check(db: Connection) -> None:
    """An idle connection has nothing to read, unless its server went away or told something: only then ask it."""
    waiting = poll()
    waiting.register(db.fileno(), POLLIN)
    if waiting.poll(0):
        ConnectionPool.check_connection(db)


@contextmanager
def reachable() -> Iterator[None]:
    """Turns every way in which a server can be away into `Unavailable`."""
    try:
        yield
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        raise Unavailable(
            f"The database took too long to answer ({error.diag.message_primary}). Send it again."
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unavailable(
            "The database cannot be reached just now. Nothing is half done; send it again with the same command id."
        ) from error


def migrate(dsn: str, folder: Path = LOG_SCHEMA) -> list[str]:
    """Applies the numbered SQL files that this database has not seen, each once, and returns their names.

    The role behind `dsn` must be allowed to create roles and schemas. Raises `SchemaError` if an applied file differs.
    """
    applied = []
    with psycopg.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S) as db:
        if db.info.server_version < OLDEST_SERVER:
            raise SchemaError(f"PostgreSQL 15 or newer is needed; this server is {db.info.server_version // 10_000}.")
        db.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        db.execute(
            "create table if not exists public.bitacora_migration "
            "(name text primary key, digest bytea not null, applied_at timestamptz not null default now())"
        )
        done: dict[str, bytes] = dict(db.execute("select name, digest from public.bitacora_migration").fetchall())
        for file in sorted(folder.glob("*.sql")):
            name, text = f"{folder.name}/{file.name}", file.read_text()
            digest = sha256(text.encode()).digest()
            if name not in done:
                db.execute(sql.SQL(text))
                db.execute("insert into public.bitacora_migration (name, digest) values (%s, %s)", [name, digest])
                applied.append(name)
            elif done[name] != digest:
                raise SchemaError(
                    f"{name} is not the file that made this database. An applied file never changes: "
                    "use the version of Bitácora that made it, or add a new file."
                )
    return applied


def connect(dsn: str, *, role: str = APPLICATION_ROLE) -> Connection:
    """One connection of its own, for listening or for a transaction that a pool should not carry."""
    return psycopg.connect(as_application(dsn, role=role), autocommit=True)
