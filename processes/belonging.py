"""Belonging: whose a mail is, which letter of ours it answers, and which thread and case it is part of."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql

from domain import follow_up
from domain.case_events import CaseOpened, CustomerReplied, FirstResponseSent
from domain.follow_up import FollowUp
from domain.identifiers import MAILBOX, IdentifierType, is_functional
from domain.interaction import InteractionLinked, MessageReceived, MessageSent
from domain.values import Channel
from eventstore.envelope import Recorded
from eventstore.log import Log
from processes.letters import Stationery
from projections.engine import Engine
from projections.service import cases
from projections.table import Table
from projections.touchpoints import interactions
from projections.view import View

LATEST = 200
"""How many interactions, and how many cases, of a customer are looked through, the latest first."""
NUMBER = re.compile(r"\[#?([^\[\]#\s][^\[\]]{0,49})\]")
"""The number of a case in the subject of a mail."""
MAX_NUMBERS = 5
CASE = "case"


class Answered(NamedTuple):
    """The letter of ours that a mail answers: its follow-up, whom it was to, and the envelope of the promise."""

    follow_up_id: UUID
    customer_id: UUID
    at: Recorded


class Matter(NamedTuple):
    """The case that a mail is about; it is the customer's `own`, or of somebody else."""

    case_id: UUID
    own: bool


class Belonging:
    """Finds out what a mail belongs to. The engine must have the views `cases` and `interactions`."""

    def __init__(self, log: Log, engine: Engine, stationery: Stationery) -> None:
        self.log = log
        self.engine = engine
        self.stationery = stationery

    def catch_up(self) -> None:
        """Lets the views come to what is in the log."""
        self.engine.catch_up([cases.view, interactions.view])

    def customer(self, address: str) -> UUID | None:
        """Whose an address is: of those who hold it, the owner. That of an office tells only if one customer has it."""
        kind = MAILBOX if is_functional(address) else IdentifierType.EMAIL
        holders = self.log.holders(kind, address)
        known = self.log.reader.whom(holders)
        if not holders or (kind == MAILBOX and len(set(known.values())) > 1):
            return None
        return known[holders[0]]

    def letter(self, message_ids: Collection[str]) -> Answered | None:
        """The letter of ours that is named first of these messages."""
        for message_id in message_ids:
            if (follow_up_id := self.stationery.follow_up_of(message_id)) is None:
                continue
            state, _ = self.log.state(follow_up.decider, follow_up_id)
            if isinstance(state, FollowUp) and state.action is not None:
                at = self.log.reader.stream(follow_up_id)[0].at
                if at.customer_id is not None:
                    return Answered(follow_up_id, at.customer_id, at)
        return None

    def thread(self, customer_id: UUID, message_ids: Collection[str]) -> UUID | None:
        """The interaction with a customer in which one of these messages was written; the latest, if there are several."""
        if not message_ids:
            return None
        named = set(message_ids)
        latest = self._latest(
            interactions.view, "interaction_id", "customer_id = %s and channel = %s order by began_at desc, interaction_id",
            [customer_id, Channel.EMAIL],
        )  # fmt: skip
        found = {
            at.stream_id
            for event, at in self._told_of(latest, MessageReceived, MessageSent)
            if event.message_id in named
        }
        return next((each for each in latest if each in found), None)

    def case(self, customer_id: UUID, interaction_id: UUID, subject: str) -> Matter | None:
        """The case that the subject names by its number in brackets, or that the interaction has to do with."""
        numbers = [each.strip() for each in NUMBER.findall(subject)[:MAX_NUMBERS]]
        if numbers:
            rows = self._cases("number = any(%s)", [numbers])
            own = [case_id for case_id, whose in rows if whose in (None, customer_id)]
            if own or len(rows) == 1:
                return Matter(own[0], True) if own else Matter(rows[0][0], False)
        linked = {event.id for event, _ in self._told_of([interaction_id], InteractionLinked) if event.noun == CASE}
        rows = self._cases("customer_id = %s or case_id = any(%s)", [customer_id, list(linked)])
        had = {
            at.stream_id
            for event, at in self._told_of([case_id for case_id, _ in rows], CaseOpened, FirstResponseSent, CustomerReplied)
            if event.interaction_id == interaction_id
        }  # fmt: skip
        for case_id, whose in rows:
            if case_id in had | linked:
                return Matter(case_id, whose in (None, customer_id))
        return None

    def _cases(self, condition: str, parameters: list[object]) -> list[tuple[UUID, UUID | None]]:
        """Cases and whose they are, the latest first."""
        query = f"select case_id, customer_id from {{}} where {condition} order by opened_at desc, case_id limit %s"
        return self._asked(cases.view, query, [*parameters, LATEST])

    def _latest(self, view: View[Any], column: str, condition: str, parameters: list[object]) -> list[UUID]:
        query = f"select {column} from {{}} where {condition} limit %s"
        return [row[0] for row in self._asked(view, query, [*parameters, LATEST])]

    def _asked(self, view: View[Any], query: str, parameters: list[object]) -> list[Any]:
        with self.engine.pool_of(view).connection() as db:
            return db.execute(sql.SQL(query).format(Table(view).identifier), parameters).fetchall()

    def _told_of(self, streams: Collection[UUID], *events: type[Any]) -> Iterator[tuple[Any, Recorded]]:
        """What happened to these streams, without personal values."""
        yield from self.log.reader.of_streams(streams, types=self.log.codec.names(events)) if streams else ()
