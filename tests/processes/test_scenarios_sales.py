"""Acceptance scenarios of sales, as they are told: the assignment by scores, and the visit after a letter."""

from decimal import Decimal
from typing import Any

from domain.activity import ActivityKind, ActivityScheduled, ScheduleActivity
from domain.campaign import PlanCampaign
from domain.campaign_member import CampaignResponseKind, RecordCampaignResponse, TargetMember
from domain.campaign_plan import CampaignKind
from domain.kernel import derived
from domain.lead import AssignLead, LeadAssigned
from processes import assignment, first_visit
from processes.memories import Memories
from processes.policy import Policy
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.sales import away, closed, happened, lead, name_of, person, scores, territory
from tests.processes.shop import Shop, local, moment


def test_scenario_11_a_lead_is_assigned_with_all_scores_and_replay_gives_the_same_rep(
    house: House, tmp_path: Any
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=(assignment.policy,), now=moment("2026-01-16 12:00"))
    # Four reps: Eva works in Madrid, Leo knows wine, Zoe speaks the language and wins most, and Max is on holiday.
    madrid = territory(shop, "spain", countries=("ES",))
    person(shop, "eva", territory_id=madrid, capacity=10)
    person(shop, "leo", skills=("wine",), capacity=10)
    person(shop, "zoe", languages=("es",), capacity=10)
    person(shop, "max", territory_id=madrid, skills=("wine",), languages=("es",))
    away(shop, "max", "2026-01-12 00:00", "2026-01-24 00:00")
    closed(shop, "zoe", "wine", won=3, lost=1)
    closed(shop, "leo", "wine", won=1, lost=3)
    # A lead who wants wine comes in from Spain.
    wanted = lead(shop, interest="wine")
    shop.worker.run()
    # It is Eva's, and everybody who could have had it is told of with their points.
    [event] = happened(shop, LeadAssigned)
    assert name_of(event.staff_id) == "eva"
    assert scores(event) == {"eva": Decimal("57.5"), "leo": Decimal("41.25"), "zoe": Decimal("33.75")}
    assert (event.rule, event.rule_version) == (assignment.policy.name, assignment.policy.version)
    # Much happens later: Max comes back, Eva is busy.
    shop.until("2026-01-26 09:00")
    for number in range(8):
        lead(shop, key=str(number), interest="tea")
    shop.worker.run()
    # But whoever decides anew about what was known then comes to the same, to the last point.
    [at] = [at for each, at in shop.events() if each is not None and at.stream_id == wanted and at.version == 2]
    row = Due(
        shop.entry(wanted, "assign").follow_up_id, policy=assignment.policy.name, about=wanted, trigger=wanted,
        step="assign", due_at=at.occurred_at, wanted_at=at.occurred_at,
    )  # fmt: skip
    replayed, *_ = decided(shop, assignment.policy, row, at.position - 1, at.occurred_at)
    assert replayed == AssignLead(
        lead_id=wanted, staff_id=event.staff_id, rule=event.rule, rule_version=event.rule_version,
        candidates=event.candidates,
    )  # fmt: skip
    now = decided(shop, assignment.policy, row, shop.log.reader.head(), shop.now)
    assert replayed not in now


def test_scenario_2_who_answers_to_a_letter_on_friday_is_visited_from_tuesday_on_but_not_on_a_holiday(
    house: House, tmp_path: Any
) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=(first_visit.policy,), now=moment("2026-10-09 17:00"))
    # Eva answers for Spain. Letters went out there.
    spain = person(shop, "eva")
    territory(shop, "spain", spain, countries=("ES",))
    letters = derived("campaign", "letters")
    shop.do(
        PlanCampaign(
            campaign_id=letters, key="autumn", title="Autumn letters", kind=CampaignKind.DIRECT_MAIL,
            starts_at=moment("2026-10-01 09:00"),
        )
    )  # fmt: skip

    def answer(on: str) -> str | None:
        customer = shop.customer(email=f"{on[:10]}@shop.test")
        shop.do(TargetMember(campaign_id=letters, customer_id=customer))
        reply = RecordCampaignResponse(
            campaign_id=letters, customer_id=customer, kind=CampaignResponseKind.REPLY, response_ref="card"
        )
        shop.do(reply, on)
        shop.until(on)
        visit = happened(shop, ActivityScheduled)[-1]
        assert (visit.kind, visit.staff_id, visit.customer_id) == (ActivityKind.VISIT, spain, customer)
        assert visit.origin_policy == "first-visit"
        return local(visit.starts_at)

    # A customer answers on Friday at five. Monday, 12 October, is a holiday in Spain: the second business day is Wednesday,
    # and of Wednesday Eva has all but an hour in the afternoon.
    meeting: dict[str, Any] = {"kind": ActivityKind.MEETING, "subject": "Fair", "staff_id": spain}
    for hour, hours in (("09:00", 7), ("17:00", 1)):
        shop.do(
            ScheduleActivity(
                activity_id=derived("activity", hour),
                starts_at=moment(f"2026-10-14 {hour}"),
                duration_s=hours * 3600,
                **meeting,
            )
        )
    assert answer("2026-10-09 17:00") == "2026-10-14 16:00"
    # In a week without a holiday, it is Tuesday morning, at the first hour that is free.
    assert answer("2026-10-16 17:00") == "2026-10-20 09:00"
    assert [(each.status.value, each.reason) for each in shop.ledger()] == [("DONE", "PLANNED")] * 2


def decided(shop: Shop, policy: Policy[Any], row: Due, position: int, now: Any) -> list[Any]:
    """What a policy decides about a follow-up, by what stood in the log up to a position."""
    known = Memories(policy, shop.log.reader, [policy.subject_of_due(row)], position).of(row.about, position)
    return list(policy.decide(row, now, known))
