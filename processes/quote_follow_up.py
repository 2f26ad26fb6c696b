"""Quote follow-up: a quote is asked after, the customer is reminded before it ends, and at its end it has expired.

Whoever has the sale is to call three business days after the quote was issued. The customer is written to two days before
the last day, and at the end of that day, in the customer's zone, the quote expires. None of it is done any more once the
customer has answered, or once there is another version.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.activity import ActivityKind
from domain.consent import Purpose
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command
from domain.lifecycle import AccountManagerAssigned
from domain.opportunity import OpportunityAssigned, OpportunityOpened
from domain.quote import (
    ExpireQuote,
    QuoteAccepted,
    QuoteDrafted,
    QuoteExpired,
    QuoteIssued,
    QuoteRejected,
    QuoteRevised,
)
from domain.rules import Delay, DelayUnit, RuleAction, RuleActionKind, Rules
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.calendar import Days
from processes.contact import Contact, keep, remembers
from processes.policy import Letter, Policy, cancel, done, occasion
from processes.sales_floor import Floor, learns_floor
from processes.staff_words import WORDS
from processes.telling import any_of
from projections.touchpoints.due import Due

CALL, REMINDER, EXPIRY = "call", "reminder", "expiry"
CALL_AFTER_DAYS = 3
"""Business days after the quote was issued."""
REMIND_BEFORE = Days(-2)
"""Before the last day, by the customer's calendar."""
REMIND_AT = time(10)
LAST_SECOND = time(23, 59, 59)
TEMPLATE = "quote_reminder"


@dataclass(slots=True)
class Quote:
    """A quote: whose sale it is, the version that was issued last, until when it holds, and what came of it.

    `issues` are the events that issued it, version by version.
    """

    opportunity_id: UUID | None = None
    version: int = 0
    number: str | None = None
    total: str = ""
    valid_until: datetime | None = None
    issues: list[UUID] = field(default_factory=list)
    ended: str | None = None


@dataclass(slots=True)
class Known:
    """What there is to know of a customer, their quotes, and who sells to them."""

    floor: Floor
    contact: Contact = field(default_factory=Contact)
    quotes: dict[UUID, Quote] = field(default_factory=dict)
    sellers: dict[UUID, UUID | None] = field(default_factory=dict)
    manager: UUID | None = None

    def seller(self, quote: Quote) -> UUID | None:
        """Whose task it is: who has the opportunity, or answers for the customer."""
        seller = self.sellers.get(quote.opportunity_id) if quote.opportunity_id is not None else None
        return seller or self.manager


RULES = Rules(
    triggers=any_of(QuoteIssued),
    delay=Delay(count=CALL_AFTER_DAYS, unit=DelayUnit.BUSINESS_DAYS, quiet_hours=False),
    action=RuleAction(kind=RuleActionKind.CALL, subject=WORDS["a_quote_call"]["en"]),
    cancelled_by=any_of(QuoteAccepted, QuoteRejected, QuoteRevised, QuoteExpired),
    note=(
        "Whoever has the opportunity is to call, or else whoever answers for the customer; the customer is reminded by e-mail, "
        f"for {Purpose.SERVICE}, {-REMIND_BEFORE.count} days before the last day at {REMIND_AT:%H:%M}, and the quote expires "
        f"at {LAST_SECOND:%H:%M:%S} of that day, where the customer is."
    ),
)

policy = Policy("quote-follow-up", version=1, memory=Known, shared=Floor, rules=RULES)
remembers(policy)
learns_floor(policy)


@policy.remember(QuoteDrafted)
def drafted(known: Known, event: QuoteDrafted, at: Recorded) -> None:
    known.quotes.setdefault(at.stream_id, Quote()).opportunity_id = event.opportunity_id


@policy.remember(QuoteIssued)
def issued(known: Known, event: QuoteIssued, at: Recorded) -> None:
    quote = known.quotes.setdefault(at.stream_id, Quote())
    quote.version, quote.number, quote.valid_until, quote.ended = event.version, event.number, event.valid_until, None
    quote.total = f"{event.total.amount:f} {event.total.currency}"
    quote.issues.append(occasion(at))


Answered = QuoteAccepted | QuoteRejected | QuoteRevised | QuoteExpired


@policy.remember(QuoteAccepted, QuoteRejected, QuoteRevised, QuoteExpired)
def answered(known: Known, event: Answered, at: Recorded) -> None:
    known.quotes.setdefault(at.stream_id, Quote()).ended = why(event)


@policy.remember(OpportunityOpened, OpportunityAssigned)
def sold_by(known: Known, event: OpportunityOpened | OpportunityAssigned, at: Recorded) -> None:
    known.sellers[at.stream_id] = event.staff_id


