"""Running: the server, the followers of the log and the clock, in one process or in several."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from threading import Event as Signal
from threading import Thread

import uvicorn

from api.app import create_app
from api.house import House
from api.schema import schema
from api.terminal import progress, say
from domain.kernel import Refused
from eventstore.garbage import collect_seldom
from processes import POLICIES
from processes.inbox import Inbox
from processes.letters import Stationery
from processes.links import link_secret
from processes.mail_reading import own_addresses
from processes.mailboxes import mailbox_of
from processes.outbox import Outbox
from processes.ports import folder_ports
from processes.transports import MaildirTransport, SmtpTransport
from processes.worker import Worker, keep_on
from projections.rebuild import rebuild_all

STOP_TIMEOUT_S = 15
GRACE_S = 5


def build_schema_ahead() -> None:
    """Begins to build the GraphQL schema, which takes as long as the database takes to start."""
    Thread(target=schema, name="schema", daemon=True).start()


def up(house: House) -> None:
    """Serves and works, until it is told to stop."""
    must_be_loopback(house.settings.host)
    with working(house):
        if not house.log.reader.head():
            say("There is nothing here yet. To see something: make demo, in another terminal.")
        _serve(house)


def serve(house: House) -> None:
    """Serves alone."""
    must_be_loopback(house.settings.host)
    _serve(house)


def work(house: House) -> None:
    """Works alone, until it is told to stop."""
    stop = Signal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with working(house):
        say("Following the log. Ctrl-C stops.")
        stop.wait()


def worker(house: House) -> Worker:
    """The worker of a house: its policies, and how letters leave it."""
    settings = house.settings
    transport = SmtpTransport(settings.smtp_url) if settings.smtp_url else MaildirTransport(settings.mail_folder)
    ports = folder_ports(settings.home)
    return Worker(house.log, house.engine, POLICIES, transport, stationery(house), ports=ports)


def stationery(house: House) -> Stationery:
    """What the letters of a house look like."""
    settings = house.settings
    return Stationery(
        sender=settings.mail_from, company=settings.company, base_url=settings.public_url, secret=link_secret(house.kek)
    )


def outbox(house: House) -> Outbox | None:
    """What tells other systems, if there are any."""
    targets = {name: hook.target for name, hook in house.settings.webhooks.items()}
    return Outbox(house.log, house.engine, targets) if targets else None


def inbox(house: House) -> Inbox | None:
    """What reads the mail that comes in, if it comes in anywhere."""
    settings = house.settings
    if settings.inbox is None:
        return None
    own = own_addresses(settings.own_addresses)
    return Inbox(house.log, house.engine, mailbox_of(settings.inbox), stationery(house), own=own)


@contextmanager
def working(house: House) -> Iterator[None]:
    """The followers and the clock, in threads of this process."""
    _quiet()
    if outdated := house.engine.prepare():
        names = ", ".join(view.name for view in outdated)
        with progress(f"Of another version, built anew: {names}", "events") as tell:
            rebuild_all(house.engine, outdated, progress=tell)
    stop = Signal()
    tasks: list[tuple[str, Callable[[], None]]] = [
        ("views", lambda: house.engine.follow(house.dsn, stop)),
        ("worker", lambda: worker(house).follow(house.dsn, stop)),
    ]
    tasks += [
        (name, partial(keep_on, door.step, house.dsn, stop))
        for name, door in (("outbox", outbox(house)), ("inbox", inbox(house)))
        if door is not None
    ]
    threads = [Thread(target=task, name=name, daemon=True) for name, task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)


def must_be_loopback(host: str) -> None:
    """Refused unless only this machine can come in: there is no authentication yet."""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Refused(
            f"{host} can be reached by others, and there is no authentication yet. "
            "Set BITACORA_HOST=127.0.0.1, and put a proxy that authenticates in front of it if others are to come in."
        )


def _serve(house: House) -> None:
    settings = house.settings
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Refused(
                f"Port {settings.port} of {settings.host} cannot be used ({error.strerror}). "
                "Is Bitácora up already? To use another one: BITACORA_PORT=8001."
            ) from None
    address = f"http://{'[' + settings.host + ']' if ':' in settings.host else settings.host}:{settings.port}"
    say(f"Bitácora is up: {address}/graphql (this machine only; Ctrl-C stops)")
    app = create_app(house)
    collect_seldom()  # nor among what the schema is made of
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run()


def _quiet() -> None:
    """What an operator should read, and no more."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("apscheduler", "psycopg.pool", "asyncio", "httpx"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
