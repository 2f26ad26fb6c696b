"""A house: one open Bitácora, with its log, its views and its settings, for whichever door is used."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from api.settings import Settings
from domain import DECIDERS
from eventstore.commands import Commands
from eventstore.database import KEYS_SCHEMA, LOG_SCHEMA, VIEWS_SCHEMA, migrate, open_pool, reachable
from eventstore.embedded import SUPERUSER, EmbeddedServer
from eventstore.log import Log
from eventstore.personal import KeyRing, key_encryption_key
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

    @cached_property
    def reads(self) -> Reads:
        """The log of who looked at personal values."""
        return Reads(self.log.pool)

    @cached_property
    def kek(self) -> bytes:
        """The key-encryption key, from which the secret of the survey links is derived too."""
        return key_encryption_key(self.settings.key_file)


@contextmanager
def open_house(settings: Settings | None = None) -> Iterator[House]:
    """Starts or joins the database, brings its schema up to date and opens everything; closes it all in the end."""
    settings = settings or Settings()
    with ExitStack() as stack:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kek = key_encryption_key(settings.key_file)
        dsn = settings.dsn or stack.enter_context(embedded(settings))
        keys_dsn, views_dsn = settings.keys_dsn or dsn, settings.views_dsn or dsn
        with reachable():
            applied = migrate(dsn, LOG_SCHEMA)
            for folder, where in ((KEYS_SCHEMA, keys_dsn), (VIEWS_SCHEMA, dsn), (VIEWS_SCHEMA, views_dsn)):
                migrate(where, folder)
        pool = stack.enter_context(open_pool(dsn, size=settings.pool_size))
        keys_pool = pool if keys_dsn == dsn else stack.enter_context(open_pool(keys_dsn))
        views_pool = pool if views_dsn == dsn else stack.enter_context(open_pool(views_dsn, size=settings.pool_size))
        log = Log(pool, DECIDERS, KeyRing(keys_pool, kek), early=settings.append_mode == "early")
        if CLAIM_INDEX in applied and log.reader.head():  # an older log did not keep it
            log.rebuild_claims()
        engine = Engine(log, views_pool, VIEWS)
        engine.prepare()
        yield House(settings, dsn, log, Lists(log, views_pool), engine)


@contextmanager
def embedded(settings: Settings) -> Iterator[str]:
    """The DSN of the embedded server, which is started for us or shared with whoever started it."""
    with EmbeddedServer(settings.home.resolve()) as server:
        server.ensure_database(DATABASE)
        yield server.dsn(user=SUPERUSER, dbname=DATABASE)
