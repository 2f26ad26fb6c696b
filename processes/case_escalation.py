"""Escalation: who has a case is warned, and one that was missed climbs to the team lead, the head of service, management.

Cases that stay unresolved for more than `UNRESOLVED_DAYS` business days are in the digest of every business day.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.activity import ActivityKind, ActivityScheduled, ScheduleActivity
from domain.case import EscalateCase, NotifyManagement
from domain.case_events import (
    CaseClosed,
    CaseOpened,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseWaitingOnCustomer,
    FirstResponseSent,
)
from domain.case_sla import SlaBreached, SlaMilestone, SlaWarned
from domain.follow_up import Action, ActionKind, CancelFollowUp, PostponeFollowUp
from domain.kernel import Command, derived
from domain.rules import Rules
from domain.sla import DEFAULT, SlaDefined
from domain.staff import StaffRole
from eventstore.envelope import Origin, Recorded
from processes.company import Company, learns_company
from processes.office import Office, learns_office
from processes.owners import task
from processes.policy import Policy, Subject, cancel, done, occasion
from processes.service_levels import CaseClock, learns_service_levels, remembers_clock, streams_of_case
from processes.staff_words import language_of, listed
from processes.staff_words import said as in_words
from processes.staff_words import told as tell
from processes.telling import AT_ONCE, BY_ITSELF, any_of, percent
from processes.tiers import Tiers, learns_tiers
from processes.wording import day_in
from projections.touchpoints.due import Due

CLIMBS_AFTER = {1: Fraction(1), 2: Fraction(3, 2), 3: Fraction(2)}
"""The shares of the time that was promised after which a case comes to each level."""
LEADS, MANAGEMENT = 1, 3
UNRESOLVED_DAYS = 5
DIGEST_UNTIL = time(18)
MAX_CLOSED = timedelta(days=60)
"""More days than any company stays closed in a row."""

LEVELS = {f"level-{level}": level for level in CLIMBS_AFTER}
DIGEST = "digest"
CASES_ROOM = 120
"""Characters for the names of cases in a task; of those for whom there is no room it says how many there are."""


@dataclass(slots=True)
class Service:
    """What all cases share: the people, when they work, what is promised, and to whom more is.

    `unresolved` are the cases that wait, with since when and their numbers, and `digests` the tasks that list them.
    """

    company: Company = field(default_factory=Company)
    office: Office = field(default_factory=Office)
    tiers: Tiers = field(default_factory=Tiers)
    slas: dict[str, dict[int, SlaDefined]] = field(default_factory=dict)
    unresolved: dict[UUID, tuple[datetime, str | None]] = field(default_factory=dict)
    numbers: dict[UUID, str | None] = field(default_factory=dict)
    digests: set[UUID] = field(default_factory=set)


@dataclass(slots=True)
class Known(CaseClock):
    """A case, and the service that deals with it."""

    shared: Service


RULES = Rules(
    triggers=any_of(SlaWarned, SlaBreached, CaseOpened, CaseReopened),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(CaseWaitingOnCustomer, FirstResponseSent, CaseResolved, CaseClosed),
    note=(
        "Whoever has the case is warned; one that was missed comes to the team lead, at "
        f"{percent(CLIMBS_AFTER[2])} of the time to the head of service and at {percent(CLIMBS_AFTER[MANAGEMENT])} to "
        f"management; one that is unresolved for more than {UNRESOLVED_DAYS} business days is in a digest for management on "
        "each of them."
    ),
)

policy = Policy(
    "case-escalation", version=1, memory=Known, subject=Subject.NOUN, shared=Service, streams_of=streams_of_case,
    needs=(DEFAULT,), rules=RULES,
)  # fmt: skip
learns_company(policy)
learns_office(policy)
learns_tiers(policy)
learns_service_levels(policy)
remembers_clock(policy)


@policy.learn(CaseOpened, CaseReopened)
def waits(shared: Service, event: CaseOpened | CaseReopened, at: Recorded) -> None:
    number = event.number if isinstance(event, CaseOpened) else shared.numbers.get(at.stream_id)
    shared.numbers[at.stream_id] = number
    if at.origin == Origin.LIVE:
        shared.unresolved[at.stream_id] = at.occurred_at, number


@policy.learn(CaseResolved, CaseClosed)
def waits_no_more(shared: Service, event: CaseResolved | CaseClosed, at: Recorded) -> None:
    shared.unresolved.pop(at.stream_id, None)


@policy.learn(ActivityScheduled)
def listed_them(shared: Service, scheduled: ActivityScheduled, at: Recorded) -> None:
    if scheduled.origin_policy == policy.name:
        shared.digests.add(at.stream_id)


# What is done when something happens.


@policy.trigger(SlaWarned, about="case_id")
def promise_warning(event: SlaWarned, at: Recorded, known: Known) -> Iterator[Command]:
    step = f"warn-{event.milestone.value.lower()}"
    yield policy.promise(at, step, about(event.case_id), at.occurred_at, trigger=occasion(at))


@policy.trigger(SlaBreached, about="case_id")
def promise_climb(event: SlaBreached, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, "level-1", about(event.case_id), at.occurred_at, trigger=occasion(at))


@policy.trigger(CaseOpened, CaseReopened)
def promise_digest(event: CaseOpened | CaseReopened, at: Recorded, known: Known) -> Iterator[Command]:
    office = known.shared.office
    old_at = office.after_days(at.occurred_at, UNRESOLVED_DAYS)
    yield policy.promise(at, DIGEST, about(at.stream_id), opening_after(office, old_at), trigger=occasion(at))


@policy.on(CaseWaitingOnCustomer)
def stand_still(event: CaseWaitingOnCustomer, at: Recorded, known: Known) -> Iterator[Command]:
    yield from stop_climbing("WAITING_ON_CUSTOMER", known, SlaMilestone)


@policy.on(CaseResumed)
def go_on(event: CaseResumed, at: Recorded, known: Known) -> Iterator[Command]:
    for milestone, ladder in known.ladders.items():
        level = known.level + 1
        if known.met(milestone) is None and level <= MANAGEMENT and (when := reaches(level, milestone, known)):
            yield policy.promise(at, f"level-{level}", about(at.stream_id), when, trigger=ladder)


@policy.on(FirstResponseSent)
def answered(event: FirstResponseSent, at: Recorded, known: Known) -> Iterator[Command]:
    yield from stop_climbing("ANSWERED", known, [SlaMilestone.FIRST_RESPONSE])


@policy.on(CaseResolved, CaseClosed)
def end(event: CaseResolved | CaseClosed, at: Recorded, known: Known) -> Iterator[Command]:
    reason = "RESOLVED" if isinstance(event, CaseResolved) else "CLOSED"
    yield from stop_climbing(reason, known, SlaMilestone)
    if known.cycle is not None:
        yield from cancel(reason, policy.follow_up_id(known.cycle, DIGEST))


# What is done when it is due.


@policy.due
def keep_promise(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    if due.step == DIGEST:
        yield from digest(due, now, known)
    elif (level := LEVELS.get(due.step)) is not None:
        yield from climb(due, level, now, known)
    else:
        yield from warn(due, now, known)


def warn(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """A task for whoever has the case, or else for the team lead."""
    milestone = SlaMilestone(due.step.removeprefix("warn-").upper())
    target = known.targets.get(milestone)
    if reason := known.met(milestone) or known.stands_still or (None if target is not None else "SET_ANEW"):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
        return
    assert target is not None
    has_it = known.staff_id if known.shared.company.works_here(known.staff_id) else None
    told = has_it or next(iter(ranks(LEADS, now, known)), None)
    if told is None:
        yield policy.suppress(due, "NOBODY")
    else:
        words = say("case_due_soon", told, milestone, known)
        yield task(policy, due, words, told, target.due_at, ("case", due.about))
        yield done(due, "WARNED")


def climb(due: Due, level: int, now: datetime, known: Known) -> Iterator[Command]:
    """The case comes to a level, and the next one is promised; at the last one, management is told."""
    milestone = next((each for each, ladder in known.ladders.items() if ladder == due.trigger), None)
    reason = known.stands_still if milestone is None else known.met(milestone) or known.stands_still
    if milestone is None or reason is not None:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason or "SET_ANEW")
        return
    outcome = f"LEVEL_{level}"
    if known.level >= level:
        outcome = "ALREADY_THERE"
    else:
        told = next(iter(ranks(level, now, known)), None)
        words = say("case_missed", told, milestone, known)
        yield EscalateCase(case_id=case_of(due), level=level, staff_id=told, reason=words)
        if told is None:
            outcome = "NOBODY"
        else:
            yield task(policy, due, words, told, known.shared.office.after_days(now, 0), ("case", due.about))
    if level == MANAGEMENT:
        for each in known.shared.company.with_role(StaffRole.DIRECTOR):
            yield NotifyManagement(case_id=case_of(due), staff_id=each, level=MANAGEMENT)
    elif (when := reaches(level + 1, milestone, known)) is not None:
        yield policy.promise_next(due, f"level-{level + 1}", about(case_of(due)), when)
    yield done(due, outcome)


def digest(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Management is told that the case is not resolved, in one task a day for all such cases; again on the next day."""
    if reason := known.over:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
        return
    company, office = known.shared.company, known.shared.office
    day = now.astimezone(ZoneInfo(office.calendar().timezone)).date()
    directors = company.with_role(StaffRole.DIRECTOR)
    for each in directors:
        activity_id = derived("activity", policy.name, day, each)
        if activity_id not in known.shared.digests:
            yield ScheduleActivity(
                activity_id=activity_id,
                kind=ActivityKind.TASK,
                subject=listing(each, day, now, known.shared),
                staff_id=each,
                due_at=office.after_days(now, 0, at=DIGEST_UNTIL),
                origin_policy=policy.name,
            )
        yield NotifyManagement(case_id=case_of(due), staff_id=each, level=MANAGEMENT)
    later = opening_after(office, now)
    yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=later, reason="IN_DIGEST" if directors else "NOBODY")


