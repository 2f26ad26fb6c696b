"""The story of a small company that never was: a coffee roaster, its customers, and a year of what they did."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from faker import Faker
from stdnum.es import cif

from api.demo_words import COMMENTS, CONVERSATIONS, NOTES, REASONS, TERRITORIES, Conversation, products
from domain.case import ResolveCase
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import ChangeAddress, ChangeCustomerProfile, CustomerKind, RegisterCustomer, StatePreference
from domain.identifiers import AddIdentifier, IdentifierType, VerifyIdentifier
from domain.interaction import (
    Direction,
    EndInteraction,
    LinkInteraction,
    LogInteraction,
    ReceiveMessage,
    RequestInformation,
    SendMessage,
    StartInteraction,
    SummariseInteraction,
)
from domain.invitation import AnswerSurvey, DeclineSurvey
from domain.kernel import Command, reference
from domain.order import (
    CancelOrder,
    ConfirmOrder,
    DeliverOrder,
    OrderLine,
    PickOrder,
    PlaceOrder,
    ReturnLines,
    SalesChannel,
    ShipOrder,
)
from domain.product import DiscontinueProduct, IntroduceProduct, ReviseProduct
from domain.values import Channel

SOURCE = "demo"
POUND = Decimal("1.15")
"""Euros for a pound sterling, all year."""

LOCALES = {"es": "es_ES", "en": "en_GB"}
ZONES = {"es": "Europe/Madrid", "en": "Europe/London"}
COUNTRIES = {"es": "ES", "en": "GB"}
OPENS, CLOSES = time(8, 30), time(19, 30)


class Asking(NamedTuple):
    """Something that was asked at a moment. No two have the same key."""

    at: datetime
    key: str
    command: Command


@dataclass(frozen=True, slots=True)
class Somebody:
    """A customer: since when, and how often they buy, in days."""

    number: int
    id: UUID
    language: str
    kind: CustomerKind
    since: datetime
    every_days: float
    territory: str

    @property
    def zone(self) -> ZoneInfo:
        """Where they live."""
        return ZoneInfo(ZONES[self.language])


def story(seed: int, since: datetime, until: datetime, customers: int) -> list[Asking]:
    """Everything that is asked between two moments, in order, but for the answers to surveys: see `answer`."""
    told = list(_Company(seed, since, until).everything(customers))
    return sorted((each for each in told if each.at < until), key=lambda each: (each.at, each.key))


def answer(seed: int, invitation_id: UUID, language: str, asked_at: datetime) -> tuple[datetime, Command] | None:
    """What a customer does with an invitation, and when; None if nothing. The seed and the invitation decide."""
    chance = Random(f"{seed}:{invitation_id}")  # noqa: S311  # a story, no secret
    mood = chance.random()
    at = asked_at + timedelta(minutes=chance.choice((20, 90, 300, 1500, 4000, 11500)) * chance.uniform(0.5, 1.5))
    if mood > 0.62:
        return None
    if mood > 0.57:
        return at, DeclineSurvey(invitation_id=invitation_id)
    csat = chance.choices((1, 2, 3, 4, 5), (4, 6, 14, 38, 38))[0]
    nps = min(10, max(0, 2 * csat + chance.choice((-2, -1, 0, 0, 1))))
    comment = chance.choice(COMMENTS[language][csat]) if chance.random() < 0.5 else None
    return at, AnswerSurvey(invitation_id=invitation_id, csat=csat, nps=nps, comment=comment)


def settled(seed: int, case_id: UUID, opened_at: datetime) -> tuple[datetime, Command]:
    """When somebody has dealt with a case, and how: within four days. The seed and the case decide."""
    chance = Random(f"{seed}:{case_id}")  # noqa: S311  # a story, no secret
    at = opened_at + timedelta(hours=chance.uniform(2, 96))
    return at, ResolveCase(case_id=case_id, code=chance.choice(("EXPLAINED", "REPLACED", "REFUNDED")))


class _Company:
    """Makes the story up, always the same for a seed."""

    def __init__(self, seed: int, since: datetime, until: datetime) -> None:
        self.chance = Random(seed)  # noqa: S311  # a story, no secret
        self.since = since
        self.until = until
        self.days = (until - since) / timedelta(days=1)
        self.fake = {language: Faker(locale) for language, locale in LOCALES.items()}
        for language, fake in self.fake.items():
            fake.seed_instance(f"{seed}:{language}")
        self.products = list(products(self.chance))
        self.orders = 0
        self.contacts = 0

    def everything(self, customers: int) -> Iterator[Asking]:
        yield from self._shelves()
        for number in range(1, customers + 1):
            who = self._somebody(number)
            yield from self._arrival(who)
            yield from self._purchases(who)
            yield from self._contacts(who)

    # What there is to buy.

    def _shelves(self) -> Iterator[Asking]:
        for product in self.products:
            product_id = reference("product", SOURCE, product.sku)
            introduce = IntroduceProduct(
                product_id=product_id, sku=product.sku, name=product.name, category=product.category,
                price=product.price, currency="EUR",
            )  # fmt: skip
            yield Asking(self.since, f"product:{product.sku}", introduce)
        for n, product in enumerate(self.chance.sample(self.products, 8)):
            product_id = reference("product", SOURCE, product.sku)
            at = self._moment(
                self.since + timedelta(days=self.chance.uniform(0.3, 0.8) * self.days), ZoneInfo(ZONES["es"])
            )
            dearer = (product.price * Decimal("1.05")).quantize(Decimal("0.05"))
            change: Command = ReviseProduct(product_id=product_id, price=dearer)
            if n >= 6:
                change = DiscontinueProduct(product_id=product_id, reason="Out of season")
            yield Asking(at, f"revision:{product.sku}", change)

    # Who comes.

    def _somebody(self, number: int) -> Somebody:
        chance = self.chance
        language = "es" if chance.random() < 0.6 else "en"
        organisation = chance.random() < 0.3
        early = timedelta(days=chance.uniform(0, 20) if chance.random() < 0.5 else chance.uniform(0, 0.8 * self.days))
        return Somebody(
            number=number,
            id=reference("customer", SOURCE, str(number)),
            language=language,
            kind=CustomerKind.ORGANISATION if organisation else CustomerKind.PERSON,
            since=self._moment(self.since + early, ZoneInfo(ZONES[language])),
            every_days=chance.choice((15, 25, 40, 60) if organisation else (30, 60, 90, 150, 400)),
            territory=chance.choice(TERRITORIES[language]),
        )

    def _arrival(self, who: Somebody) -> Iterator[Asking]:
        chance, fake = self.chance, self.fake[who.language]
        person = who.kind is CustomerKind.PERSON
        name = f"{fake.first_name()} {fake.last_name()}" if person else fake.company()
        email = f"{_plain(name)}.{who.number}@example.{'com' if person else 'org'}" if chance.random() < 0.93 else None
        phone = (
            f"+34 600 {chance.randrange(10**6):06}"
            if who.language == "es"
            else f"+44 7700 {900_000 + chance.randrange(1000)}"
        )
        register = RegisterCustomer(
            customer_id=who.id, kind=who.kind, name=name, email=email,
            phone=phone if chance.random() < 0.6 else None,
            language="es-ES" if who.language == "es" else "en-GB", timezone=ZONES[who.language],
            country=COUNTRIES[who.language], source=chance.choice(("web", "store", "fair", "referral")),
            territory=who.territory,
        )  # fmt: skip
        address = ChangeAddress(
            customer_id=who.id, street=fake.street_address().replace("\n", ", "), postal_code=fake.postcode(),
            city=fake.city(), country=COUNTRIES[who.language],
        )  # fmt: skip
        yield self._of(who, 0, "register", register)
        yield self._of(who, 0.01, "address", address)
        yield from self._permissions(who)
        if email is not None and chance.random() < 0.6:
            verify = VerifyIdentifier(customer_id=who.id, type=IdentifierType.EMAIL, value=email, method="link")
            yield self._of(who, 0.02, "verify", verify)
        if not person:
            digits = f"B{chance.randrange(10**7):07}"
            spanish = digits + cif.calc_check_digits(digits)[0]
            tax_id = spanish if who.language == "es" else f"GB{chance.randrange(10**9):09}"
            yield self._of(
                who, 0.03, "tax", AddIdentifier(customer_id=who.id, type=IdentifierType.TAX_ID, value=tax_id)
            )
            size = ChangeCustomerProfile(
                customer_id=who.id, sector=chance.choice(("cafe", "restaurant", "hotel", "office")),
                size=chance.choice(("1-9", "10-49", "50-249")),
            )  # fmt: skip
            yield self._of(who, 1, "profile", size)
        elif chance.random() < 0.35:
            card = f"DEMO{who.number:06}"
            add = AddIdentifier(customer_id=who.id, type=IdentifierType.LOYALTY_CARD, value=card)
            yield self._of(who, 0.04, "card", add)
        if chance.random() < 0.4:
            roast = StatePreference(customer_id=who.id, topic="roast", value=chance.choice(("light", "medium", "dark")))
            yield self._of(who, 0.05, "roast", roast)
        if chance.random() < 0.06:
            moved = ChangeAddress(
                customer_id=who.id, street=fake.street_address().replace("\n", ", "), postal_code=fake.postcode(),
                city=fake.city(), country=COUNTRIES[who.language],
            )  # fmt: skip
            yield self._of(who, chance.uniform(30, 300), "moved", moved)

    def _permissions(self, who: Somebody) -> Iterator[Asking]:
        chance = self.chance
        form = "Ticked on the registration form."
        said = chance.random()
        if said < 0.5:
            yield self._of(
                who, 0.001, "surveys", GrantConsent(customer_id=who.id, purpose=Purpose.SURVEY, evidence=form)
            )
        elif said < 0.62:
            yield self._of(who, 0.001, "no-surveys", WithdrawConsent(customer_id=who.id, purpose=Purpose.SURVEY))
        if chance.random() < 0.45:
            grant = GrantConsent(customer_id=who.id, purpose=Purpose.MARKETING, channel=Channel.EMAIL, evidence=form)
            yield self._of(who, 0.001, "marketing", grant)
            if chance.random() < 0.25:
                stop = WithdrawConsent(customer_id=who.id, purpose=Purpose.MARKETING, channel=Channel.EMAIL)
                yield self._of(who, chance.uniform(20, 250), "no-marketing", stop)

    # What they buy.

    def _purchases(self, who: Somebody) -> Iterator[Asking]:
        after = self.chance.uniform(0.1, 10)
        while who.since + timedelta(days=after) < self.until:
            at = self._moment(who.since + timedelta(days=after), who.zone)
            yield from self._purchase(who, max(at, who.since + timedelta(hours=1)))
            after += max(1.0, self.chance.expovariate(1 / who.every_days))

    def _purchase(self, who: Somebody, at: datetime) -> Iterator[Asking]:
        chance = self.chance
        self.orders += 1
        number = f"D-{self.orders:05}"
        order_id = reference("order", SOURCE, number)
        business = who.kind is CustomerKind.ORGANISATION
        pounds = who.language == "en"
        lines = tuple(
            OrderLine(
                sku=product.sku,
                quantity=chance.randint(4, 24) if business else chance.randint(1, 3),
                unit_price=(product.price / POUND).quantize(Decimal("0.05")) if pounds else product.price,
                description=product.name,
            )
            for product in chance.sample(self.products, chance.randint(1, 5))
        )
        channel = SalesChannel.REP if business and chance.random() < 0.5 else chance.choices(
            (SalesChannel.WEB, SalesChannel.PHONE, SalesChannel.STORE, SalesChannel.PARTNER), (65, 12, 18, 5)
        )[0]  # fmt: skip
        place = PlaceOrder(
            order_id=order_id, customer_id=who.id, lines=lines, channel=channel, number=number,
            currency="GBP" if pounds else "EUR", rate=POUND if pounds else None,
            base_currency="EUR" if pounds else None,
            rep=chance.choice(("ana", "luis", "claire")) if channel is SalesChannel.REP else None,
            campaign=chance.choice((None, None, None, "spring", "welcome")),
        )  # fmt: skip
        yield Asking(at, f"{number}:place", place)
        if channel is SalesChannel.STORE:
            yield Asking(at + timedelta(minutes=2), f"{number}:deliver", DeliverOrder(order_id=order_id))
            arrived = at
        else:
            confirmed = at + timedelta(minutes=chance.randint(5, 200))
            yield Asking(confirmed, f"{number}:confirm", ConfirmOrder(order_id=order_id))
            if chance.random() < 0.06:
                cancel = CancelOrder(order_id=order_id, reason=chance.choice(REASONS[who.language]))
                yield Asking(confirmed + timedelta(hours=chance.uniform(1, 20)), f"{number}:cancel", cancel)
                return
            picked = max(
                confirmed + timedelta(hours=1),
                self._moment(confirmed + timedelta(days=chance.uniform(0.5, 1.5)), who.zone),
            )
            shipped = max(picked + timedelta(hours=1), self._moment(picked + timedelta(hours=6), who.zone))
            on_its_way = timedelta(days=chance.uniform(1, 5))
            arrived = max(shipped, self._moment(shipped + on_its_way, who.zone)) + timedelta(hours=1)
            carrier = chance.choice(("Correos", "SEUR", "Royal Mail"))
            ship = ShipOrder(order_id=order_id, carrier=carrier, tracking=f"T{self.orders:09}")
            yield Asking(picked, f"{number}:pick", PickOrder(order_id=order_id))
            yield Asking(shipped, f"{number}:ship", ship)
            yield Asking(arrived, f"{number}:deliver", DeliverOrder(order_id=order_id))
        if chance.random() < 0.08:
            back = lines if chance.random() < 0.4 else lines[:1]
            give_back = ReturnLines(order_id=order_id, lines=back, reason=chance.choice(REASONS[who.language]))
            yield Asking(
                self._moment(arrived + timedelta(days=chance.uniform(3, 20)), who.zone), f"{number}:return", give_back
            )
        if chance.random() < 0.2:
            yield from self._conversation(
                who, self._moment(arrived + timedelta(days=chance.uniform(1, 9)), who.zone), order_id
            )

    # What they say.

    def _contacts(self, who: Somebody) -> Iterator[Asking]:
        for _ in range(self.chance.randint(1, 8)):
            at = self._moment(who.since + timedelta(days=self.chance.uniform(1.2, self.days)), who.zone)
            if self.chance.random() < 0.3:
                yield from self._conversation(who, at, None)
            else:
                yield self._note(who, at)

    def _note(self, who: Somebody, at: datetime) -> Asking:
        """A contact that was written down after it was over."""
        chance = self.chance
        channel, direction, topic, subjects = chance.choice(NOTES)
        self.contacts += 1
        spoken = channel in (Channel.PHONE, Channel.VISIT, Channel.COUNTER)
        log = LogInteraction(
            interaction_id=reference("interaction", SOURCE, str(self.contacts)), customer_id=who.id, channel=channel,
            direction=direction, subject=subjects[who.language], topic=topic,
            campaign="spring" if direction is Direction.OUT and chance.random() < 0.4 else None,
            duration_s=chance.randint(40, 1500) if spoken else None,
        )  # fmt: skip
        return Asking(at, f"contact:{self.contacts}", log)

    def _conversation(self, who: Somebody, at: datetime, order_id: UUID | None) -> Iterator[Asking]:
        """A contact that goes to and fro."""
        chance = self.chance
        talk: Conversation = chance.choice(
            [each for each in CONVERSATIONS if each.about_order is (order_id is not None)]
        )
        self.contacts += 1
        id, key = reference("interaction", SOURCE, str(self.contacts)), f"contact:{self.contacts}"
        channel = chance.choice((Channel.EMAIL, Channel.CHAT, Channel.SOCIAL, Channel.WEB))
        wait = timedelta(minutes=chance.randint(1, 4) if channel is Channel.CHAT else chance.randint(20, 400))
        yield Asking(
            at, f"{key}:0", StartInteraction(interaction_id=id, customer_id=who.id, channel=channel, topic=talk.topic)
        )
        for n, (wrote, text) in enumerate(talk.messages[who.language], 1):
            at += wait
            message = f"<{self.contacts}.{n}@example.com>"
            say = ReceiveMessage if wrote is Direction.IN else SendMessage
            yield Asking(at, f"{key}:{n}", say(interaction_id=id, text=text, message_id=message))
        if order_id is not None:
            yield Asking(at, f"{key}:link", LinkInteraction(interaction_id=id, noun="order", id=order_id))
        elif chance.random() < 0.5:
            yield Asking(at, f"{key}:wants", RequestInformation(interaction_id=id, topic=talk.topic))
        yield Asking(at + wait, f"{key}:end", EndInteraction(interaction_id=id, outcome="resolved"))
        summary = SummariseInteraction(interaction_id=id, topic=talk.topic, sentiment=talk.sentiment)
        yield Asking(at + wait + timedelta(minutes=1), f"{key}:summary", summary)

    # When.

    def _of(self, who: Somebody, after_days: float, what: str, command: Command) -> Asking:
        at = who.since + timedelta(days=after_days)
        if after_days >= 1:
            at = self._moment(at, who.zone)
        return Asking(at, f"customer:{who.number:04}:{what}", command)

    def _moment(self, about: datetime, zone: ZoneInfo) -> datetime:
        """A moment of that local day at which shops are open, in whole seconds, not before everything began."""
        local = about.astimezone(zone)
        opens = datetime.combine(local.date(), OPENS, zone)
        closes = datetime.combine(local.date(), CLOSES, zone)
        moment = opens + self.chance.random() * (closes - opens)
        return max(moment.replace(microsecond=0).astimezone(self.since.tzinfo), self.since)


def _plain(name: str) -> str:
    """A name as the local part of an address."""
    ascii_only = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return ".".join("".join(c if c.isalnum() else " " for c in ascii_only).split())[:40].strip(".")
