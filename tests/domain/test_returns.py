"""Returns."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Command, Event
from domain.returns import (
    MAX_LINES,
    AuthoriseReturn,
    ReceiveReturn,
    RefuseReturn,
    ReplacementShipped,
    RequestReturn,
    ReturnAuthorised,
    ReturnCause,
    ReturnCondition,
    ReturnLine,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
    ShipReplacement,
    decider,
)
from tests.domain.scenario import but, given

RETURN, ANA, EVA, ORDER, OTHER = (UUID(int=n) for n in range(1, 6))
UNTIL, LATER = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


def line(quantity: int = 2, sku: str = "A") -> ReturnLine:
    return ReturnLine(sku=sku, quantity=quantity)


REQUEST = RequestReturn(
    return_id=RETURN,
    order_id=ORDER,
    customer_id=ANA,
    lines=(line(),),
    cause=ReturnCause.DAMAGED,
    note="The glass",
)
REQUESTED = ReturnRequested(
    order_id=ORDER, customer_id=ANA, lines=(line(),), cause=ReturnCause.DAMAGED, note="The glass"
)
AUTHORISE, AUTHORISED = AuthoriseReturn(return_id=RETURN, until=UNTIL), ReturnAuthorised(until=UNTIL)
REFUSE, REFUSED = RefuseReturn(return_id=RETURN, reason="Too late"), ReturnRefused(reason="Too late")
RECEIVE = ReceiveReturn(return_id=RETURN, lines=(line(1),), condition=ReturnCondition.USED)
RECEIVED = ReturnReceived(lines=(line(1),), condition=ReturnCondition.USED)
SHIP = ShipReplacement(return_id=RETURN, lines=(line(),), replacement_order_id=OTHER, carrier="SEUR", tracking="7")
SHIPPED = ReplacementShipped(lines=(line(),), replacement_order_id=OTHER, carrier="SEUR", tracking="7")


def test_a_return_is_requested_once_whatever_is_noted_about_it() -> None:
    state = given(decider).when(REQUEST).then(REQUESTED)
    assert state.customer_id == ANA
    given(decider, REQUESTED).when(but(REQUEST, note=None)).then_nothing()
    for happened in (AUTHORISED, REFUSED, RECEIVED):
        given(decider, REQUESTED, happened).when(REQUEST).then_nothing()


@pytest.mark.parametrize(
    "changes", [{"customer_id": EVA}, {"order_id": OTHER}, {"lines": (line(1),)}, {"cause": ReturnCause.LATE}]
)
def test_another_return_cannot_have_the_same_id(changes: dict[str, Any]) -> None:
    given(decider, REQUESTED).when(but(REQUEST, **changes)).refused(
        "This return is already requested. Request the other one under an id of its own."
    )


@pytest.mark.parametrize("command", [AUTHORISE, REFUSE, RECEIVE, SHIP])
def test_what_was_not_requested_goes_no_way(command: Command) -> None:
    given(decider).when(command).refused("This return is not requested yet.", "return_id")


def test_every_step_is_taken_once() -> None:
    happened: list[Event] = [REQUESTED]
    for command, event in ((AUTHORISE, AUTHORISED), (RECEIVE, RECEIVED), (SHIP, SHIPPED)):
        given(decider, *happened).when(command).then(event)
        happened.append(event)
        given(decider, *happened).when(command).then_nothing()
    assert given(decider, *happened).state.customer_id == ANA
    given(decider, REQUESTED).when(REFUSE).then(REFUSED)
    given(decider, REQUESTED, REFUSED).when(but(REFUSE, reason=None)).then_nothing()


def test_a_customer_can_be_given_more_time_until_the_goods_are_there() -> None:
    for until in (LATER, None):
        given(decider, REQUESTED, AUTHORISED).when(but(AUTHORISE, until=until)).then(ReturnAuthorised(until=until))
    given(decider, REQUESTED, AUTHORISED, RECEIVED).when(but(AUTHORISE, until=LATER)).refused(
        "The goods have already been received."
    )
    given(decider, REQUESTED).when(but(AUTHORISE, until=UNTIL.replace(tzinfo=None))).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "until"
    )


def test_of_a_yes_and_a_no_that_race_the_first_counts() -> None:
    given(decider, REQUESTED, AUTHORISED).when(REFUSE).refused("This return has already been authorised.")
    for command in (AUTHORISE, RECEIVE, SHIP):
        given(decider, REQUESTED, REFUSED).when(command).refused("This return has been refused. Request another one.")
    given(decider, REQUESTED, RECEIVED).when(REFUSE).refused("This return has already been received.")
    given(decider, REQUESTED, SHIPPED).when(REFUSE).refused("A replacement has already been shipped.")


def test_goods_may_arrive_unannounced_and_be_others_than_were_requested() -> None:
    other = but(RECEIVE, lines=(line(9, "B"),))
    given(decider, REQUESTED).when(other).then(ReturnReceived(lines=other.lines, condition=ReturnCondition.USED))


@pytest.mark.parametrize("changes", [{"lines": (line(2),)}, {"condition": ReturnCondition.NEW}])
def test_goods_arrive_once(changes: dict[str, Any]) -> None:
    given(decider, REQUESTED, RECEIVED).when(but(RECEIVE, **changes)).refused(
        "The goods have already been received. Request another return for what came later."
    )


@pytest.mark.parametrize("changes", [{"lines": (line(1),)}, {"tracking": "8"}, {"replacement_order_id": None}])
def test_a_replacement_is_shipped_once_and_may_leave_before_the_goods_arrive(changes: dict[str, Any]) -> None:
    given(decider, REQUESTED).when(SHIP).then(SHIPPED)
    given(decider, REQUESTED, SHIPPED).when(but(SHIP, **changes)).refused("A replacement has already been shipped.")


@pytest.mark.parametrize("command", [REQUEST, RECEIVE, SHIP])
@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((), f"Give from 1 to {MAX_LINES} lines."),
        ((line(),) * (MAX_LINES + 1), f"Give from 1 to {MAX_LINES} lines."),
        ((line(), line(sku=" ")), "Line 2: the sku must not be blank."),
        ((line(0),), "Line 1: the quantity must be from 1 to 1000000000."),
        ((line(10**9 + 1),), "Line 1: the quantity must be from 1 to 1000000000."),
    ],
)
def test_lines_must_make_sense(command: Command, lines: tuple[ReturnLine, ...], sentence: str) -> None:
    given(decider, *([] if command is REQUEST else [REQUESTED])).when(but(command, lines=lines)).refused(
        sentence, "lines"
    )


@pytest.mark.parametrize("field", ["carrier", "tracking"])
def test_a_replacement_has_no_blank_carrier_or_number(field: str) -> None:
    given(decider, REQUESTED).when(but(SHIP, **{field: " "})).refused(f"The {field} must not be blank.", field)
