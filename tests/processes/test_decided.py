"""A decision is shown again as it was, whatever was learnt since of who is whom and of what counts."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.benefit import BenefitAuthorised, DenyBenefit, RequestBenefit, ScreenShown
from domain.import_batch import RevertImport, StartImport, run_id
from domain.kernel import Refused, derived
from domain.loyalty_account import DowngradeTier
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.order import OrderLine, OrderPlaced, PlaceOrder
from domain.programme import DEFAULT
from eventstore.envelope import Origin, Request
from processes import benefit_authorisation
from projections import as_then
from projections.customers import customer_360, eligibility
from projections.customers import decided as decided_module
from projections.customers.decided import ReplayVerdict, decision_replay
from projections.customers.screen_pop import ScreenPop, screen_again
from projections.value import rfm
from tests.conftest import House
from tests.eventstore.sealing.conftest import sealer_in
from tests.processes.members import enrol, people
from tests.processes.shop import Shop, moment
from tests.processes.test_scenarios_loyalty import Desk

BATCH = derived("batch", "old")
SEEN_AT = "2026-03-02 11:00"


@pytest.fixture
def shop(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(rfm, "EDGES_SHARE", 1e-9)  # once compared, customers are not compared again in this test
    shop = Shop(house.log, tmp_path / "mail", policies=[benefit_authorisation.policy])
    shop.do(DEFAULT)
    people(shop)
    for n in range(9):
        shop.order(shop.customer(email=f"c{n}@shop.test"), "2025-11-01 12:00", pieces=n + 1)
    return shop


def imported(shop: Shop, customer: Any, pieces: int) -> None:
    """An order in an import that can be taken back."""
    shop.do(StartImport(import_batch_id=BATCH, source="test", file="old.csv", digest="0" * 64))
    lines = (OrderLine(sku="cup", quantity=pieces, unit_price=Decimal(5)),)
    asked = PlaceOrder(order_id=derived("order", "old"), customer_id=customer, lines=lines)
    when = moment("2025-12-01 12:00")
    shop.log.do(
        asked, Request(actor="import:test", origin=Origin.IMPORT, occurred_at=when, correlation_id=run_id(BATCH, 1))
    )


def cited(seen: ScreenPop) -> ScreenShown:
    return ScreenShown(
        digest=seen.digest, position=seen.position, seen_at=seen.seen_at, compared_position=seen.compared_position,
        name_position=seen.name_position, definition=seen.definition,
    )  # fmt: skip


def test_the_screen_of_then_has_the_identities_and_the_comparison_of_then(shop: Shop) -> None:
    desk = Desk(shop)
    zoe, rival, old = (shop.customer(name=name, email=f"{name}@shop.test") for name in ("zoe", "rival", "old"))
    shop.order(zoe, "2026-01-10 12:00", pieces=15)
    shop.order(rival, "2026-01-10 12:00", pieces=30)
    imported(shop, old, 40)
    ana, twin = shop.customer(), shop.customer(name="Ana B.", email="twin@shop.test")
    account = enrol(shop, ana, "2026-01-15 12:00", tier="GOLD")
    shop.order(ana, "2026-02-01 12:00", pieces=20)
    shop.order(twin, "2026-02-01 12:00", pieces=1)
    shop.do(MergeCustomers(customer_id=twin, survivor_id=ana))
    desk.screen(ana, moment(SEEN_AT))  # now everybody is compared with everybody
    for n in range(4):
        shop.order(shop.customer(email=f"late{n}@shop.test"), "2026-02-02 12:00", pieces=100)
    seen = desk.screen(ana, moment(SEEN_AT))
    assert seen.compared_position is not None
    assert seen.compared_position < seen.position
    benefit = derived("benefit", 1)
    request = RequestBenefit(benefit_id=benefit, customer_id=ana, benefit="UP", screen=cited(seen))
    asked = shop.do(request, SEEN_AT).position

    shop.do(MergeCustomers(customer_id=zoe, survivor_id=ana))
    shop.do(UnmergeCustomers(customer_id=twin))
    shop.do(MergeCustomers(customer_id=rival, survivor_id=ana))
    shop.do(RevertImport(import_batch_id=BATCH))
    shop.do(DowngradeTier(loyalty_account_id=account, tier="SILVER", period="2026"), "2026-04-01 12:00")
    now = desk.screen(ana, moment("2026-06-02 11:00"))
    assert now.orders == 3
    found = decision_replay(desk.lists, asked)
    assert found.screen == seen
    assert found.screen_verdict is ReplayVerdict.SAME
    assert decision_replay(desk.lists, asked).screen_digest == seen.digest


def test_without_a_stored_screen_what_was_known_when_it_was_asked_for_is_shown(shop: Shop) -> None:
    desk, ana = Desk(shop), shop.customer()
    enrol(shop, ana, "2026-01-15 12:00", tier="GOLD")
    shop.order(ana, "2026-02-01 12:00", pieces=20)
    benefit = derived("benefit", 1)
    asked = shop.do(RequestBenefit(benefit_id=benefit, customer_id=ana, benefit="UP"), SEEN_AT).position
    denied = shop.do(DenyBenefit(benefit_id=benefit, reason="NO_SEAT"), SEEN_AT).position
    desk.screen(ana, moment(SEEN_AT))
    found = decision_replay(desk.lists, denied)
    assert (found.screen_verdict, found.inputs_verdict) == (ReplayVerdict.NOT_STORED, ReplayVerdict.NOT_STORED)
    assert (found.screen_position, found.type) == (asked, "benefit.denied.v1")
    assert found.screen is not None
    assert (found.screen.tier, found.screen.orders) == ("GOLD", 1)


def test_a_name_that_was_never_known_cannot_be_said_to_be_forgotten(shop: Shop) -> None:
    desk, somebody = Desk(shop), shop.customer(name=None, email=None)
    seen = desk.screen(somebody, moment(SEEN_AT))
    assert (seen.name, seen.name_position) == (None, None)
    where = next(at.position for _, at in shop.events() if at.stream_id == somebody)
    false = screen_again(desk.lists, somebody, cited(seen), name_position=where)
    assert false is not None
    said = replace(cited(seen), digest=false.digest, name_position=where)
    request = RequestBenefit(benefit_id=derived("b", 1), customer_id=somebody, benefit="UP", screen=said)
    assert decision_replay(desk.lists, shop.do(request, SEEN_AT).position).screen_verdict is ReplayVerdict.DIFFERENT


def test_what_is_no_decision_and_what_takes_too_long_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, ana, eva = Desk(shop), shop.customer(), shop.customer(email="eva@shop.test")
    with pytest.raises(Refused, match="no decision about a benefit at position 1"):
        decision_replay(desk.lists, 1)
    asked = shop.do(RequestBenefit(benefit_id=derived("benefit", 1), customer_id=ana, benefit="UP"), SEEN_AT).position
    shop.do(MergeCustomers(customer_id=eva, survivor_id=ana))
    monkeypatch.setattr(as_then, "MAX_FOLDED_ANEW", 1)
    with pytest.raises(Refused, match="corrected since"):
        decision_replay(desk.lists, asked)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"digest": "short"}, "screen.digest"),
        ({"definition": "short"}, "screen.definition"),
        ({"position": -1}, "screen.position"),
        ({"compared_position": 2**63}, "screen.compared_position"),
        ({"name_position": -5}, "screen.name_position"),
        ({"seen_at": moment(SEEN_AT).replace(tzinfo=None)}, "screen.seen_at"),
    ],
)
def test_a_screen_that_cannot_have_been_seen_is_refused(shop: Shop, wrong: dict[str, Any], field: str) -> None:
    shown = replace(ScreenShown(digest="0" * 64, position=1, seen_at=moment(SEEN_AT)), **wrong)
    asked = RequestBenefit(benefit_id=derived("b", 1), customer_id=shop.customer(), benefit="UP", screen=shown)
    with pytest.raises(Refused) as refused:
        shop.do(asked)
    assert refused.value.field == field


# What is not the same is told apart.


@pytest.fixture
def decided(shop: Shop, house: House, tmp_path: Path) -> tuple[Desk, Any, int]:
    """A desk, a customer, and where a benefit was authorised for her, who had an order; all is sealed."""
    desk, ana = Desk(shop), shop.customer()
    enrol(shop, ana, "2026-01-15 12:00", tier="GOLD")
    shop.order(ana, "2026-02-01 12:00", pieces=20)
    shop.until("2026-03-02 10:59")
    seen = desk.screen(ana, moment(SEEN_AT))
    shop.do(
        RequestBenefit(benefit_id=derived("benefit", 1), customer_id=ana, benefit="UP", screen=cited(seen)), SEEN_AT
    )
    shop.until(SEEN_AT)
    [at] = [at for event, at in shop.events() if isinstance(event, BenefitAuthorised)]
    found = decision_replay(desk.lists, at.position)
    assert (found.screen_verdict, found.inputs_verdict) == (ReplayVerdict.SAME, ReplayVerdict.SAME)
    with sealer_in(house.dsn, tmp_path) as sealer:
        sealer.run()
    return desk, ana, at.position


def verdicts(desk: Desk, position: int) -> tuple[str, str, int | None]:
    found = decision_replay(desk.lists, position)
    return found.screen_verdict.value, found.inputs_verdict.value, found.tampered_position


@pytest.fixture
def doubled() -> Iterator[None]:
    """The view of orders counts each twice, as another version of it might."""
    view = customer_360.view
    before, handlers = view.version, dict(view.handlers)

    def again(card: Any, event: Any, at: Any) -> None:
        card.order_count += 1

    view.handlers[OrderPlaced] = [*handlers[OrderPlaced], (None, again)]
    object.__setattr__(view, "version", before + 1)
    yield
    object.__setattr__(view, "version", before)
    view.handlers.update(handlers)


def test_another_definition_of_a_view_is_told_apart_from_a_false_claim(
    decided: tuple[Desk, Any, int], doubled: None
) -> None:
    desk, _, position = decided
    assert verdicts(desk, position) == ("REDEFINED", "SAME", None)


def test_who_did_not_say_the_definition_is_told_that_it_differs(shop: Shop) -> None:
    desk, ana = Desk(shop), shop.customer()
    shop.order(ana, "2026-02-01 12:00", pieces=20)
    seen = desk.screen(ana, moment(SEEN_AT))
    untold = {"name", "digest", "definition", "position", "seen_at", "compared_position"}
    assert seen.digest == eligibility.digest_of({name: it for name, it in asdict(seen).items() if name not in untold})
    for digest, definition, told in (
        (seen.digest, None, "SAME"),
        (seen.digest, "0" * 64, "SAME"),
        ("1" * 64, None, "DIFFERENT"),
        ("1" * 64, seen.definition, "DIFFERENT"),
        ("1" * 64, "0" * 64, "REDEFINED"),
    ):
        said = replace(cited(seen), digest=digest, definition=definition)
        request = RequestBenefit(
            benefit_id=derived("b", f"{digest} {definition}"), customer_id=ana, benefit="UP", screen=said
        )
        assert verdicts(desk, shop.do(request, SEEN_AT).position)[0] == told


def test_another_version_of_the_rule_is_told_apart(
    decided: tuple[Desk, Any, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _, position = decided
    monkeypatch.setattr(eligibility, "LEAST_TIER_RANK", 0)
    assert verdicts(desk, position)[1] == "SAME"
    digest = eligibility.digest_of
    monkeypatch.setattr(eligibility, "digest_of", lambda given: digest([given, "new"]))
    assert verdicts(desk, position)[1] == "DIFFERENT"
    monkeypatch.setattr(decided_module, "BENEFIT_RULE_VERSION", 2)
    assert verdicts(desk, position)[1] == "REDEFINED"


OWN_ORDER = "type = 'order.placed.v1' and customer_id = %(ana)s"
TOTAL = """body = convert_to(replace(convert_from(body, 'UTF8'), '"base":"', '"base":"9'), 'UTF8')"""
TAMPERING = {
    "the amount of an order": f"update es.event set {TOTAL} where {OWN_ORDER}",
    "the day of an order": f"update es.event set occurred_at = occurred_at + interval '1 day' where {OWN_ORDER}",
    "who authorised it": "update es.event set actor = 'user:eva' where type = 'benefit.authorised.v1'",
    "an order removed": f"delete from es.event where {OWN_ORDER}",
}


def test_an_event_that_was_tampered_with_is_named(shop: Shop, house: House, decided: tuple[Desk, Any, int]) -> None:
    _, ana, position = decided
    with psycopg.connect(house.dsn, autocommit=True) as db:
        db.execute("alter table es.event disable trigger all")
        db.execute("create temporary table saved as select * from es.event")
        for name, change in TAMPERING.items():
            (first,) = db.execute(
                f"with changed as ({change} and position <= %(at)s returning position) select min(position) from changed",  # type: ignore[arg-type]
                {"ana": ana, "at": position},
            ).fetchone() or (None,)
            assert verdicts(Desk(shop), position) == ("TAMPERED", "TAMPERED", first), name
            db.execute("delete from es.event")
            db.execute("insert into es.event select * from saved")
    assert verdicts(Desk(shop), position) == ("SAME", "SAME", None)
