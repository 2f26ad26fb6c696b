"""What several policies remember of the same customers is read once for all of them, and is what each would have read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from domain.customer import CustomerRegistered
from domain.follow_up import Action, ActionKind, FollowUpScheduled
from domain.interaction import InteractionLogged
from domain.kernel import Command, Event
from domain.merging import MergeCustomers
from domain.order import OrderCancelled, OrderPlaced
from domain.policy import PolicyDefined
from eventstore.envelope import Recorded
from eventstore.reader import Reader
from processes import triggers
from processes.policy import Policy
from tests.conftest import House
from tests.processes.shop import Shop
from tests.processes.test_read_once import counted

ACT = Action(kind=ActionKind.ACT)


@dataclass
class Told:
    """What was remembered, in its order."""

    names: list[str] = field(default_factory=list)


def listing(name: str, *events: type[Event], disclose: bool = False) -> Policy[Told]:
    """Promises, for each order, a step that says what is remembered."""
    policy = Policy(name, version=1, memory=Told)

    @policy.remember(*events, disclose=disclose)
    def note(known: Told, event: Any, at: Recorded) -> None:
        known.names.append(getattr(event, "name", None) or type(event).__name__)

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Told) -> Iterator[Command]:
        yield policy.promise(at, " ".join(known.names), ACT, at.occurred_at.replace(year=2027))

    return policy


def story(house: House, tmp_path: Path) -> dict[str, list[str]]:
    """What three policies knew of customers, one of whom is merged into another, at each order."""
    shop = Shop(
        house.log, tmp_path / "mail",
        policies=[
            listing("who", CustomerRegistered, disclose=True),
            listing("what", OrderPlaced, OrderCancelled, FollowUpScheduled),
            listing("both", CustomerRegistered, OrderPlaced, disclose=True),
        ],
    )  # fmt: skip
    ana, eva = shop.customer(), shop.customer(name="Eva", email="eva@shop.test")
    shop.order(ana, "2026-01-01 12:00")
    shop.worker.run()
    shop.do(MergeCustomers(customer_id=ana, survivor_id=eva))
    shop.worker.run()
    for each in (eva, ana, eva):
        shop.order(each, "2026-01-02 12:00")
    shop.worker.run()
    rows = sorted(shop.ledger(), key=lambda row: row.trigger_position)
    return {name: [row.step for row in rows if row.policy == name] for name in ("who", "what", "both")}


def test_each_policy_knows_what_it_would_have_read_by_itself(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = counted(monkeypatch, Reader, "customers")
    found = story(house, tmp_path)
    assert found["who"] == ["Ana", "Ana Eva", "Ana Eva", "Ana Eva"]
    assert found["both"][1].split() == ["Ana", "Eva", "OrderPlaced", "OrderPlaced"]
    assert [step.split().count("OrderPlaced") for step in found["what"]] == [1, 2, 3, 4]
    assert [step.split().count("FollowUpScheduled") for step in found["what"]][:2] == [0, 3]
    assert len(read) == 2  # once for each of the two steps in which something was ordered


def test_apart_it_is_the_same(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "MAX_READ_TOGETHER", 0)
    read = counted(monkeypatch, Reader, "customers")
    apart = story(house, tmp_path)
    assert len(read) > 2
    assert apart["who"] == ["Ana", "Ana Eva", "Ana Eva", "Ana Eva"]
    assert [step.split().count("OrderPlaced") for step in apart["what"]] == [1, 2, 3, 4]


def test_a_version_that_remembers_something_else_reads_for_itself(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[listing("a", OrderPlaced), listing("b", OrderPlaced)])
    customer = shop.customer()
    shop.order(customer, "2026-01-01 12:00")
    _, _, stretch = shop.worker.runner._look(shop.worker.runner.policies)
    assert stretch is not None
    assert stretch.histories is not None
    tell, placed, wanted, end = stretch.histories.tell, [OrderPlaced.stored_as], [customer], stretch.end
    assert tell(wanted, end, placed, [], [])
    assert not tell(wanted, end, [*placed, InteractionLogged.stored_as], [], [])
    assert not tell(wanted, end, placed, placed, [])
    assert not tell(wanted, end, placed, [], placed)
    assert not tell(wanted, end - 1, placed, [], [])
    assert not tell([*wanted, shop.customer(name="Eva", email="e@shop.test")], end, placed, [], [])


def test_of_policies_it_is_read_only_what_is_new(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[listing("a", OrderPlaced)])
    shop.order(shop.customer(), "2026-01-01 12:00")
    shop.worker.run()
    lives = shop.worker.runner.lives
    pages = counted(monkeypatch, Reader, "page")
    shop.customer(name="Eva", email="e@shop.test")
    for _ in range(3):
        lives.refresh()
    assert not [words for _, words in pages if PolicyDefined.stored_as in words["types"]]
    assert lives._read == house.log.reader.head()
