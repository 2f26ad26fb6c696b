"""A house: one open Bitácora, with its log, its views and its settings, for whichever door is used."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from api.keepers import providers
from api.settings import Settings
from domain import DECIDERS
from eventstore.commands import Commands
from eventstore.custody.custodian import Custodian
from eventstore.custody.epochs import Epochs
from eventstore.custody.eraser import Eraser
from eventstore.custody.evictions import Evictions
from eventstore.custody.providers import CLAIMS, LINKS, KeyFileError
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool, reachable
from eventstore.embedded import SUPERUSER, EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reads import Reads
from projections import VIEWS
from projections.engine import Engine
from projections.lists import Lists

DATABASE = "bitacora"
CLAIM_INDEX = "schema/110_claim.sql"


@dataclass(frozen=True)
class House:
    """Everything that a door needs. `dsn` is the log's, for listening."""

    settings: Settings
    dsn: str
    log: Log
    lists: Lists
    engine: Engine
    commands: Commands = field(default_factory=lambda: Commands(DECIDERS))

    @property
    def keys_dsn(self) -> str:
        """The database of the keys: the log's, if they have none of their own."""
        return self.settings.keys_dsn or self.dsn

    @property
    def link_secret(self) -> bytes:
        """The secret behind the links in letters and to calendars. Raises `KeyFileError`."""
        return self.log.keys.secret(LINKS)

    @cached_property
    def reads(self) -> Reads:
        """The log of who looked at personal values."""
        return Reads(self.log.pool)

    @cached_property
    def custodian(self) -> Custodian:
        """Who blocks and destroys keys."""
        return Custodian(self.keys_dsn, self.log.keys)

    @cached_property
    def eraser(self) -> Eraser:
        """Who moves personal values out of the log."""
        return Eraser(self.dsn)

    @cached_property
    def epochs(self) -> Epochs:
        """Who rotates the key-encryption keys."""
        return Epochs(self.keys_dsn, self.log.keys, retention=timedelta(days=self.settings.keys_retention_days))


@contextmanager
def open_house(settings: Settings | None = None) -> Iterator[House]:
    """Starts or joins the database, brings its schema up to date and opens everything; closes it all in the end."""
    settings = settings or Settings()
    with ExitStack() as stack:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        keepers = providers(settings)
        dsn = settings.dsn or stack.enter_context(embedded(settings))
        keys_dsn, views_dsn = settings.keys_dsn or dsn, settings.views_dsn or dsn
        with reachable():
            applied = migrate(dsn, LOG_SCHEMA)
            for folder, where in ((KEYS_SCHEMA, keys_dsn), (VIEWS_SCHEMA, dsn), (VIEWS_SCHEMA, views_dsn)):
                migrate(where, folder)
        pool = stack.enter_context(open_pool(dsn, size=settings.pool_size))
        keys_pool = pool if keys_dsn == dsn else stack.enter_context(open_pool(keys_dsn))
        views_pool = pool if views_dsn == dsn else stack.enter_context(open_pool(views_dsn, size=settings.pool_size))
        log = Log(pool, DECIDERS, KeyRing(keys_pool, keepers), early=settings.append_mode == "early")
        must_have_its_keys(log)
        stack.enter_context(Evictions(keys_dsn, log.keys))
        if CLAIM_INDEX in applied and log.reader.head():  # an older log did not keep it
            log.rebuild_claims()
        engine = Engine(log, views_pool, VIEWS)
        engine.prepare()
        yield House(settings, dsn, log, Lists(log, views_pool), engine)


def must_have_its_keys(log: Log) -> None:
    """Raises `KeyFileError` if the keys' database is empty and the log is not, or the key-encryption key is not the one."""
    with log.keys.pool.connection() as db:
        begun = db.execute("select from keys.epoch limit 1").fetchone()
    if begun is None:
        with log.pool.connection() as db:
            sealed = db.execute("select from es.personal limit 1").fetchone()
        if sealed is not None:
            raise KeyFileError(
                "The log holds personal values, and the database of their keys is empty. Restore it from its backup, or let "
                "BITACORA_KEYS_DSN name the right one. Nothing was changed."
            )
    log.keys.secret(CLAIMS)


@contextmanager
def embedded(settings: Settings) -> Iterator[str]:
    """The DSN of the embedded server, which is started for us or shared with whoever started it."""
    with EmbeddedServer(settings.home.resolve()) as server:
        server.ensure_database(DATABASE)
        yield server.dsn(user=SUPERUSER, dbname=DATABASE)
