"""The life of a shop by chance: customers who buy, change their minds, move, turn out to be one, and a worker that is away."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import ChangeCustomerProfile
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.invitation import AnswerSurvey, DeclineSurvey, SurveyInvitationSent
from domain.kernel import Refused
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from domain.values import Channel
from tests.processes.shop import MADRID, NEW_YORK, Shop

ZONES = (MADRID, NEW_YORK, "Asia/Tokyo", "Pacific/Auckland")


@dataclass
class Life:
    """What happens is always the same for the same seed."""

    shop: Shop
    seed: int
    customers: list[UUID] = field(default_factory=list)
    orders: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # no secret
        self.merged: list[UUID] = []
        self.seen = 0

    def go_on(self, days: int, *, busy: float = 4.0, away: float = 0.15) -> None:
        """So many days pass, of which the worker is away on some."""
        back_on, today = 0, self.shop.now
        for day in range(days):
            today += timedelta(days=1)
            for minutes in sorted(self.chance.sample(range(8 * 60), int(self.chance.uniform(0, 2 * busy)))):
                self.shop.now = today + timedelta(minutes=minutes)
                self._something(self.shop.now)
                if self.chance.random() < 0.3 and day >= back_on:
                    self.shop.worker.run()
            self.shop.now = today + timedelta(hours=9)
            if day >= back_on and self.chance.random() < away:
                back_on = day + self.chance.randrange(1, 12)
            if day >= back_on:
                self.shop.worker.run()
        self.shop.worker.run()

    def _something(self, at: datetime) -> None:
        if len(self.customers) < 4 or self.chance.random() < 0.05:
            email = f"c{len(self.customers)}@shop.test" if self.chance.random() < 0.9 else None
            self.customers.append(self.shop.customer(email=email))
        what = self.chance.choices([each for each, _ in WHAT], [weight for _, weight in WHAT])[0]
        with suppress(Refused):
            what(self, self.chance.choice(self.customers), at)

    # What may happen.

    def buy(self, who: UUID, at: datetime) -> None:
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
            self.orders.append(self.shop.order(who, at))

    def call_off(self, who: UUID, at: datetime) -> None:
        if self.orders:
            order = self.chance.choice(self.orders[-30:])
            pieces = self.chance.choice((1, 2))
            what = self.chance.randrange(3)
            if what == 0:
                self.shop.cancel(order)
            elif what == 1:
                self.shop.call_off(order, pieces)
            else:
                self.shop.give_back(order, pieces)

    def consent(self, who: UUID, at: datetime) -> None:
        channel = self.chance.choice((None, Channel.EMAIL, Channel.SMS))
        purpose = self.chance.choice((Purpose.SURVEY, Purpose.SURVEY, Purpose.MARKETING))
        kind = self.chance.choice((GrantConsent, WithdrawConsent))
        self.shop.do(kind(customer_id=who, purpose=purpose, channel=channel), at)

    def restrict(self, who: UUID, at: datetime) -> None:
        kind = self.chance.choice((ContactRestrictionKind.DO_NOT_EMAIL, ContactRestrictionKind.DO_NOT_CALL))
        if self.chance.random() < 0.6:
            self.shop.do(LiftContactRestriction(customer_id=who, kind=kind), at)
        else:
            until = at + timedelta(days=self.chance.randrange(1, 60)) if self.chance.random() < 0.7 else None
            self.shop.do(SetContactRestriction(customer_id=who, kind=kind, until=until), at)

    def move(self, who: UUID, at: datetime) -> None:
        self.shop.do(ChangeCustomerProfile(customer_id=who, timezone=self.chance.choice(ZONES)), at)

    def readdress(self, who: UUID, at: datetime) -> None:
        number = self.customers.index(who)
        kind = self.chance.choice((AddIdentifier, RemoveIdentifier))
        self.shop.do(kind(customer_id=who, type=IdentifierType.EMAIL, value=f"c{number}@shop.test"), at)

    def merge(self, who: UUID, at: datetime) -> None:
        other = self.chance.choice(self.customers)
        if other != who:
            self.shop.do(MergeCustomers(customer_id=who, survivor_id=other), at)
            self.merged.append(who)

    def part(self, who: UUID, at: datetime) -> None:
        if self.merged:
            self.shop.do(UnmergeCustomers(customer_id=self.merged.pop()), at)

    def reply(self, who: UUID, at: datetime) -> None:
        for event, where in self.shop.log.reader.page(self.seen, 100_000):
            self.seen = where.position
            if isinstance(event, SurveyInvitationSent) and self.chance.random() < 0.5:
                answer = AnswerSurvey(invitation_id=where.stream_id, csat=self.chance.randrange(1, 6))
                asked = answer if self.chance.random() < 0.6 else DeclineSurvey(invitation_id=where.stream_id)
                try:
                    self.shop.do(asked, at)
                except Refused:
                    continue


WHAT: tuple[tuple[Callable[[Life, UUID, datetime], None], float], ...] = (
    (Life.buy, 10), (Life.call_off, 3), (Life.consent, 3), (Life.restrict, 1.5), (Life.move, 1.5), (Life.readdress, 1),
    (Life.merge, 0.7), (Life.part, 0.4), (Life.reply, 3),
)  # fmt: skip
