"""P18: who was let down has a complaint that is dealt with, and is called by a manager."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.absence import AbsenceKind, PlanAbsence
from domain.activity import ActivityKind, ActivityScheduled
from domain.case_events import CaseOpened, CasePriority, CaseType
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.merging import MergeCustomers
from domain.staff import AddStaff, StaffRole
from domain.values import Channel
from eventstore.envelope import Origin
from processes import detractor_recovery
from tests.conftest import House
from tests.processes.desk import at, happened
from tests.processes.shop import Shop, local, moment

ORDER = derived("order", 1)
OWNER, SALES, SERVICE, DIRECTOR = (derived("staff", name) for name in ("owner", "sales", "service", "director"))


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A shop with a head of service, a director, and an account manager with a manager."""
    shop = Shop(house.log, tmp_path / "mail", policies=[detractor_recovery.policy])
    for staff_id, role, manager in (
        (SERVICE, StaffRole.SERVICE_MANAGER, None),
        (DIRECTOR, StaffRole.DIRECTOR, None),
        (SALES, StaffRole.SALES_MANAGER, None),
        (OWNER, StaffRole.REP, SALES),
    ):
        shop.do(AddStaff(staff_id=staff_id, name="Eva", role=role, manager_id=manager))
    return shop


def answer(
    shop: Shop,
    csat: int | None = None,
    nps: int | None = None,
    customer: UUID | None = None,
    *,
    on: str = "2026-03-10 10:00",
    origin: Origin = Origin.LIVE,
    comment: str | None = None,
) -> UUID:
    """A customer answers a survey about an order."""
    customer = customer or shop.customer()
    invitation = derived("invitation", customer)
    shop.until(on)
    shop.do(
        SendInvitation(
            invitation_id=invitation, customer_id=customer, survey="post-purchase", version=1, channel=Channel.SMS,
            language="es", order_id=ORDER, follow_up_id=derived("follow-up", customer),
        )
    )  # fmt: skip
    at(shop, AnswerSurvey(invitation_id=invitation, csat=csat, nps=nps, comment=comment), origin=origin)
    return customer


def calls(shop: Shop) -> list[tuple[UUID | None, str | None]]:
    """Who is to call, and by when."""
    found = happened(shop, ActivityScheduled)
    return [(e.staff_id, local(e.due_at)) for e, _ in found if isinstance(e, ActivityScheduled)]


@pytest.mark.parametrize(
    ("csat", "nps", "comment", "let_down"),
    [
        (1, None, None, True),
        (2, None, None, True),
        (3, None, None, False),
        (5, None, None, False),
        (None, 0, None, True),
        (None, 6, None, True),
        (None, 7, None, False),
        (None, 10, None, False),
        (2, 10, None, True),
        (5, 6, None, True),
        (4, 8, None, False),
        (None, None, "Nice.", False),
    ],
)
def test_who_was_let_down_has_a_complaint(
    shop: Shop, csat: int | None, nps: int | None, comment: str | None, let_down: bool
) -> None:
    answer(shop, csat, nps, comment=comment)
    assert len(happened(shop, CaseOpened)) == len(calls(shop)) == len(shop.ledger()) == let_down


def test_the_complaint_is_of_high_priority_and_about_what_was_asked(shop: Shop) -> None:
    customer = answer(shop, 1, 3)
    [(opened, on)] = happened(shop, CaseOpened)
    assert isinstance(opened, CaseOpened)
    assert (opened.type, opened.priority) == (CaseType.COMPLAINT, CasePriority.HIGH)
    assert (opened.customer_id, opened.order_id, opened.channel, on) == (
        customer,
        ORDER,
        Channel.SMS,
        "2026-03-10 10:00",
    )
    assert opened.subject == "satisfacción 1 de 5, recomendación 3 de 10"
    [(call, _)] = happened(shop, ActivityScheduled)
    assert isinstance(call, ActivityScheduled)
    assert (call.kind, call.customer_id, call.related_noun) == (ActivityKind.CALL, customer, "case")
    assert call.origin_policy == "detractor-recovery"
    [entry] = shop.ledger()
    assert (entry.status, entry.reason) == ("DONE", "COMPLAINT_OPENED")
    assert call.related_id == derived("case", entry.follow_up_id)
    assert shop.log.reader.stream(call.related_id)


@pytest.mark.parametrize(
    ("on", "by"),
    [
        ("2026-03-10 10:00", "2026-03-11 10:00"),
        ("2026-03-13 17:00", "2026-03-16 17:00"),  # a Friday
        ("2026-04-30 10:00", "2026-05-04 10:00"),  # before Labour Day and a weekend
        ("2026-03-27 10:00", "2026-03-30 10:00"),  # the clocks go forward
    ],
)
def test_a_manager_calls_within_a_business_day(shop: Shop, on: str, by: str) -> None:
    answer(shop, 1, on=on)
    assert calls(shop) == [(SERVICE, by)]


def test_of_a_customer_whom_somebody_answers_for_it_is_their_manager(shop: Shop) -> None:
    customer = shop.customer()
    shop.do(AssignAccountManager(customer_id=customer, staff_id=OWNER))
    answer(shop, 1, customer=customer)
    assert [who for who, _ in calls(shop)] == [SALES]


@pytest.mark.parametrize("away", [[SERVICE], [SERVICE, DIRECTOR]])
def test_who_is_away_does_not_call_unless_all_are(shop: Shop, away: list[UUID]) -> None:
    for who in away:
        shop.do(
            PlanAbsence(
                absence_id=derived("absence", who), staff_id=who, kind=AbsenceKind.HOLIDAY,
                starts_at=moment("2026-03-09 00:00"), ends_at=moment("2026-03-20 00:00"),
            )
        )  # fmt: skip
    answer(shop, 1)
    assert [who for who, _ in calls(shop)] == [DIRECTOR if len(away) == 1 else SERVICE]


def test_where_there_is_no_manager_it_is_said(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=[detractor_recovery.policy])
    answer(shop, 1)
    assert calls(shop) == [(None, "2026-03-11 10:00")]
    [entry] = shop.ledger()
    assert (entry.status, entry.reason) == ("DONE", "NOBODY_TO_CALL")


def test_what_was_asked_of_who_is_the_same_is_known(shop: Shop) -> None:
    absorbed, survivor = shop.customer(), shop.customer(email="other@shop.test")
    shop.do(AssignAccountManager(customer_id=survivor, staff_id=OWNER))
    shop.do(MergeCustomers(customer_id=absorbed, survivor_id=survivor))
    answer(shop, 1, customer=absorbed)
    [(opened, _)] = happened(shop, CaseOpened)
    assert isinstance(opened, CaseOpened)
    assert opened.order_id == ORDER
    assert [who for who, _ in calls(shop)] == [SALES]


def test_imported_answers_set_nothing_off(shop: Shop) -> None:
    answer(shop, 1, origin=Origin.IMPORT)
    assert shop.ledger() == []


def test_twice_is_the_same_as_once(shop: Shop) -> None:
    answer(shop, 1)
    before = len(shop.events())
    with shop.log.pool.connection() as db:
        db.execute("update es.checkpoint set position = 0")
    shop.worker.run()
    assert len(shop.events()) == before