@policy.remember(AccountManagerAssigned)
def answered_for(known: Known, event: AccountManagerAssigned, at: Recorded) -> None:
    known.manager = event.staff_id


# What is done when something happens.


@policy.trigger(QuoteIssued)
def promise(event: QuoteIssued, at: Recorded, known: Known) -> Iterator[Command]:
    quote = known.quotes[at.stream_id]
    issue, acting = occasion(at), Action(kind=ActionKind.ACT, about=at.stream_id)
    calendar = known.floor.company.calendar_of(known.seller(quote))
    call_at = known.floor.office.after_days(at.occurred_at, CALL_AFTER_DAYS, calendar)
    expires_at = end_of_day(event.valid_until, known.contact)
    wanted = known.contact.calendar.after(expires_at, REMIND_BEFORE, at=REMIND_AT)
    if call_at < expires_at:
        yield policy.promise(at, CALL, acting, call_at, trigger=issue)
    else:
        yield policy.pass_over(at, "TOO_SHORT", CALL, issue)
    if wanted > at.occurred_at:
        due_at = known.contact.calendar.allowed(wanted)
        yield policy.promise(at, REMINDER, reminding(at.stream_id), due_at, wanted_at=wanted, trigger=issue)
    else:
        yield policy.pass_over(at, "TOO_SHORT", REMINDER, issue)
    yield policy.promise(at, EXPIRY, acting, expires_at, trigger=issue)


@policy.on(QuoteAccepted, QuoteRejected, QuoteRevised, QuoteExpired)
def take_back(event: Answered, at: Recorded, known: Known) -> Iterator[Command]:
    issues = known.quotes[at.stream_id].issues[-1:]
    steps = (CALL, REMINDER, EXPIRY)
    yield from cancel(why(event), *(policy.follow_up_id(each, step) for each in issues for step in steps))


# What is done when a follow-up is due.


@policy.due
def go_on(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    quote = quote_of(due, known)
    reason = no_longer(due, now, known)
    if due.step == REMINDER:
        yield from keep(policy, due, now, known.contact, reason)
    elif reason is not None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    elif due.step == CALL:
        words, values = ("quote_call" if quote.number else "a_quote_call"), {"number": quote.number}
        yield known.floor.task(due, now, words, known.seller(quote), "quote", kind=ActivityKind.CALL, values=values)
        yield done(due, "TASK")
    else:
        assert due.about is not None
        yield ExpireQuote(quote_id=due.about, version=quote.version)
        yield done(due, "EXPIRED")


@policy.unless
def answered_meanwhile(due: Due, now: datetime, known: Known) -> str | None:
    return no_longer(due, now, known)


@policy.letter
def write(due: Due, known: Known) -> Letter:
    quote = quote_of(due, known)
    last = known.contact.calendar.day(quote.valid_until) if quote.valid_until is not None else None
    return Letter(
        to=known.contact.address() or "",
        name=known.contact.name,
        language=known.contact.written_in,
        template=TEMPLATE,
        hours=known.contact.calendar,
        values={"number": quote.number or "", "total": quote.total, "day": last.isoformat() if last else ""},
    )


def no_longer(due: Due, now: datetime, known: Known) -> str | None:
    """Why there is nothing to do for a quote any more, as a code; one that has ended needs no call and no reminder."""
    quote = quote_of(due, known)
    if quote.ended is not None or due.trigger not in quote.issues[-1:]:
        return quote.ended or "REVISED"
    ends = quote.valid_until is not None and now >= end_of_day(quote.valid_until, known.contact)
    return "EXPIRED" if ends and due.step != EXPIRY else None


def quote_of(due: Due, known: Known) -> Quote:
    """The quote that a follow-up is about."""
    return known.quotes.get(due.about, Quote()) if due.about is not None else Quote()


def end_of_day(moment: datetime, contact: Contact) -> datetime:
    """The last second of the day of a moment, where the customer is."""
    day = contact.calendar.day(moment)
    return datetime.combine(day, LAST_SECOND, ZoneInfo(contact.zone)).astimezone(UTC)


def reminding(quote_id: UUID) -> Action:
    """A message about a quote that the customer asked for or was promised: nothing that is sold to them unasked."""
    return Action(
        kind=ActionKind.SEND_MESSAGE, template=TEMPLATE, purpose=Purpose.SERVICE, channel=Channel.EMAIL, about=quote_id
    )


def why(event: Answered) -> str:
    """Why a version of a quote needs nothing any more, as a code."""
    match event:
        case QuoteAccepted():
            return "ACCEPTED"
        case QuoteRejected(by_us=by_us):
            return "WITHDRAWN" if by_us else "REJECTED"
        case QuoteRevised():
            return "REVISED"
        case QuoteExpired():
            return "EXPIRED"
