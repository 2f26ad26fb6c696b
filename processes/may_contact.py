"""May contact: whether the company may turn to a customer for a purpose and by a channel, and the event that says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.consent import ConsentGranted, ConsentWithdrawn, Matter, Purpose
from domain.customer import CustomerRegistered
from domain.follow_up import FollowUpDispatched
from domain.kernel import Refused
from domain.restriction import ContactRestrictionKind, ContactRestrictionSet, Restriction, forbids
from domain.values import Channel
from eventstore.envelope import Happened
from eventstore.reader import AsOf, Reader
from processes.contact import Contact, capped, grounds, remembers, unreached
from processes.policy import Policy

NOBODY = UUID(int=0)
"""No follow-up: the question is about one that is not promised yet."""


@dataclass(frozen=True, slots=True)
class ContactPermission:
    """Whether a customer might be turned to at a moment, by what was known then; what was imported counts from when it happened.

    If not, `reason` is a code: NO_ADDRESS, RESTRICTED, NO_CONSENT or CAPPED. If so, `legal_basis` is what it rests on.
    `position` is that of the event that says so: the consent or objection, the restriction, the message that was the last
    one for now; with a legitimate interest, the event by which the customer became known. It is empty if the customer never
    said anything, or cannot be reached. `allowed_from` is when the next quiet hours end, if it is within some.
    """

    customer_id: UUID
    purpose: Purpose
    channel: Channel
    at: datetime
    allowed: bool
    reason: str | None
    legal_basis: str | None
    position: int | None
    allowed_from: datetime | None


@dataclass(slots=True)
class Asked:
    """What is known of a customer, and where it stands in the log."""

    contact: Contact = field(default_factory=Contact)
    known_since: int | None = None
    objected: dict[Matter, int] = field(default_factory=dict)
    restricted: dict[ContactRestrictionKind, int] = field(default_factory=dict)
    written: int | None = None

    def note(self, happened: Happened) -> None:
        """Takes an event in."""
        event, at = happened
        ASKING.remembering[type(event)](self, event, at)
        match event:
            case CustomerRegistered():
                self.known_since = self.known_since or at.position
            case ConsentGranted():
                self.objected.pop((event.purpose, event.channel), None)
            case ConsentWithdrawn():
                self.objected[event.purpose, event.channel] = at.position
            case ContactRestrictionSet():
                self.restricted[event.kind] = at.position
            case FollowUpDispatched():
                self.written = at.position


ASKING = Policy("may_contact", 1, memory=Asked)
"""The memory of a policy that only ever asks."""
remembers(ASKING)


def may_contact(
    reader: Reader, customer_id: UUID, purpose: Purpose, channel: Channel, at: datetime
) -> ContactPermission:
    """Whether this customer, or whoever was taken to be the same, might be turned to at a moment, as the policies decide it.

    Raises `Refused` if nobody was known by this id then.
    """
    codec = reader.codec
    names, marked = codec.names(ASKING.remembering), codec.names(ASKING.marked)
    found = reader.customers([customer_id], types=names, as_of=AsOf(time=at), mark=marked)
    if not found:
        raise Refused("Nobody was known by this id at that moment.", "customer_id")
    known = Asked()
    for happened in found:
        known.note(happened)
    contact = known.contact
    reason = unreached(at, contact, purpose, channel) or capped(at, contact, purpose, NOBODY)
    basis, position = (
        grounds(contact, purpose, channel, known.known_since or found[0].at.position)
        if reason is None
        else (None, _refusing(known, reason, purpose, channel, at))
    )
    later = contact.calendar.allowed(at)
    return ContactPermission(
        customer_id=customer_id,
        purpose=purpose,
        channel=channel,
        at=at,
        allowed=reason is None,
        reason=reason,
        legal_basis=basis,
        position=position,
        allowed_from=later if reason is None and later > at else None,
    )


def _refusing(known: Asked, reason: str, purpose: Purpose, channel: Channel, at: datetime) -> int | None:
    """The event because of which it is not allowed."""
    match reason:
        case "RESTRICTED":
            held: Mapping[ContactRestrictionKind, datetime | None] = known.contact.restriction.held
            kinds = [
                kind for kind, until in held.items() if forbids(Restriction(held={kind: until}), purpose, channel, at)
            ]
            return known.restricted[kinds[0]]
        case "NO_CONSENT":
            said = (known.objected.get((purpose, channel)), known.objected.get((purpose, None)))
            return next((position for position in said if position is not None), None)
        case "CAPPED":
            return known.written
    return None
