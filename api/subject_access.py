"""Subject access: everything that the log knows about a person, in a form for people and in one for programs."""

import io
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from api.house import House
from api.looking_back import customer_as_of
from api.subject_words import STYLE, WORDS
from api.survey_words import templates
from domain.call import CallRinging
from domain.cart import CartItemAdded, CartItemRemoved, CartQuantityChanged
from domain.consent import ConsentGranted, ConsentWithdrawn
from domain.customer import AddressChanged, CustomerProfileChanged, CustomerRegistered, PreferenceStated
from domain.identifiers import IdentifierAdded, IdentifierRemoved
from domain.interaction import Direction, InteractionLogged, MessageReceived
from domain.invitation import SurveyResponded
from domain.kernel import Event, Refused, derived, sealed_fields
from domain.order import OrderPlaced
from domain.quote import QuoteRequested
from domain.returns import ReturnRequested
from domain.subject_access import RecordSubjectAccess, SubjectAccessKind
from domain.web_session import FormSubmitted
from eventstore.arrays import id_array
from eventstore.catalogue import sentence
from eventstore.codec import json_form
from eventstore.envelope import Happened, Request
from eventstore.evidence.proofs import MAX_PROVEN, inclusion_proofs
from eventstore.evidence.reading import fetch, standing
from eventstore.reader import NOW, PAGE_EVENTS
from eventstore.sealing.heads import newest
from eventstore.sealing.sources import EVENTS
from processes.retention import SCHEDULE

Progress = Callable[[int, int], None]

PROVIDED: tuple[type[Event], ...] = (
    CustomerRegistered, CustomerProfileChanged, AddressChanged, PreferenceStated, IdentifierAdded, IdentifierRemoved,
    ConsentGranted, ConsentWithdrawn, OrderPlaced, QuoteRequested, ReturnRequested, SurveyResponded, MessageReceived,
    CartItemAdded, CartItemRemoved, CartQuantityChanged, FormSubmitted,
)  # fmt: skip
"""The events that tell what a person gave or did themselves, under a contract or by consent (GDPR, article 20)."""


@dataclass(frozen=True, slots=True)
class SubjectCopy:
    """A copy of a person's data, as a zip of JSON and HTML, and what it holds."""

    content: bytes
    digest: str
    position: int
    events: int
    personal_values: int


def positions_of(house: House, people: Collection[UUID], position: int) -> list[int]:
    """Every event up to a position that concerns one of these people, or holds a personal value of theirs."""
    with house.log.pool.connection() as db:
        rows = db.execute(
            "select position from es.event where customer_id = any(%s::uuid[]) and position <= %s "
            " union select position from es.personal where subject_id = any(%s::uuid[]) and position <= %s order by 1",
            [id_array(people), position, id_array(people), position],
        ).fetchall()
    return [row[0] for row in rows]


def copy_of(
    house: House,
    customer_id: UUID,
    kind: SubjectAccessKind,
    language: str = "es",
    *,
    actor: str,
    progress: Progress | None = None,
) -> SubjectCopy:
    """Makes the copy as of now, notes in the log that it was made, and in the log of reads that it was read.

    Raises `Refused` if nothing is known of the person.
    """
    reader = house.log.reader
    people = {customer_id, *reader.kin([customer_id])}
    head = reader.head()
    found: list[Happened] = []
    positions = positions_of(house, people, head)
    for start in range(0, len(positions), PAGE_EVENTS):
        page = reader.personal(positions[start : start + PAGE_EVENTS])
        found += [page[position] for position in sorted(page)]
        if progress is not None:
            progress(len(found), len(positions))
    if kind is SubjectAccessKind.PORTABILITY:
        found = [each for each in found if is_provided(each.event)]
    if not found:
        raise Refused("Nothing is known of this person.", "customer")
    house.reads.note(people, actor=actor, door="export", purpose=f"subject access: {kind}")
    report = report_of(house, customer_id, people, found, head, kind)
    add_proofs(house, report)
    content = _zipped(report, language, house.settings.company)
    digest = sha256(content).hexdigest()
    house.log.do(
        RecordSubjectAccess(
            subject_access_id=derived("subject-access", customer_id, digest),
            customer_id=customer_id,
            kind=kind,
            position=head,
            events=len(found),
            digest=digest,
        ),
        Request(actor=actor),
    )
    values = sum(len(each["personal"]) for each in report["events"])
    return SubjectCopy(content, digest, head, len(found), values)


def add_proofs(house: House, report: dict[str, Any]) -> None:
    """Adds the last signed checkpoint of the log, and to each event below it the proof that it is in its tree.

    A proof is a text of c2sp.org/tlog-proof@v1, of which `extra` is the entry that was hashed (docs/evidence.md).
    """
    by_position = {each["position"]: each for each in report["events"]}
    positions = sorted(by_position)
    with house.log.pool.connection() as db:
        head = newest(db, EVENTS)
        report["checkpoint"] = None if head is None else head.note
        if head is None:
            return
        for start in range(0, len(positions), MAX_PROVEN):
            standing_there = standing(fetch(db, positions[start : start + MAX_PROVEN]))
            for position, proof in inclusion_proofs(db, head, list(standing_there)).items():
                by_position[position]["proof"] = str(proof)