def listing(staff_id: UUID, day: date, now: datetime, service: Service) -> str:
    """The cases that are in the digest of a day, those first that have been open for longest, in somebody's language."""
    language = language_of(service.company, staff_id)
    old = sorted(
        (since, number or str(id)[:8])
        for id, (since, number) in service.unresolved.items()
        if service.office.after_days(since, UNRESOLVED_DAYS) < now
    )
    count = in_words(language, "one_case" if len(old) == 1 else "cases", count=len(old))
    cases = listed(language, [number for _, number in old], CASES_ROOM)
    said = {"count": count, "days": UNRESOLVED_DAYS, "day": day_in(language, day), "cases": cases}
    return tell(service.company, staff_id, "digest", **said)


# Who is told, and when.


def ranks(level: int, now: datetime, known: Known) -> Iterator[UUID]:
    """Whom a case comes to at a level, the best first; those who are away only if all are."""
    company = known.shared.company
    found = dict.fromkeys(each for each in _ranks(level, known) if company.works_here(each))
    yield from (each for each in found if not company.is_absent(each, now))
    yield from (each for each in found if company.is_absent(each, now))


def _ranks(level: int, known: Known) -> Iterator[UUID]:
    company = known.shared.company
    if level == MANAGEMENT:
        yield from company.with_role(StaffRole.DIRECTOR)
        return
    if level == LEADS:
        team = company.teams.get(known.team_id) if known.team_id is not None else None
        if team is not None and team.defined is not None and team.defined.manager_id is not None:
            yield team.defined.manager_id
        if known.staff_id is not None and (lead := company.manager_of(known.staff_id)) is not None:
            yield lead
    service = company.with_role(StaffRole.SERVICE_MANAGER)
    heads = [each for each in service if not set(company.managers_of(each)) & set(service)]
    yield from heads


