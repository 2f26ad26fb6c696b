"""An aviary: people with a canary in every personal field of every event that can be theirs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain import DECIDERS
from domain.customer import ChangeAddress, InferPreference, RegisterCustomer, StatePreference
from domain.identifiers import AddIdentifier, IdentifierType
from domain.import_batch import RecordRejectedRows, RejectedRow, StartImport
from domain.interaction import Direction, ReceiveMessage, StartInteraction
from domain.kernel import Command, derived, sealed_fields
from domain.lead import CaptureLead, ConvertLead, QualifyLead
from domain.values import Channel
from eventstore.bulk import Bulk
from eventstore.envelope import Draft, Origin, Request
from eventstore.log import Log
from tests.history.test_golden import LINES, told
from tests.privacy.canaries import canary

NOBODYS = ("staff", "absence", "campaign", "objective", "cost", "import_batch", "inbound_message", "outbound_message",
           "reconciliation")  # fmt: skip
"""Nouns that are never a customer's."""
THEMSELVES = ("customer", "erasure")
"""Nouns whose stream is the customer, or that would block them."""
SPRING = datetime(2026, 3, 1, 10, tzinfo=UTC)
DRAFTS_TOGETHER = 500


def person(number: int) -> UUID:
    """The id of a person."""
    return derived("customer", "aviary", number)


def covered() -> set[tuple[str, str]]:
    """The personal fields, by event, that get a canary."""
    return {
        (line["type"], name)
        for line in LINES
        if _noun(line) not in NOBODYS
        for name, value in line["personal"]
        if _sung(value, "x") != value
    }


def fill(log: Log, people: range) -> None:
    """Everybody, by real commands as far as they are simple, and by events made of the golden ones."""
    asked = [(command, Request(occurred_at=SPRING)) for number in people for command in _commands(number)]
    for start in range(0, len(asked), DRAFTS_TOGETHER):
        outcomes = Bulk(log).do(asked[start : start + DRAFTS_TOGETHER])
        assert not [outcome.refused for outcome in outcomes if outcome.refused is not None]
    drafts = [draft for number in people for draft in _drafts(number)]
    for start in range(0, len(drafts), DRAFTS_TOGETHER):
        with log.pool.connection() as db, db.transaction():
            log.append_within(db, drafts[start : start + DRAFTS_TOGETHER])


def _commands(number: int) -> Iterator[Command]:
    who, text = person(number), canary(number)
    mail = f"{text}@example.test"
    lead, talk, batch = (derived(noun, "aviary", number) for noun in ("lead", "interaction", "import_batch"))
    yield RegisterCustomer(customer_id=who, name=f"Ana {text}", email=mail)
    yield ChangeAddress(customer_id=who, street=f"Calle {text} 7", postal_code="28001", city=text, country="ES")
    yield AddIdentifier(customer_id=who, type=IdentifierType.LOYALTY_CARD, value=text)
    yield StatePreference(customer_id=who, topic="hobby", value=text)
    yield InferPreference(customer_id=who, topic="music", value=text, evidence=(1,))
    yield CaptureLead(lead_id=lead, source="web", name=text, email=mail, note=f"about {text}")
    yield QualifyLead(lead_id=lead)
    yield ConvertLead(lead_id=lead, customer_id=who)
    yield StartInteraction(interaction_id=talk, customer_id=who, channel=Channel.EMAIL, direction=Direction.IN)
    yield ReceiveMessage(
        interaction_id=talk, message_id=f"<{number}@mail.test>", subject=text, text=f"I am {text}", sender=mail
    )
    yield StartImport(import_batch_id=batch, source="crm", file="people.csv", digest=f"{number:064x}")
    rejected = RejectedRow(line=1, field="email", reason=f"{mail} is known already.")
    yield RecordRejectedRows(import_batch_id=batch, number=1, rows=(rejected,))


def _drafts(number: int) -> Iterator[Draft]:
    """An event of every kind with personal fields, on a stream of its own."""
    for place, line in enumerate(LINES):
        if not line["personal"] or _noun(line) in (*NOBODYS, *THEMSELVES):
            continue
        sung = [[name, _sung(value, canary(number))] for name, value in line["personal"]]
        id = derived("golden", place, number)
        yield Draft(id, 1, told({**line, "personal": sung}), person(number), SPRING, "test", Origin.IMPORT, id, id)


def _noun(line: dict[str, Any]) -> str:
    return str(line["type"]).partition(".")[0]


def _sung(value: Any, text: str) -> Any:
    """The same value with the text in every place that holds one."""
    match value:
        case str() if " señora" in value:
            return text
        case list():
            return [_sung(each, text) for each in value]
        case dict():
            return {name: _sung(each, text) for name, each in value.items()}
        case _:
            return value


def personal_texts() -> set[tuple[str, str]]:
    """Every personal field of every event that can be a customer's."""
    return {
        (event.stored_as, name)
        for decider in DECIDERS
        if decider.noun not in NOBODYS
        for event in decider.events
        for name in sealed_fields(event)
    }
