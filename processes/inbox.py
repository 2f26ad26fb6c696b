"""The inbox: what customers write by e-mail becomes touchpoints and answers, each mail once."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from hashlib import sha256
from itertools import count
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import UniqueViolation

from domain import customer, inbound_message, interaction
from domain.case import RecordCustomerReply
from domain.customer import RegisterCustomer
from domain.inbound_message import AcceptInboundMessage, RejectInboundMessage, inbound_message_id
from domain.interaction import MAX_REMEMBERED, Direction, LinkInteraction, StartInteraction
from domain.kernel import Command, Refused, derived, reference
from domain.values import Channel
from eventstore.blocked import NOTHING_MORE, blocked
from eventstore.database import Unavailable, reachable
from eventstore.envelope import Origin, Request
from eventstore.log import Log, Outdated
from processes import mail_parts as parts
from processes import points
from processes.alone import alone
from processes.belonging import CASE, Answered, Belonging
from processes.clock import Now, wall_clock
from processes.decisions import Decisions, pause
from processes.letters import Stationery
from processes.mail_reading import Heads, headers_of, heads_of, is_report, message_of, parsed, report_of
from processes.mailboxes import Away, Mailbox, Posted
from projections.engine import Engine

SOURCE = "mail"
"""The source of what came by mail, and of customers and threads that are known by it alone; importers use it as well."""
MAILS_PER_STEP = 50
MAX_TRIES = 20
HISTORY_AFTER = timedelta(days=30)
"""A mail that is older when it is found is history: it sets nothing off."""
LOOK_AGAIN_AFTER = timedelta(minutes=5)
"""When a mail that fails unexpectedly is looked at again."""
SERVERS = ("mailer-daemon", "postmaster")
"""Whose mails are no customers': what they report is not as RFC 3464 has it."""
UNTOLD = "This report of a mail server names no message or no address."
AUTO_REPLY, AUTO_GENERATED = "auto-replied", "auto-generated"
ACTOR = "inbox"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """What a mail asks for, when it was written, and as what it is entered. Nothing, if it is no touchpoint."""

    asked: tuple[Command, ...] = ()
    at: datetime | None = None
    origin: Origin = Origin.LIVE
    because: Answered | None = None


