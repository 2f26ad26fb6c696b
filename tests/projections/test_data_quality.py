"""How well customers are known, held to what a plain loop over the events says."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS
from domain.customer import AddressChanged, CustomerProfileChanged, CustomerRegistered, RegisterCustomer
from domain.delivery import BounceKind, MessageBounced, RecordMessageBounced
from domain.identifiers import (
    AddIdentifier,
    IdentifierAdded,
    IdentifierRemoved,
    IdentifierType,
    IdentifierVerified,
    RemoveIdentifier,
    VerifyIdentifier,
)
from domain.kernel import Command, derived
from eventstore.database import open_pool
from eventstore.envelope import Happened
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.customers import data_quality
from projections.customers.data_quality import EXPECTED, QualityDimension, customer_quality
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import KEK, House
from tests.projections.histories import live_through, lived
from tests.projections.histories_identity import known
from tests.projections.test_engine import held

ANA = derived("customer", "ana")


def naive(events: Iterable[Happened]) -> dict[str | None, tuple[int, dict[str, int], int, int]]:
    """By territory: how many customers, of how many each thing is missing, how many identifiers, how many verified."""
    customers: dict[object, dict[str, object]] = {}
    identifiers: dict[object, dict[int, list[object]]] = {}
    for event, at in events:
        if at.customer_id is None:
            continue
        if isinstance(event, CustomerRegistered | CustomerProfileChanged):
            about = customers.setdefault(at.customer_id, {})
            for name in ("country", "language", "territory"):
                about[name] = getattr(event, name) or about.get(name)
        elif isinstance(event, AddressChanged):
            customers.setdefault(at.customer_id, {})["address"] = True
        elif isinstance(event, IdentifierAdded):
            identifiers.setdefault(at.customer_id, {})[event.number] = [event.type, False]
        elif isinstance(event, IdentifierVerified):
            identifiers[at.customer_id][event.number][1] = True
        elif isinstance(event, IdentifierRemoved):
            del identifiers[at.customer_id][event.number]
        elif isinstance(event, MessageBounced):
            customers.setdefault(at.customer_id, {})
    found: dict[str | None, tuple[int, dict[str, int], int, int]] = {}
    for id, about in customers.items():
        mine = list(identifiers.get(id, {}).values())
        there = {kind for kind, _ in mine} | {name.upper() for name, value in about.items() if value}
        territory = about.get("territory")
        assert territory is None or isinstance(territory, str)
        count, missing, total, verified = found.get(territory, (0, dict.fromkeys(EXPECTED, 0), 0, 0))
        missing = {name: n + (name not in there) for name, n in missing.items()}
        verified += sum(bool(proved) for _, proved in mine)
        found[territory] = (count + 1, missing, total + len(mine), verified)
    return found


def test_numbers_are_those_of_a_plain_loop_now_and_as_of_any_position(new_database: Callable[[], str]) -> None:
    @given(history=lived(known), back=st.integers(0, 20))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]], back: int) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, [data_quality.view])
            engine.prepare()
            engine.catch_up()
            head = log.reader.head()
            for end, as_of in ((head, AsOf()), (max(head - back, 0), AsOf(position=max(head - back, 0)))):
                found = customer_quality(Lists(log, pool), QualityDimension.TERRITORY, as_of=as_of)
                expected = naive(log.reader.page(0, end)) if end else {}
                assert {
                    each.value: (
                        each.customers,
                        {gap.what: gap.customers for gap in each.missing},
                        each.identifiers,
                        round((each.verified_rate or 0) * each.identifiers),
                    )
                    for each in found
                } == expected
                for each in found:
                    gaps = sum(gap.customers for gap in each.missing)
                    share = 1 - Decimal(gaps) / len(EXPECTED) / each.customers
                    assert abs(each.completeness - share) < Decimal("0.0002")

    check()


def test_a_customer_is_out_of_reach_until_another_address_is_given(house: House) -> None:
    def reachable(*commands: Command) -> tuple[bool, int, int, str | None]:
        for command in commands:
            house.log.do(command)
        engine = Engine(house.log, house.pool, [data_quality.view])
        engine.prepare()
        engine.catch_up()
        (entry,) = held(house.pool, data_quality.view).values()
        return entry.reachable, entry.bounced, entry.complained, entry.last_bounce_reason

    def bounced(kind: BounceKind, reason: str | None = None) -> RecordMessageBounced:
        return RecordMessageBounced(message_id=f"m-{kind}", customer_id=ANA, kind=kind, reason=reason)

    mail = AddIdentifier(customer_id=ANA, type=IdentifierType.EMAIL, value="ana@example.com")
    assert reachable(bounced(BounceKind.SOFT)) == (True, 1, 0, None)
    assert reachable(bounced(BounceKind.SPAM_REPORT)) == (True, 1, 1, None)
    assert reachable(bounced(BounceKind.HARD, "5.1.1")) == (False, 2, 1, "5.1.1")
    assert reachable(RegisterCustomer(customer_id=ANA, name="Ana"), mail) == (True, 2, 1, "5.1.1")


def test_an_identifier_that_is_gone_is_neither_verified_nor_not(house: House) -> None:
    mail = {"customer_id": ANA, "type": IdentifierType.EMAIL, "value": "ana@example.com"}
    for command in (
        RegisterCustomer(customer_id=ANA, name="Ana", phone="600123456"),
        AddIdentifier(**mail),  # type: ignore[arg-type]  # as the fields say
        VerifyIdentifier(**mail, method="LINK"),  # type: ignore[arg-type]  # as the fields say
        RemoveIdentifier(**mail),  # type: ignore[arg-type]  # as the fields say
    ):
        house.log.do(command)
    engine = Engine(house.log, house.pool, [data_quality.view])
    engine.prepare()
    engine.catch_up()
    (entry,) = held(house.pool, data_quality.view).values()
    assert (entry.identifiers, entry.verified, entry.unverified) == (1, 0, 1)
    assert "EMAIL" in entry.missing
