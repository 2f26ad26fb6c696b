"""The doctor: looks at the surroundings and at the house, and says in sentences what is wrong."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from pydantic import ValidationError
from pydantic_settings import SettingsError

from api import running
from api.house import House, open_house
from api.settings import Settings, complaints
from domain.kernel import Refused
from eventstore.custody.officer import fingerprint
from eventstore.custody.providers import KeyFileError
from eventstore.database import SchemaError, Unavailable
from eventstore.embedded import EmbeddedServerError
from eventstore.sealing.heads import newest
from eventstore.sealing.sources import EVENTS
from processes.completeness import gaps
from processes.mailboxes import mailbox_of
from processes.retention import outdated
from processes.retention_nights import counted, last_look
from projections.engine import Standing

MIN_FREE_BYTES = 1_000_000_000
MAX_CALM_LAG_EVENTS = 10_000
MAX_GAPS_TOLD = 3
MAX_EPOCH_AGE = timedelta(days=32)
MAX_NIGHTS = timedelta(days=2)
MAX_CALM_PATROL = timedelta(days=2)
MAX_CALM_SEALING_LAG = timedelta(seconds=30)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    says: str


def examine() -> list[Finding]:
    """Everything there is to look at; stops where the next thing cannot be looked at without the one before."""
    python = sys.version_info[:3]
    found = [Finding("python", python >= (3, 11), f"Python {'.'.join(map(str, python))}; 3.11 to 3.13 are supported.")]
    try:
        settings = Settings()
    except (ValidationError, SettingsError) as error:
        return [*found, Finding("settings", False, " ".join(complaints(error)))]
    found += _surroundings(settings)
    try:
        with open_house(settings) as house:
            found.append(Finding("database", True, _database(house, settings)))
            found += _inside(house)
    except (Unavailable, Refused, SchemaError, EmbeddedServerError, KeyFileError, psycopg.Error) as error:
        found.append(Finding("database", False, str(error)))
    return found


def _surroundings(settings: Settings) -> list[Finding]:
    existing = next(folder for folder in (settings.home.resolve(), *settings.home.resolve().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    loopback = settings.host in LOOPBACK
    return [
        Finding("home", True, f"Data lives in {settings.home.resolve()}."),
        Finding(
            "disk",
            free >= MIN_FREE_BYTES,
            f"{free / 1e9:.1f} GB are free."
            + ("" if free >= MIN_FREE_BYTES else " That is little: make room before it is full."),
        ),
        Finding(
            "listening",
            loopback,
            f"{settings.host}:{settings.port}, this machine only."
            if loopback
            else f"{settings.host} can be reached from outside, and there is no authentication yet. Set BITACORA_HOST=127.0.0.1.",
        ),
        Finding("inbox", True, _inbox(settings)),
        Finding(
            "mail", True, f"Mails go {'by SMTP' if settings.smtp_url else f'to the maildir {settings.mail_folder}'}."
        ),
    ]


def _database(house: House, settings: Settings) -> str:
    with house.log.pool.connection() as db:
        version = db.info.server_version
    where = "of yours (BITACORA_DSN)" if settings.dsn else "embedded"
    return f"PostgreSQL {version // 10_000}.{version % 10_000}, {where}; the schema is up to date."


def _inbox(settings: Settings) -> str:
    if settings.inbox is None:
        return "No mail comes in. To read a mailbox: BITACORA_INBOX."
    mailbox = mailbox_of(settings.inbox).name if "://" in settings.inbox else f"the maildir {settings.inbox}"
    return f"Mail comes in from {mailbox}."


def _inside(house: House) -> list[Finding]:
    head = house.log.reader.head()
    found = [
        Finding("log", True, f"{head:,} events." if head else "Empty. To see something: bitacora demo."),
        *views(house.engine.standings()),
    ]
    with house.log.pool.connection() as db:
        row = db.execute(
            "select count(*), min(due_at) from views.due where due_at < now() - interval '1 hour'"
        ).fetchone()
    late, oldest = row or (0, None)
    says = (
        "Nothing is overdue."
        if not late
        else f"{late} follow-ups are overdue since {oldest:%Y-%m-%d %H:%M}. Is bitacora work running?"
    )
    missing = gaps(house.log)
    return [
        *found,
        _sealing(house),
        _patrol(house, datetime.now(UTC)),
        Finding("follow-ups", not late, says),
        Finding(
            "ledger",
            not missing,
            " ".join(gap.sentence() for gap in missing[:MAX_GAPS_TOLD])
            or "Every trigger has its row. To look through all of them anew: bitacora ledger --check.",
        ),
        *_waiting_for_somebody(house),
        reading(house, datetime.now(UTC)),
        *_keys(house),
        _retention(house, datetime.now(UTC)),
    ]


def views(standings: Sequence[Standing]) -> list[Finding]:
    """Each view that something is wrong with; one line for all of them, if they are well."""
    late = [each for each in standings if each.parked or each.lag_events > MAX_CALM_LAG_EVENTS]
    if not late:
        return [Finding("views", True, f"All {len(standings)} views follow the log.")]
    return [Finding(each.view, False, each.sentence()) for each in late]


def reading(house: House, now: datetime) -> Finding:
    """Whether somebody looks at very many people."""
    busiest = house.reads.busiest(now)
    told = [f"{actor} looked at {count:,} people within the last hour." for actor, count in busiest]
    return Finding("reads", not told, " ".join(told) or "Nobody looks at very many people.")


def _waiting_for_somebody(house: House) -> list[Finding]:
    """What does not go on by itself: follow-ups that may not have arrived, and messages that were given up."""
    with house.log.pool.connection() as db:
        row = db.execute(
            "select count(*) filter (where status = 'UNCERTAIN'), count(*) filter (where status = 'FAILED' and due_at is null) "
            "  from views.due"
        ).fetchone()
    uncertain, failed = row or (0, 0)
    says = (
        f"Of {uncertain} follow-ups nobody knows whether they were sent, and {failed} failed for good. "
        "Look at due(filter: {status: {in: [UNCERTAIN, FAILED]}}), and say what became of them or when to try again: "
        "recordFollowUpDelivered, recordFollowUpFailed."
        if uncertain or failed
        else "Nothing waits for somebody to look."
    )
    return [Finding("deliveries", not (uncertain or failed), says)]


def _keys(house: House) -> list[Finding]:
    """How the keys of personal values stand: whether they were rotated, and whether somebody can open what is blocked."""
    now, standings, counts = datetime.now(UTC), house.epochs.standings(), house.custodian.counts()
    active = next(each for each in standings if each.state == "ACTIVE")
    undone = [each for each in standings if each.state == "RETIRED" and each.emptied_at is None]
    waiting = [each for each in standings if each.state == "RETIRED" and each.emptied_at is not None]
    overdue = [
        each for each in waiting if each.emptied_at is not None and each.emptied_at + house.epochs.retention < now
    ]
    late = active.made_at < now - MAX_EPOCH_AGE and house.settings.keys_rotation == "monthly"
    says = (
        f"Epoch {active.epoch} ({active.provider}: {active.reference}) since {active.made_at:%Y-%m-%d}; "
        f"{counts.get('ACTIVE', 0):,} keys are active, {counts.get('BLOCKED', 0):,} blocked, "
        f"{counts.get('DESTROYED', 0):,} destroyed."
    )
    if undone:
        says += (
            f" Keys are still wrapped by epoch {undone[0].epoch}. Is bitacora work running? Or: bitacora keys rotate."
        )
    elif late:
        says += " It is older than a month. Is bitacora work running? Or: bitacora keys rotate."
    elif overdue:
        says += f" The key of epoch {overdue[0].epoch} should be destroyed by now. Is bitacora work running?"
    elif waiting:
        says += f" The key of epoch {waiting[-1].epoch} is kept while backups need it."
    officer = house.custodian.officer()
    return [
        Finding("keys", not (undone or late or overdue), says),
        Finding(
            "officer",
            True,
            f"What is blocked opens with the key {fingerprint(officer[1])}."
            if officer is not None
            else "Nobody can block personal values yet. The data protection officer needs a key: bitacora keys dpo.",
        ),
    ]


def _retention(house: House, now: datetime) -> Finding:
    """Whether personal values are older than their law allows, and whether somebody looks."""
    keys, people = counted(outdated(house.log, house.engine, house.custodian, now.date()))
    with house.log.pool.connection() as db:
        last = last_look(db)
    by_itself = house.settings.retention
    late = by_itself != "off" and last is not None and last < now.date() - MAX_NIGHTS
    says = (
        f"{keys:,} keys of {people:,} people are older than their law allows. To see them: bitacora privacy retention."
        if keys
        else "Nothing is older than its law allows."
    )
    if late:
        says += f" It was looked by night on {last} last. Is bitacora work running?"
    elif keys and by_itself == "destroy":
        says += " They are destroyed tonight."
    elif keys:
        says += " To destroy them for good: bitacora privacy retention --apply."
    return Finding("retention", not late and (not keys or by_itself == "destroy"), says)


def _patrol(house: House, now: datetime) -> Finding:
    """Whether the log that was sealed is read again, and is what was sealed."""
    known = running.patrol(house).known()
    if known is None:
        return Finding("patrol", True, "What was sealed has not been read again yet; bitacora work does it.")
    if known.wrong is not None:
        return Finding("patrol", False, known.wrong)
    ended = f" The last whole round ended {known.ended_at:%Y-%m-%d %H:%M} UTC." if known.ended_at else ""
    says = f"Read again up to {known.position:,} since {known.began_at:%Y-%m-%d %H:%M} UTC, and nothing was changed.{ended}"
    ok = known.looked_at > now - MAX_CALM_PATROL
    return Finding("patrol", ok, says if ok else f"{says} Nobody has gone on with it since. Is bitacora work running?")


def _sealing(house: House) -> Finding:
    """How far the log is sealed, or why it is not."""
    sealer = running.sealer(house)
    if sealer.refusal_file.exists():
        return Finding("sealing", False, sealer.refusal_file.read_text())
    with house.log.pool.connection() as db:
        head = newest(db, EVENTS)
        size = 0 if head is None else head.size
        row = db.execute("select now() - recorded_at from es.event where position = %s", [size + 1]).fetchone()
    sealed = (
        "Nothing is sealed yet."
        if head is None
        else f"{size:,} events are sealed, {head.signed_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    if row is None:
        return Finding("sealing", True, sealed)
    behind = house.log.reader.head() - size
    ok = row[0] <= MAX_CALM_SEALING_LAG
    says = f"{sealed} {behind:,} more wait, the oldest for {row[0].total_seconds():,.0f} s."
    return Finding("sealing", ok, says if ok else f"{says} Is bitacora work running?")