class Inbox:
    """Reads a mailbox. Any number may run: an advisory lock arbitrates, and a mail is taken by its Message-ID, once.

    `own` are the company's addresses and domains. Who is not known yet is registered with the `language` and `timezone`.
    The engine must have the views `cases` and `interactions`.
    """

    def __init__(
        self,
        log: Log,
        engine: Engine,
        mailbox: Mailbox,
        stationery: Stationery,
        *,
        own: frozenset[str],
        language: str = "es",
        timezone: str = "Europe/Madrid",
        now: Now = wall_clock,
    ) -> None:
        self.log = log
        self.mailbox = mailbox
        self.stationery = stationery
        self.belonging = Belonging(log, engine, stationery)
        self.own = own | {stationery.sender.addr_spec.lower()}
        self._language, self._timezone = language, timezone
        self._now = now
        self._next_at: datetime | None = None
        self._resting: dict[str, datetime] = {}

    def step(self) -> bool:
        """Takes what waits, up to `MAILS_PER_STEP`. True: something was taken, look again. Raises `Away`."""
        now = self._now()
        if self._next_at is not None and now < self._next_at:
            return False
        self._next_at = now + self.mailbox.every
        self._resting = {place: until for place, until in self._resting.items() if until > now}
        seen = 0
        with reachable(), self.log.pool.connection() as db, alone(db, f"inbox: {self.mailbox.name}") as ours:
            if not ours:
                return False
            with self.mailbox.opened() as opened:
                for posted in opened.waiting(MAILS_PER_STEP + len(self._resting)):
                    if posted.place in self._resting:
                        continue
                    points.reached("inbox: read")
                    try:
                        taken = self._take(db, posted, now)
                    except (Unavailable, Away, psycopg.OperationalError, psycopg.InterfaceError):
                        raise
                    except Exception:
                        logger.exception("Mail %s cannot be taken. The others go on; it is tried again.", posted.place)
                        self._resting[posted.place] = now + LOOK_AGAIN_AFTER
                        continue
                    points.reached("inbox: taken, not marked")
                    opened.mark(posted, taken=taken)
                    seen += 1
        if seen >= MAILS_PER_STEP:
            self._next_at = None  # there may be more
        return seen > 0

    def _take(self, db: Connection, posted: Posted, now: datetime) -> bool:
        """Enters a mail, whole or not at all. False: it was rejected, and why is written down."""
        if posted.raw is None:
            self._reject(f"place:{self.mailbox.name}:{posted.place}"[:200], posted.place.encode(), posted.wrong, now)
            return False
        id = parts.own_id(headers_of(posted.raw), posted.raw)
        for _ in range(MAX_TRIES):
            key = self._key(id, posted.raw)
            if key is None:
                return True
            try:
                intake = self._read(posted.raw, now)
                self._enter(db, key, posted.raw, intake, now)
            except Refused as refused:
                self._reject(key, posted.raw, refused.reason, now)
                return False
            except (UniqueViolation, Outdated):  # somebody wrote to a stream, or was blocked, meanwhile: look again
                time.sleep(pause())
                continue
            return True
        raise Unavailable("Others keep changing what this mail belongs to. It is looked at again.")

    def _key(self, id: str, raw: bytes) -> str | None:
        """By what a mail is noted: its id, or its digest where another mail of that id was rejected. None: it was taken."""
        digest = sha256(raw).hexdigest()
        for key in (id, f"sha256:{digest}"):
            state, _ = self.log.state(inbound_message.decider, inbound_message_id(SOURCE, key))
            if state.accepted:
                return None
            if state.digest in (None, digest):
                return key
        return None

    def _reject(self, key: str, raw: bytes, reason: str, now: datetime) -> None:
        asked = RejectInboundMessage(source=SOURCE, key=key, digest=sha256(raw).hexdigest(), reason=reason)
        self.log.do(asked, Request(actor=ACTOR, occurred_at=now))

    # What a mail asks for.

    def _read(self, raw: bytes, now: datetime) -> Intake:
        """Raises `Refused` if it cannot be entered."""
        self.belonging.catch_up()
        mail = parsed(raw)
        at = min(parts.when(mail, format_datetime(now), now), now)
        if is_report(mail, raw):
            return self._report(mail, at)
        told = heads_of(mail, raw, at, self.own)
        if told is not None and told.party.partition("@")[0] in SERVERS:
            raise Refused(UNTOLD)
        if told is None or (told.direction is Direction.OUT and self.stationery.follow_up_of(told.id) is not None):
            return Intake()  # among colleagues, or a letter of ours that came back in copy
        automatic = automatic_kind(mail)
        if automatic == AUTO_REPLY:
            return Intake()
        letter = self.belonging.letter(told.answered)
        found = self.belonging.customer(told.party)
        if found is None and letter is not None:
            found = self.log.reader.whom([letter.customer_id])[letter.customer_id]
        customer_id = found or self._new_customer(told.party)
        asked: list[Command] = [] if found else list(self._register(customer_id, told))
        interaction_id, start = self._interaction(customer_id, told)
        message = message_of(mail, told, interaction_id)
        asked += [*start, message]
        if letter is not None:
            asked.append(LinkInteraction(interaction_id=interaction_id, noun="follow_up", id=letter.follow_up_id))
        matter = self.belonging.case(customer_id, interaction_id, message.subject or "")
        if matter is not None:
            asked.append(LinkInteraction(interaction_id=interaction_id, noun=CASE, id=matter.case_id))
            if matter.own and told.direction is Direction.IN and automatic is None:
                asked.append(
                    RecordCustomerReply(case_id=matter.case_id, interaction_id=interaction_id, message_ref=told.id)
                )
        past = automatic is not None or at < now - HISTORY_AFTER
        return Intake(tuple(asked), at, Origin.SYNC if past else Origin.LIVE, letter)

    def _report(self, mail: Message, at: datetime) -> Intake:
        """What became of a message: of a letter of ours, or of one to a customer whom we know."""
        report = report_of(mail, self.own)
        if report is None:
            raise Refused(UNTOLD)
        letter = self.belonging.letter([report.message_id])
        customer_id = self.belonging.customer(report.about.address) if letter is None else letter.customer_id
        command = None if customer_id is None else report.as_command(customer_id)
        return Intake(() if command is None else (command,), at, because=letter)

    def _new_customer(self, party: str) -> UUID:
        """The id of somebody who is known by an address alone; another one for whoever was erased and writes again."""
        for number in count():
            id = reference("customer", SOURCE, f"{party}#{number}" if number else party)
            with self.log.pool.connection() as db:
                if not blocked(db, [id]):
                    return id
        raise AssertionError

    def _register(self, customer_id: UUID, told: Heads) -> Iterator[Command]:
        _, version = self.log.state(customer.decider, customer_id)
        if not version:
            yield RegisterCustomer(
                customer_id=customer_id,
                name=told.name or None,
                email=told.party,
                language=self._language,
                timezone=self._timezone,
                source=SOURCE,
            )

    def _interaction(self, customer_id: UUID, told: Heads) -> tuple[UUID, Sequence[Command]]:
        """Where the message goes: where it or what it answers was written, or the thread, which may have to be started.

        Threads have the ids that an import gives them, so that a mail that was imported is not taken anew.
        """
        found = self.belonging.thread(customer_id, (told.id, *told.answered))
        piece = 0
        while True:
            key = f"{told.thread}#{piece + 1}" if piece else told.thread
            id = found or reference("interaction", SOURCE, key)
            state, _ = self.log.state(interaction.decider, id)
            if state.begun is None:
                break
            if told.id in state.messages or state.message_count < MAX_REMEMBERED:
                return id, ()
            piece, found = piece + (found is None), None
        start = StartInteraction(
            interaction_id=id, customer_id=customer_id, channel=Channel.EMAIL, direction=told.direction
        )
        return id, (start,)

    # What is written down of it.

    def _enter(self, db: Connection, key: str, raw: bytes, intake: Intake, now: datetime) -> None:
        """All of it and that it was taken, in one append. Raises `Refused` and `UniqueViolation`."""
        accept = AcceptInboundMessage(
            source=SOURCE,
            key=key,
            digest=sha256(raw).hexdigest(),
            command=next((type(each).__name__ for each in intake.asked if is_main(each)), None),
        )
        decisions = Decisions(self.log)
        decisions.learn_for([*intake.asked, accept])
        for command in (*intake.asked, accept):
            request = Request(
                actor=ACTOR,
                origin=Origin.LIVE if command is accept else intake.origin,
                occurred_at=now if command is accept else intake.at,
                command_id=derived("inbox", key, type(command).__name__, getattr(command, "noun", "")),
                correlation_id=intake.because.at.correlation_id if intake.because else derived("inbox", key),
                because=intake.because.at.position if intake.because else None,
            )
            decisions.take(command, request)
        for command, refused in decisions.refused:
            if is_main(command) or command is accept:
                raise refused
        points.reached("inbox: decided")
        if blocked(db, {draft.customer_id for draft in decisions.drafts}):
            raise Refused(NOTHING_MORE)
        with db.transaction():
            decisions.append(db)
            points.reached("inbox: appended, not committed")
        points.reached("inbox: committed, not flushed")
        self.log.flush(db)


def is_main(command: Command) -> bool:
    """Whether a mail is for nothing if this is refused; what it belongs to may be left out."""
    return not isinstance(command, LinkInteraction | RecordCustomerReply | RegisterCustomer | StartInteraction)


def automatic_kind(mail: Message) -> str | None:
    """What kind of automatic message a mail is (RFC 3834), if nobody wrote it: an answer, such as out-of-office, or else."""
    told = next(iter(parts.raw_headers(mail, "Auto-Submitted")), "").partition(";")[0].strip().lower()
    if told.startswith(AUTO_REPLY) or any(parts.raw_headers(mail, name) for name in ("X-Autoreply", "X-Autorespond")):
        return AUTO_REPLY
    precedence = next(iter(parts.raw_headers(mail, "Precedence")), "").strip().lower()
    if precedence in ("auto_reply", "auto-reply"):
        return AUTO_REPLY
    return None if told in ("", "no") else AUTO_GENERATED
