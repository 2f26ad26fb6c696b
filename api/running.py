"""Running: the server, the followers of the log and the clock, in one process or in several."""

import shlex
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from threading import Event as Signal
from threading import Thread

import uvicorn

from api.apart import Apart
from api.app import create_app
from api.house import House
from api.logs import tell_the_operator
from api.schema import schema
from api.settings import Settings
from api.terminal import progress, say
from domain.kernel import Refused
from eventstore.evidence.patrol import Patrol
from eventstore.garbage import collect_seldom
from eventstore.sealing.anchors import Anchor, Anchoring, TimeStamping, Witness
from eventstore.sealing.checkpoint_file import CheckpointFile
from eventstore.sealing.keys import KeyFile, SigningProgram
from eventstore.sealing.notes import VerifierKey
from eventstore.sealing.sealer import Sealer
from eventstore.sealing.sources import EVENTS, READS, Source
from processes import POLICIES
from processes.anchor_mail import AuditorMail
from processes.clock import wall_clock
from processes.erasing import Eraser
from processes.erasure_ledger import Ledger
from processes.hands import SecondHand
from processes.inbox import Inbox
from processes.letters import Stationery
from processes.mail_reading import own_addresses
from processes.mailboxes import mailbox_of
from processes.outbox import Outbox
from processes.papers import Papers
from processes.ports import folder_ports
from processes.rectification import Rectification
from processes.retention_nights import Nightly
from processes.rotation import Rotation, now_and_then
from processes.transports import MaildirTransport, SmtpTransport, Transport
from processes.worker import Worker, keep_on
from projections.forgetting import forget
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


def worker(house: House, second: SecondHand | None = None) -> Worker:
    """The worker of a house: its policies, how letters leave it, and who helps it."""
    ports, posts = folder_ports(house.settings.home), transport(house.settings)
    return Worker(house.log, house.engine, POLICIES, posts, stationery(house), ports=ports, second=second)


def transport(settings: Settings) -> Transport:
    """How mails leave a house."""
    return SmtpTransport(settings.smtp_url) if settings.smtp_url else MaildirTransport(settings.mail_folder)


def stationery(house: House) -> Stationery:
    """What the letters of a house look like."""
    settings = house.settings
    return Stationery(
        sender=settings.mail_from, company=settings.company, base_url=settings.public_url, secret=house.link_secret
    )


def outbox(house: House) -> Outbox | None:
    """What tells other systems, if there are any."""
    targets = {name: hook.target for name, hook in house.settings.webhooks.items()}
    return Outbox(house.log, house.engine, targets) if targets else None


def eraser(house: House, *, patient: bool = True) -> Eraser:
    """What sees to requests for erasure."""
    settings = house.settings
    ledger = Ledger(settings.home / "privacy" / "erasures.jsonl")
    papers = Papers.of(settings.home, settings.inbox)
    return Eraser(house.log, house.engine, house.custodian, papers, ledger, house.dsn, patient=patient)


def rectification(house: House) -> Rectification:
    """What blocks the values that were corrected."""
    return Rectification(house.log, house.custodian, house.eraser, partial(forget, house.engine))


def retention(house: House) -> Nightly:
    """What looks each night what is older than its law allows."""
    apply = house.settings.retention == "destroy"
    return Nightly(house.log, house.engine, house.custodian, house.dsn, apply=apply)


def inbox(house: House) -> Inbox | None:
    """What reads the mail that comes in, if it comes in anywhere."""
    settings = house.settings
    if settings.inbox is None:
        return None
    own = own_addresses(settings.own_addresses)
    return Inbox(house.log, house.engine, mailbox_of(settings.inbox), stationery(house), own=own)


def sealer(house: House, source: Source = EVENTS) -> Sealer:
    """What seals the log of a house."""
    settings = house.settings
    checkpoints = checkpoint_file(settings, source)
    if settings.sealing_program is not None and settings.sealing_public is not None:
        program = SigningProgram(shlex.split(settings.sealing_program), settings.sealing_public)
        return Sealer(house.dsn, source, settings.sealing_folder, program.signers, checkpoints)
    return Sealer.with_key_file(house.dsn, source, settings.sealing_folder, key_file(settings), checkpoints)


def patrol(house: House) -> Patrol:
    """What reads the whole log again, slice by slice."""
    settings = house.settings
    file = settings.sealing_folder / f"{EVENTS.name}.patrol"
    return Patrol(house.log.pool, file, checkpoint_file(settings))


def checkpoint_file(settings: Settings, source: Source = EVENTS) -> CheckpointFile:
    """The file of signed tree heads of a source."""
    return CheckpointFile(settings.checkpoints or settings.home / "checkpoints" / f"{source.name}.txt")


def key_file(settings: Settings) -> KeyFile:
    """The file with the keys that sign the tree heads of a house."""
    return KeyFile(settings.sealing_key or settings.home / "keys" / "sealing", wall_clock)


def anchoring(house: House, source: Source = EVENTS) -> Anchoring | None:
    """What gives the tree heads to others, if there is anybody to give them to."""
    settings = house.settings
    anchors: list[Anchor] = [Witness(VerifierKey.parse(vkey), url) for vkey, url in settings.witnesses.items()]
    if settings.time_stamping is not None:
        anchors.append(TimeStamping(settings.time_stamping, settings.time_stamping_roots))
    if settings.auditor is not None:
        anchors.append(AuditorMail(settings.auditor, settings.mail_from, settings.company, transport(settings)))
    return Anchoring(house.dsn, source, anchors, wall_clock) if anchors else None


@contextmanager
def working(house: House) -> Iterator[None]:
    """The followers and the clock, in threads of this process; the views, and whoever helps the worker, in their own."""
    tell_the_operator()
    if outdated := house.engine.prepare():
        names = ", ".join(view.name for view in outdated)
        with progress(f"Of another version, built anew: {names}", "events") as tell:
            rebuild_all(house.engine, outdated, progress=tell)
    stop = Signal()
    views = Apart("api.following", "keeps the views up to date", house.settings)
    helping = Apart("api.helping", "helps to decide about what is due", house.settings, answers=True)
    second = SecondHand(lambda: helping.ready)
    tasks: list[tuple[str, Callable[[], None]]] = [
        ("views", lambda: views.keep(stop)),
        ("second hand", lambda: helping.keep(stop)),
        ("worker", lambda: worker(house, second).follow(house.dsn, stop)),
        ("sealer", lambda: sealer(house).follow(stop)),
        ("sealer of reads", lambda: sealer(house, READS).follow(stop)),
        ("patrol", lambda: patrol(house).follow(stop)),
    ]
    care = [Rotation(house.epochs).step] if house.settings.keys_rotation == "monthly" else []
    care += [rectification(house).step] if house.settings.corrected_values == "block" else []
    care += [retention(house).step] if house.settings.retention != "off" else []
    tasks.append(("keys", lambda: now_and_then(stop, *care)))
    if (anchors := anchoring(house)) is not None:
        tasks.append(("anchors", lambda: anchors.follow(stop)))
    tasks += [
        (name, partial(keep_on, door.step, house.dsn, stop))
        for name, door in (("outbox", outbox(house)), ("inbox", inbox(house)), ("eraser", eraser(house)))
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
