"""What is older than its law allows is destroyed, by class and year, and never what a law or a hold still keeps."""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from domain.customer import MergeCustomers, RegisterCustomer
from domain.erasure import SetErasureHold
from domain.erasure_events import HoldScope
from domain.identifiers import AddIdentifier, IdentifierType
from domain.interaction import LogInteraction
from domain.kernel import derived
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from domain.retention import RetentionKeysDestroyed
from domain.values import Channel
from eventstore.envelope import Request
from processes.retention import Executor, decide_on, outdated
from projections.customers import customers
from projections.lists import Lists
from tests.conftest import House
from tests.processes.privacy import Office

ANA, EVA = derived("customer", "ana"), derived("customer", "eva")
TODAY = date(2026, 6, 1)


@pytest.fixture
def office(house: House, tmp_path: Path) -> Office:
    office = Office(house.log, house.dsn, tmp_path)
    office.engine.prepare()
    return office


def in_year(year: int) -> datetime:
    return datetime(year, 12, 31, 12, tzinfo=UTC)


def tell(office: Office, customer: UUID, *years: int, registered: int = 2010) -> None:
    """A customer who was registered once, and said something in each of these years."""
    office.do(RegisterCustomer(customer_id=customer, name="Ana Núñez", email="ana@example.com"), in_year(registered))
    for year in years:
        said = LogInteraction(
            interaction_id=derived("call", customer, year),
            customer_id=customer,
            channel=Channel.PHONE,
            text=f"said in {year}",
        )
        office.do(said, in_year(year))


def found(office: Office, on: date = TODAY) -> dict[str, tuple[int, int]]:
    everything = outdated(office.log, office.engine, office.custodian, on)
    return {each.rule.key_class: (len(each.keys), each.held) for each in everything}


def applied(office: Office, on: date = TODAY) -> tuple[int, int]:
    decide_on(office.log, outdated(office.log, office.engine, office.custodian, on), actor="operator:dpo")
    office.seal()
    return Executor(office.log, office.engine, office.custodian, office.dsn).run()


def texts(office: Office) -> dict[int, str | None]:
    read = office.log.reader.page(0, types=["interaction.logged.v1"], disclose=True)
    return {at.occurred_at.year: event.text for event, at in read}  # type: ignore[attr-defined]


def test_words_go_at_the_end_of_the_fifth_year_after_they_were_said(office: Office) -> None:
    tell(office, ANA, 2019, 2020, 2021, 2026)
    assert found(office)["text"] == (2, 0)
    assert found(office, date(2025, 12, 31))["text"] == (1, 0)
    assert found(office, date(2027, 1, 1))["text"] == (3, 0)
    assert applied(office) == (2, 0)
    assert texts(office) == {2019: None, 2020: None, 2021: "said in 2021", 2026: "said in 2026"}
    assert found(office)["text"] == (0, 0)
    assert applied(office) == (0, 0)


def test_who_somebody_is_goes_once_nothing_has_happened_for_long(office: Office) -> None:
    tell(office, ANA, 2019)
    tell(office, EVA, 2021)
    office.engine.catch_up()
    kept = found(office)
    assert (kept["identity"], kept["contact"]) == ((1, 0), (2, 0))
    applied(office)
    lists = Lists(office.log, office.log.pool)
    office.engine.catch_up()
    rows = {row.customer_id: (row.name, row.email) for row in lists.page(customers.view).rows}
    assert rows == {ANA: (None, None), EVA: ("Ana Núñez", None)}
    assert office.rebuilt_is_live()


def test_what_policies_do_by_themselves_keeps_nobody(office: Office) -> None:
    tell(office, ANA)
    said = SetContactRestriction(customer_id=ANA, kind=ContactRestrictionKind.DO_NOT_CALL)
    office.log.do(said, Request(actor="policy:something"))
    assert found(office)["identity"] == (1, 0)
    office.do(LiftContactRestriction(customer_id=ANA, kind=ContactRestrictionKind.DO_NOT_CALL))
    assert found(office)["identity"] == (0, 0)


def test_what_happened_to_the_same_person_keeps_both(office: Office) -> None:
    tell(office, ANA)
    tell(office, EVA)
    office.do(MergeCustomers(customer_id=EVA, survivor_id=ANA), in_year(2012))
    assert found(office)["identity"] == (2, 0)
    office.do(AddIdentifier(customer_id=EVA, type=IdentifierType.EXTERNAL_ID, value="erp:77"), in_year(2024))
    assert found(office)["identity"] == (0, 0)


def test_a_legal_hold_keeps_everything_while_it_holds(office: Office) -> None:
    tell(office, ANA, 2015)
    until = datetime(2026, 7, 1, tzinfo=UTC)
    hold = SetContactRestriction(customer_id=ANA, kind=ContactRestrictionKind.LEGAL_HOLD, until=until)
    office.do(hold, in_year(2016))
    assert found(office) == {"identity": (0, 1), "contact": (0, 1), "text": (0, 1), "answer": (0, 0)}
    assert applied(office) == (0, 0)
    assert texts(office) == {2015: "said in 2015"}
    assert found(office, date(2026, 7, 1))["text"] == (1, 0)


def test_the_hold_of_a_request_keeps_the_class_that_it_names(office: Office) -> None:
    tell(office, ANA, 2015)
    request = office.asked(ANA)
    office.do(SetErasureHold(erasure_id=request, scope=HoldScope.TEXT, legal_basis="A lawsuit"))
    assert found(office)["text"] == (0, 1)
    assert found(office)["answer"] == (0, 0)


def test_the_log_says_which_keys_and_by_which_law(office: Office) -> None:
    tell(office, ANA, 2015)
    keys = [key for each in outdated(office.log, office.engine, office.custodian, TODAY) for key in each.keys]
    applied(office)
    said = [event for event, _ in office.log.reader.page(0, types=["retention.keys_destroyed.v1"])]
    destroyed = {id for event in said if isinstance(event, RetentionKeysDestroyed) for id in event.key_ids}
    assert destroyed == {key.key_id for key in keys}
    standing = office.custodian.keys(destroyed)
    assert {key.state for key in standing} == {"DESTROYED"}
    assert {key.destroyed_because for key in standing} <= set(range(1, office.log.reader.head() + 1))


def test_nothing_is_erased_before_the_event_is_sealed_and_it_is_gone_on_with(office: Office) -> None:
    tell(office, ANA, 2015)
    office.seal()
    decide_on(office.log, outdated(office.log, office.engine, office.custodian, TODAY), actor="operator:dpo")
    executor = Executor(office.log, office.engine, office.custodian, office.dsn)
    erased, waiting = executor.run()
    assert (erased, waiting > 0) == (0, True)
    assert texts(office) == {2015: None}
    office.seal()
    erased, waiting = executor.run()
    assert (erased > 0, waiting) == (True, 0)
    assert office.query("select count(*) from es.personal") == [(0,)]
    last = office.log.reader.page(0, types=["retention.keys_destroyed.v1"])[-1].at.position
    assert office.query("select position from es.checkpoint where name = 'retention'") == [(last,)]
