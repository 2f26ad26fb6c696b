"""Segments: who is in, on any day, and whom a predicate means."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.customer import ChangeCustomerProfile, RegisterCustomer, StatePreference
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers
from domain.order import OrderLine, PlaceOrder
from domain.predicate import TAKES, FieldKind, Predicate, Test, TestOperator, holds
from domain.segment import FIELDS, DefineSegment, PublishSegment, RetireSegment
from domain.segment_membership import EnterSegment, ExitSegment
from eventstore.envelope import Request
from eventstore.reader import NOW, AsOf
from projections.customers import customer_360, customers, profiles, traits
from projections.customers.traits import TRAITS
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import campaign_members, campaigns, segment_memberships, segments
from projections.marketing.segment_members import members, preview, sizes
from projections.selling import opportunities, orders, products, quotes
from projections.service import cases
from projections.value import loyalty
from tests.conftest import House
from tests.projections.story_segments import WHO, people, rows

VIEWS = (
    customers.view,
    customer_360.view,
    opportunities.view,
    orders.view,
    products.view,
    profiles.view,
    quotes.view,
    loyalty.view,
    cases.view,
    campaigns.view,
    campaign_members.view,
    segments.view,
    segment_memberships.view,
)
START = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = START + timedelta(days=75)
SEGMENT, OTHER = derived("segment", 1), derived("segment", 2)
BOUGHT = Predicate(test=Test(field="orders", operator=TestOperator.GT, number=Decimal(2)))
SPENT = Predicate(test=Test(field="revenue", operator=TestOperator.GT, number=Decimal(10_000)))
ANYBODY = Predicate(test=Test(field="orders", operator=TestOperator.GTE, number=Decimal(0)))


def folded(house: House) -> Lists:
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool)


# Membership.


def entering(customer: str, day: int, *, leaves: int | None = None, version: int = 1) -> list[tuple[Command, int]]:
    who = {"segment_id": SEGMENT, "customer_id": derived("customer", customer), "definition_version": version}
    enters: list[tuple[Command, int]] = [(EnterSegment(**who, evidence=(3, 5)), day)]
    return enters if leaves is None else [*enters, (ExitSegment(**who, evidence=(9,)), leaves)]


def define(segment: UUID) -> DefineSegment:
    return DefineSegment(segment_id=segment, key=f"s{segment.hex[:4]}", title={"en": "Some"}, predicate=ANYBODY)


HISTORY: list[tuple[Command, int]] = [
    (define(SEGMENT), 0),
    (PublishSegment(segment_id=SEGMENT), 0),
    *entering("ana", 1, leaves=4),
    *entering("eva", 2),
    *entering("ana", 6, version=2),
    *entering("luz", 7, leaves=8, version=2),
]
INSIDE = {1: {"ana"}, 3: {"ana", "eva"}, 5: {"eva"}, 6: {"ana", "eva"}, 7: {"ana", "eva", "luz"}, 9: {"ana", "eva"}}


def tell(house: House, history: list[tuple[Command, int]]) -> Lists:
    for command, day in sorted(history, key=lambda each: each[1]):
        house.log.do(command, Request(occurred_at=START + timedelta(days=day)))
    return folded(house)


def test_who_is_in_a_segment_can_be_asked_of_any_day(house: House) -> None:
    lists = tell(house, HISTORY)
    names = {derived("customer", name): name for name in ("ana", "eva", "luz")}
    for day, inside in INSIDE.items():
        found = members(lists, SEGMENT, as_of=AsOf(valid_at=START + timedelta(days=day)))
        assert (day, {names[each.customer_id] for each in found.members}) == (day, inside)
        assert found.count == sizes(lists, [SEGMENT], as_of=AsOf(valid_at=START + timedelta(days=day)))[SEGMENT]
    found = members(lists, SEGMENT)
    ana = next(each for each in found.members if names[each.customer_id] == "ana")
    assert (ana.entered_at, ana.version, ana.evidence) == (START + timedelta(days=6), 2, (3, 5))
    assert sizes(lists, [SEGMENT, OTHER]) == {SEGMENT: 2, OTHER: 0}


def test_moves_add_up_to_who_is_in(house: House) -> None:
    lists = tell(house, HISTORY)
    with lists.reading(segment_memberships.view) as (db, _):
        moves = db.execute("select version, members, stayed_s from views.segment_moves order by position").fetchall()
    day = 24 * 3600
    assert moves == [(1, 1, None), (1, 1, None), (1, -1, 3 * day), (2, 1, None), (2, 1, None), (2, -1, day)]


def test_pages_of_members_are_disjoint_and_complete(house: House) -> None:
    lists = tell(house, [HISTORY[0], *(each for n in range(7) for each in entering(str(n), 1))])
    seen: list[UUID] = []
    page = members(lists, SEGMENT, first=3)
    while True:
        seen += [each.customer_id for each in page.members]
        assert page.count == 7
        if not page.has_next:
            break
        page = members(lists, SEGMENT, first=3, after=seen[-1])
    assert seen == sorted(derived("customer", n) for n in range(7))
    beyond = members(lists, SEGMENT, first=3, after=seen[-1])
    assert (beyond.members, beyond.count) == ((), 7)
    with pytest.raises(Refused):
        members(lists, SEGMENT, first=101)


def test_nobody_is_in_a_retired_segment(house: House) -> None:
    lists = tell(house, [*HISTORY, (RetireSegment(segment_id=SEGMENT), 10)])
    assert members(lists, SEGMENT).count == 0
    assert members(lists, SEGMENT, as_of=AsOf(valid_at=START + timedelta(days=9))).count == 2


def test_two_members_who_turn_out_to_be_one_are_in_once_and_since_the_first_of_them(house: House) -> None:
    ana, eva = derived("customer", "ana"), derived("customer", "eva")
    lists = tell(
        house,
        [
            *HISTORY,
            *((RegisterCustomer(customer_id=who, name="Ana"), 0) for who in (ana, eva)),
            (MergeCustomers(customer_id=ana, survivor_id=eva), 11),
        ],
    )
    (found,) = members(lists, SEGMENT).members
    assert (found.customer_id, found.entered_at) == (eva, START + timedelta(days=2))


def test_the_words_of_every_version_are_kept(house: House) -> None:
    spain = Predicate(test=Test(field="country", operator=TestOperator.EQ, text="ES"))
    again = DefineSegment(segment_id=SEGMENT, key=define(SEGMENT).key, title={"en": "Some"}, predicate=spain)
    lists = tell(house, [(define(SEGMENT), 0), (PublishSegment(segment_id=SEGMENT), 1), (again, 5)])
    sheet = lists.get(segments.view, [SEGMENT])[SEGMENT]
    assert (sheet.version, sheet.published, sheet.predicate) == (2, 1, spain)
    before = lists.fold(segments.view, AsOf(valid_at=START + timedelta(days=2))).rows[SEGMENT]
    assert (before.version, before.predicate) == (1, ANYBODY)


# Preview.

NUMBERS = st.sampled_from([Decimal(n) for n in ("0", "1", "2", "5", "30.5", "100")])
WORDS = ["ES", "FR", "PERSON", "north", "Ñandú %_", "spring", "wine", "E", "%", "gold", "tools", "food", "L", "AT_RISK"]
TEXTS = st.sampled_from([*WORDS, "PARTNER", str(derived("staff", 1))])
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "number": NUMBERS,
    "moment": st.integers(0, 150).map(lambda days: START + timedelta(days=days)),
    "flag": st.booleans(),
    "texts": st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    "numbers": st.lists(NUMBERS, min_size=1, max_size=3).map(tuple),
}


@st.composite
def comparisons(draw: st.DrawFn) -> Predicate:
    field = draw(st.sampled_from(sorted(TRAITS)))
    kind = FIELDS[field]
    operator = draw(st.sampled_from(sorted(TAKES[kind])))
    value = TAKES[kind][operator]
    given = {value: draw(VALUES[value])} if value else {}
    if operator in (TestOperator.WITHIN_DAYS, TestOperator.BEFORE_DAYS):
        given = {"number": Decimal(draw(st.integers(0, 160)))}
    return Predicate(test=Test(field=field, operator=operator, **given))


def nested(inside: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    several = st.lists(inside, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        *(several.map(lambda each, name=name: Predicate(**{name: each})) for name in ("every", "some", "no"))
    )


@pytest.mark.parametrize("as_of", [NOW, AsOf(valid_at=START + timedelta(days=100))])
def test_a_preview_means_the_customers_of_whom_the_predicate_holds(house: House, as_of: AsOf) -> None:
    people(house.log)
    lists = folded(house)
    known = rows(lists, as_of)

    @given(predicate=st.recursive(comparisons(), nested, max_leaves=6))
    @settings(max_examples=150 if as_of == NOW else 40, deadline=None, suppress_health_check=list(HealthCheck))
    def check(predicate: Predicate) -> None:
        found = preview(lists, predicate, at=TODAY, as_of=as_of)
        assert list(found.customer_ids) == sorted(who for who, row in known.items() if holds(predicate, row, TODAY))
        assert (found.count, found.out_of) == (len(found.customer_ids), len(known))

    check()


@pytest.mark.parametrize("back", [0, 1, 7, 60, 200])
def test_as_of_a_position_that_is_near_it_is_the_same_as_when_everybody_is_folded(
    house: House, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    people(house.log)
    house.log.do(MergeCustomers(customer_id=derived("customer", 1), survivor_id=derived("customer", 2)))
    people_after(house)
    lists = folded(house)
    as_of = AsOf(position=house.log.reader.head() - back)
    asked = [about("country", "ES"), about("roles", None), about("interests", ["wine"]), BOUGHT, SPENT]
    near = [preview(lists, each, at=TODAY, as_of=as_of) for each in asked]
    monkeypatch.setattr(traits, "MANY_EVENTS", -1)
    assert near == [preview(lists, each, at=TODAY, as_of=as_of) for each in asked]
    assert any(each.count not in (0, each.out_of) for each in near)
    assert near[0].position == as_of.position


def people_after(house: House) -> None:
    """More happens to them: an order of each, of those who were merged as well, and somebody new."""
    line = OrderLine(sku="A", quantity=1, unit_price=Decimal(60))
    new, merged = derived("customer", "new"), derived("customer", 1)
    house.log.do(RegisterCustomer(customer_id=new))
    for number, who in enumerate([*WHO, new]):
        house.log.do(PlaceOrder(order_id=derived("order", "late", number), customer_id=who, lines=(line,)))
        if who != merged:
            house.log.do(ChangeCustomerProfile(customer_id=who, country="ES" if number % 2 else "FR"))
            for n in range(4):
                house.log.do(StatePreference(customer_id=who, topic=["wine", "sailing"][n % 2], value=f"{n}"))
    much = OrderLine(sku="A", quantity=9, unit_price=Decimal(9_000))
    house.log.do(PlaceOrder(order_id=derived("order", "last"), customer_id=merged, lines=(much,)))


def about(field: str, value: Any) -> Predicate:
    """That a field has this value, or contains it."""
    match value:
        case None | () | []:
            test = Test(field=field, operator=TestOperator.IS_EMPTY)
        case list() | tuple():
            test = Test(field=field, operator=TestOperator.CONTAINS, text=value[0])
        case _:
            kind = FIELDS[field].value.lower()
            shown = str(value) if FIELDS[field] is FieldKind.TEXT else value
            test = Test(field=field, operator=TestOperator.EQ, **{kind: shown})
    return Predicate(test=test)


def test_every_value_that_anybody_has_is_found_with_all_who_have_it(house: House) -> None:
    people(house.log)
    lists = folded(house)
    known = rows(lists, NOW)
    for field in TRAITS:
        for predicate in {repr(each): each for row in known.values() for each in [about(field, row[field])]}.values():
            found = preview(lists, predicate, at=TODAY)
            expected = sorted(who for who, row in known.items() if holds(predicate, row, TODAY))
            assert (predicate, list(found.customer_ids)) == (predicate, expected)


def test_every_field_can_tell_some_of_them_from_others(house: House) -> None:
    people(house.log)
    known = rows(folded(house), NOW)
    same = {name for name in TRAITS if len({repr(row[name]) for row in known.values()}) == 1}
    assert same <= {"language", "timezone", "source"}


def test_a_field_that_no_view_knows_is_refused(house: House) -> None:
    lists = folded(house)
    for field, words in (("tags", "No view knows tags"), ("shoe_size", "there is no field")):
        operator, value = (TestOperator.CONTAINS, {"text": "x"}) if field in FIELDS else (TestOperator.IS_EMPTY, {})
        asked = Predicate(test=Test(field=field, operator=operator, **value))  # type: ignore[arg-type]
        with pytest.raises(Refused, match=words):
            preview(lists, asked, at=TODAY)
    assert FIELDS.keys() >= TRAITS.keys()
    assert {FIELDS[name] for name in TRAITS} == set(FieldKind)