def is_provided(event: Event) -> bool:
    """Whether an event tells what a person gave or did themselves."""
    if isinstance(event, InteractionLogged | CallRinging):
        return event.direction is Direction.IN
    return isinstance(event, PROVIDED)


def report_of(
    house: House,
    customer_id: UUID,
    people: Collection[UUID],
    found: Sequence[Happened],
    position: int,
    kind: SubjectAccessKind,
) -> dict[str, Any]:
    """What the copy says: article 15(1) points a to h, and the events themselves."""
    events = list(_events(house, found))
    report: dict[str, Any] = {
        "format": "bitacora-subject-access/1",
        "kind": kind.value,
        "customerId": customer_id,
        "alsoKnownAs": sorted(set(people) - {customer_id}),
        "controller": house.settings.company,
        "position": position,
        "events": events,
    }
    if kind is SubjectAccessKind.PORTABILITY:
        return report
    known = customer_as_of(house, customer_id, NOW)
    return {
        **report,
        "profile": known.get("customer", {}),
        "card": known.get("card", {}),
        "purposes": _purposes(found),
        "categories": sorted({word.key_class for each in found for word in sealed_fields(type(each.event)).values()}),
        "recipients": _recipients(house, people, position),
        "retention": [asdict(rule) for rule in SCHEDULE],
        "rights": [
            "access",
            "rectification",
            "erasure",
            "restriction",
            "portability",
            "objection",
            "complaint to the AEPD",
        ],
        "sources": _sources(found),
        "automatedDecisions": _decisions(found),
        "readBy": [
            {"at": read.recorded_at, "actor": read.actor, "door": read.door, "purpose": read.purpose}
            for read in house.reads.of(people)
        ],
    }


def _events(house: House, found: Sequence[Happened]) -> Iterator[dict[str, Any]]:
    for event, at in found:
        personal = {name: getattr(event, name) for name in sealed_fields(type(event))}
        yield {
            "position": at.position,
            "type": at.type,
            "sentence": sentence(type(event)),
            "occurredAt": at.occurred_at,
            "recordedAt": at.recorded_at,
            "actor": at.actor,
            "origin": at.origin,
            "because": at.because,
            "body": orjson.loads(house.log.codec.encode(event)[0]),
            "personal": {name: value for name, value in personal.items() if value is not None},
        }


def _purposes(found: Sequence[Happened]) -> list[dict[str, Any]]:
    """What was agreed and objected to, each with its legal basis and the event that says so."""
    return [
        {
            "at": at.occurred_at,
            "purpose": event.purpose,
            "channel": event.channel,
            "says": "agreed" if isinstance(event, ConsentGranted) else "objected",
            "legalBasis": getattr(event, "legal_basis", None),
            "position": at.position,
        }
        for event, at in found
        if isinstance(event, ConsentGranted | ConsentWithdrawn)
    ]


def _decisions(found: Sequence[Happened]) -> Mapping[str, int]:
    """How many events each policy decided by itself."""
    return dict(sorted(Counter(at.actor for _, at in found if at.actor.startswith("policy:")).items()))


def _sources(found: Sequence[Happened]) -> Mapping[str, int]:
    """How many events came in which way."""
    return dict(sorted(Counter(str(at.origin) for _, at in found).items()))


def _recipients(house: House, people: Collection[UUID], position: int) -> list[dict[str, Any]]:
    """The systems that were told of something that is the person's, how often, and when last."""
    streams = house.log.reader.streams_of(people, position)
    with house.lists.pool.connection() as db:
        rows = db.execute(
            "select target, noun, count(*), max(queued_at) from views.outbound_messages "
            " where about = any(%s::uuid[]) group by 1, 2 order by 1, 2",
            [id_array(streams)],
        ).fetchall()
    return [dict(zip(("system", "about", "messages", "last"), row, strict=True)) for row in rows]


def _zipped(report: Mapping[str, Any], language: str, company: str) -> bytes:
    """The report as JSON and as a page, in a zip that is the same for the same report."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    page = templates.get_template("subject_access.html").render(
        report=report, language=language, company=company, words=WORDS[language], style=STYLE, shown=shown
    )
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            ("report.json", orjson.dumps(report, default=json_form, option=option)),
            ("report.html", page.encode()),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def shown(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {shown(each)}" for key, each in value.items() if each not in (None, [], {}))
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return str(value)


def write(copy: SubjectCopy, file: Path) -> None:
    """Writes the copy where only its owner can read it. Raises `Refused` if there is a file already."""
    try:
        with open(file, "xb", opener=_private) as out:
            out.write(copy.content)
    except FileExistsError:
        raise Refused(f"{file} is there already: name another file.", "output") from None
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}.", "output") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
