"""Matching: what is to be taken next, why, and by whom of those who are there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.agent_shift import AgentStatus
from domain.case_sla import SlaTargetSet
from domain.queueing import FULL_CAPACITY, OTHER_LOAD, SLA_LEFT_PERCENT, Rank, factors, load, place, waiting_points
from domain.sla import SlaDefined, targets_for
from processes.company import Company
from processes.floor import Floor, Item, OpenCase, Shift, waited_s
from processes.office import Office
from processes.tiers import Tiers

MAX_OFFERS = 50
"""How much is offered at a time; what is left is offered with what happens next."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Centre:
    """What there is to know of the contact centre: the floor, the people, the open hours, the tiers and what is promised."""

    floor: Floor = field(default_factory=Floor)
    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)
    tiers: Tiers = field(default_factory=Tiers)
    slas: dict[str, dict[int, SlaDefined]] = field(default_factory=dict)


def parts_of(item: Item, now: datetime, centre: Centre) -> dict[str, int]:
    """What the score of something is made of, but for waiting, by name."""
    case = case_of(item, centre)
    priority = (case.priority if case is not None else None) or item.queued.priority
    pressing_at = presses_from(item, centre)
    little_left = pressing_at is not None and now >= pressing_at
    return factors(priority, centre.tiers.of(item.customer_id), little_left=little_left)


def rank(item: Item, now: datetime, centre: Centre) -> Rank:
    """What to sort by: the highest score first, and of equals what waits longest."""
    score = sum(parts_of(item, now, centre).values()) + waiting_points(item.channel, waited_s(item, now))
    return place(score, item.waiting_since, item.work_item_id)


def presses_from(item: Item, centre: Centre) -> datetime | None:
    """The first second in which less than `SLA_LEFT_PERCENT` of the time is left in which its case was promised something.

    None if nothing is promised. It is business time, of all that the version of the SLA allows, not of what was left when
    the target was set anew.
    """
    case = case_of(item, centre)
    if case is None or case.next_target is None:
        return None
    target, set_at = case.next_target
    definition = centre.slas.get(target.sla, {}).get(target.sla_version)
    key = definition.business_calendar if definition is not None else None
    tiers = centre.tiers.of(item.customer_id)
    told = target, set_at, case.priority, tiers, definition, centre.office.calendar(key)
    if case.pressing is None or case.pressing[0] != told:
        left_s = centre.office.between(set_at, target.due_at, key)
        allowed_s = left_s if definition is None else allowed(definition, target, item, case, tiers)
        until_little_s = left_s - allowed_s * SLA_LEFT_PERCENT // 100
        later = set_at if until_little_s < 0 else centre.office.after(set_at, until_little_s, key) + SECOND
        case.pressing = told, later
    return case.pressing[1]


def allowed(definition: SlaDefined, target: SlaTargetSet, item: Item, case: OpenCase, tiers: Iterable[str]) -> int:
    """In how many seconds of business time a target was promised in all."""
    priority = case.priority or item.queued.priority
    found = [targets_for(definition, priority, each) for each in tiers] or [targets_for(definition, priority, None)]
    return min(found)[0 if target.milestone.value == "FIRST_RESPONSE" else 1]


def case_of(item: Item, centre: Centre) -> OpenCase | None:
    """The open case that it is about."""
    return centre.floor.cases.get(item.queued.case_id) if item.queued.case_id is not None else None


def matches(now: datetime, centre: Centre, released: Item | None = None) -> Iterator[tuple[Item, UUID]]:
    """What is to be offered to whom, the most pressing first; `released` waits again, though it is still offered."""
    floor, there = centre.floor, centre.floor.there()
    loads = floor.loads()
    if released is not None:
        holder = floor.items[released.work_item_id].staff_id
        if holder in loads:
            loads[holder] -= load(released.channel)
    room = {staff_id: capacity(shift, centre.company) - loads.get(staff_id, 0) for staff_id, shift in there.items()}
    free = [
        each for each in there.values() if each.status is AgentStatus.AVAILABLE and room[each.staff_id] >= OTHER_LOAD
    ]
    if not free:
        return
    waiting = [each for each in floor.waiting() if each.callback_at is None or each.callback_at <= now]
    if released is not None:
        waiting.append(released)
    offers = 0
    for item in sorted(waiting, key=lambda each: rank(each, now, centre)):
        staff_id = taker(item, free, room, centre)
        if staff_id is None:
            continue
        yield item, staff_id
        offers += 1
        room[staff_id] -= load(item.channel)
        if room[staff_id] < OTHER_LOAD:
            free = [each for each in free if each.staff_id != staff_id]
        if offers == MAX_OFFERS or not free:
            return


def taker(item: Item, free: Iterable[Shift], room: Mapping[UUID, int], centre: Centre) -> UUID | None:
    """Who is offered something: who speaks its language, can do it best, has most room, and was offered nothing for longest."""
    company, skill, takes = centre.company, item.queued.skill, load(item.channel)

    def fit(shift: Shift) -> tuple[bool, int, int, datetime, UUID]:
        strange = item.queued.language is not None and not company.speaks(shift.staff_id, item.queued.language)
        last = centre.floor.offered_at.get(shift.staff_id, LONG_AGO)
        return strange, -company.level(shift.staff_id, skill), -room[shift.staff_id], last, shift.staff_id

    able = [
        each
        for each in free
        if room[each.staff_id] >= takes
        and (not each.queues or item.queue in each.queues)
        and each.staff_id not in item.passed
        and (skill is None or company.level(each.staff_id, skill) > 0)
    ]
    return min(able, key=fit).staff_id if able else None


def capacity(shift: Shift, company: Company) -> int:
    """How much somebody can have at once: as they said when they began, as was said of them, or as everybody."""
    said = shift.capacity if shift.capacity is not None else company.capacity(shift.staff_id)
    return FULL_CAPACITY if said is None else said
