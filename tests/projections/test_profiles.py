"""What stands in a customer's profile, and what stood there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.credit import AssessRisk, SetCreditLine
from domain.customer import ChangeCustomerProfile, RegisterCustomer
from domain.kernel import Command, derived
from domain.lifecycle import (
    AssignAccountManager,
    AssignCustomerRole,
    ChangeLifecycleStage,
    CustomerRole,
    EndCustomerRole,
    LifecycleStage,
)
from domain.merging import MergeCustomers, UnmergeCustomers
from eventstore.envelope import Request
from eventstore.reader import AsOf
from projections.customers import profiles
from projections.customers.profiles import CustomerProfile
from projections.engine import Engine
from projections.history import past
from projections.lists import Lists
from projections.table import Table
from tests.conftest import House
from tests.projections.test_engine import held

ANA, EVA, LUZ = (derived("customer", n) for n in (1, 2, 3))
STAFF = derived("staff", 1)
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def profile(house: House, *commands: Command) -> CustomerProfile:
    """Ana's profile after all of this was asked, a day after the other."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=DAY + n * timedelta(days=1)))
    engine = Engine(house.log, house.pool, [profiles.view])
    engine.prepare()
    engine.catch_up()
    return Lists(house.log, house.pool).get(profiles.view, [ANA])[ANA]


def stage(of: LifecycleStage, rule: str | None = None, customer: int = 1) -> ChangeLifecycleStage:
    return ChangeLifecycleStage(customer_id=derived("customer", customer), stage=of, rule=rule)


def test_a_profile_says_who_answers_for_the_customer_and_how_far_they_are_trusted(house: House) -> None:
    row = profile(
        house,
        RegisterCustomer(customer_id=ANA, name="Ana", country="ES", source="fair"),
        ChangeCustomerProfile(customer_id=ANA, sector="BAKERY", size="SMALL"),
        AssignCustomerRole(customer_id=ANA, role=CustomerRole.PARTNER),
        AssignCustomerRole(customer_id=ANA, role=CustomerRole.CUSTOMER),
        EndCustomerRole(customer_id=ANA, role=CustomerRole.PARTNER),
        AssignAccountManager(customer_id=ANA, staff_id=STAFF),
        AssessRisk(customer_id=ANA, score=120, model="m", model_version="1", valid_until=DAY),
        SetCreditLine(
            customer_id=ANA, limit=Decimal(100), currency="GBP", rate=Decimal("1.2"), base_currency="EUR"
        ),
    )  # fmt: skip
    assert (row.country, row.source, row.sector, row.size, row.registered_at) == ("ES", "fair", "BAKERY", "SMALL", DAY)
    assert (row.roles, row.staff_id, row.staff_since) == (("CUSTOMER",), STAFF, DAY + timedelta(days=5))
    assert (row.risk_score, row.risk_valid_until) == (120, DAY)
    assert (row.credit_limit, row.credit_currency, row.credit_limit_base, row.credit_base_currency) == (
        Decimal(100), "GBP", Decimal(120), "EUR",
    )  # fmt: skip
    assert "Ana" not in repr(row)


def test_moves_through_the_lifecycle_count_with_how_long_each_stage_lasted(house: House) -> None:
    row = profile(
        house, stage(LifecycleStage.LEAD), stage(LifecycleStage.CUSTOMER, "FIRST_ORDER"), stage(LifecycleStage.AT_RISK)
    )
    assert (row.stage, row.stage_since, row.stage_rule) == (LifecycleStage.AT_RISK, DAY + timedelta(days=2), None)
    moves = sorted(held(house.pool, profiles.lifecycle_moves).values(), key=lambda move: move.position)
    assert [(move.previous, move.stage, move.rule, move.lasted_s) for move in moves] == [
        (None, "LEAD", None, None), ("LEAD", "CUSTOMER", "FIRST_ORDER", 86400), ("CUSTOMER", "AT_RISK", None, 86400),
    ]  # fmt: skip


def test_a_profile_can_be_looked_at_as_it_was_on_any_day(house: House) -> None:
    profile(house, stage(LifecycleStage.LEAD), stage(LifecycleStage.CUSTOMER), stage(LifecycleStage.CHURNED))
    found = []
    for day in (0, 1.5, 2):
        source = past(profiles.view, AsOf(valid_at=DAY + timedelta(days=day)), house.log.reader)
        table = Table(profiles.view).seen_in(source)
        with house.pool.connection() as db:
            found += [row.stage for row in table.load(db, [ANA]).values()]
    assert found == [LifecycleStage.LEAD, LifecycleStage.CUSTOMER, LifecycleStage.CHURNED]


def test_of_somebody_merged_into_a_customer_only_what_is_blank_is_taken_over(house: House) -> None:
    register = [RegisterCustomer(customer_id=id, name="N") for id in (ANA, EVA)]
    row = profile(
        house,
        *register,
        stage(LifecycleStage.LOYAL),
        stage(LifecycleStage.VISITOR, customer=2),
        AssignCustomerRole(customer_id=ANA, role=CustomerRole.CUSTOMER),
        AssignCustomerRole(customer_id=EVA, role=CustomerRole.CUSTOMER),
        AssignCustomerRole(customer_id=EVA, role=CustomerRole.SUPPLIER),
        EndCustomerRole(customer_id=EVA, role=CustomerRole.CUSTOMER),
        AssignAccountManager(customer_id=EVA, staff_id=STAFF),
        MergeCustomers(customer_id=EVA, survivor_id=ANA),
    )  # fmt: skip
    assert (row.stage, row.roles, row.staff_id) == (LifecycleStage.LOYAL, ("CUSTOMER", "SUPPLIER"), STAFF)
    row = profile(house, UnmergeCustomers(customer_id=EVA))
    assert (row.stage, row.roles, row.staff_id) == (LifecycleStage.LOYAL, ("CUSTOMER",), None)
