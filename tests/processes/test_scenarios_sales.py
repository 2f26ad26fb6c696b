"""Acceptance scenarios of sales, as they are told: the assignment by scores, and the visit after a letter."""

from decimal import Decimal
from typing import Any

from domain.lead import AssignLead, LeadAssigned
from processes import assignment
from processes.memories import Memories
from processes.policy import Policy
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.sales import away, closed, happened, lead, name_of, person, scores, territory
from tests.processes.shop import Shop, moment


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


def decided(shop: Shop, policy: Policy[Any], row: Due, position: int, now: Any) -> list[Any]:
    """What a policy decides about a follow-up, by what stood in the log up to a position."""
    known = Memories(policy, shop.log.reader, [policy.subject_of_due(row)], position).of(row.about, position)
    return list(policy.decide(row, now, known))