def reaches(level: int, milestone: SlaMilestone, known: Known) -> datetime | None:
    """When a case comes to a level, if it is not answered, or resolved, until then; None while its clock stands still."""
    definition = known.definition(milestone)
    return known.when(int(known.allowed_s(definition, milestone) * CLIMBS_AFTER[level]), definition)


def opening_after(office: Office, moment: datetime) -> datetime:
    """The first moment after another at which the company opens."""
    return next(each.start for each in office.spans(moment, moment + MAX_CLOSED) if each.start > moment)


def stop_climbing(reason: str, known: Known, milestones: Iterable[SlaMilestone]) -> Iterator[Command]:
    """Takes back what the escalation of these milestones has still to do."""
    for milestone in milestones:
        if (ladder := known.ladders.get(milestone)) is not None:
            yield from cancel(reason, *(policy.follow_up_id(ladder, step) for step in LEVELS))


def say(words: str, told: UUID | None, milestone: SlaMilestone, known: Known) -> str:
    """What somebody is told of a milestone of the case, which is called by its number, if it has one."""
    company, number = known.shared.company, known.opened.number if known.opened is not None else None
    what = in_words(language_of(company, told), milestone.value.lower())
    return tell(company, told, words if number else f"a_{words}", number=number, milestone=what)


def about(case_id: UUID) -> Action:
    """Something that the policy does itself about a case."""
    return Action(kind=ActionKind.ACT, about=case_id)


def case_of(due: Due) -> UUID:
    """The case that a follow-up is about."""
    assert due.about is not None
    return due.about
