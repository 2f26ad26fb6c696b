"""Opportunity hygiene: what lies too long at its stage, in silence or past its close date is looked at, or counted on no more.

Whoever has it gets a task as soon as one of these is so, and their manager a week later, unless it moved to another stage
or somebody spoke with the customer meanwhile. Thirty days after its close date it is left out of the forecast. That it is
stale is what the list of stale opportunities shows.

Nothing is looked for day by day: each stage that it comes to promises its limit, each close date its end, and each time
that it is opened the check of silence, which is put off as long as people speak.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.deal import ForecastCategory, OpportunityCloseDateMoved, SetForecastCategory
from domain.follow_up import Action, ActionKind, CancelFollowUp, PostponeFollowUp
from domain.interaction import InteractionLogged, InteractionStarted, MessageReceived, MessageSent
from domain.kernel import Command, derived
from domain.opportunity import (
    OpportunityAssigned,
    OpportunityCustomerIdentified,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
)
from domain.pipeline import DEFAULT, PipelineDefined, PipelineStage
from domain.rules import Rules
from eventstore.envelope import Recorded
from processes.calendar import Calendar, Days
from processes.policy import Policy, Subject, cancel, done, occasion
from processes.sales_floor import Floor, learns_floor
from processes.staff_words import WORDS
from processes.telling import BY_ITSELF, any_of, until
from projections.selling.stale import CONTACTS, MAX_SILENT_DAYS
from projections.touchpoints.due import Due

STAGE, SILENCE, CLOSING, OMIT = "stage", "silence", "closing", "omit"
MANAGER = "manager"
"""What comes after a step, for the step that is the manager's."""
MANAGER_AFTER_DAYS = 7
OMITTED_AFTER_DAYS = 30
"""Days after the close date."""

TASKS = MappingProxyType(
    {
        STAGE: "opportunity_stage",
        SILENCE: "opportunity_silence",
        CLOSING: "opportunity_close_date",
    }
)
NOTICE = "opportunity_stale"
"""What is said, in `processes.staff_words`."""

Stages = dict[tuple[str, int], tuple[PipelineStage, ...]]


@dataclass(slots=True)
class Shared(Floor):
    """The company, and the stages of every version of each pipeline."""

    pipelines: Stages = field(default_factory=lambda: {(DEFAULT.key, 1): DEFAULT.stages})

    def max_days(self, pipeline: str, version: int, stage: str | None) -> int | None:
        """How many days an opportunity may be at a stage, or at the first one; None if as many as it likes."""
        stages = self.pipelines.get((pipeline, version), ())
        return next((each.max_days for each in stages if stage in (None, each.key)), None)


@dataclass(slots=True)
class Known:
    """How an opportunity stands: since when at its stage, until when to be closed, and when somebody spoke last.

    `begun`, `entered` and `dated` are the events that set off the checks of silence, of the stage and of the close date;
    of each the last one counts.
    """

    shared: Shared
    pipeline: str = DEFAULT.key
    version: int = 1
    stage: str | None = None
    staff_id: UUID | None = None
    close_on: date | None = None
    begun: list[UUID] = field(default_factory=list)
    entered: list[UUID] = field(default_factory=list)
    dated: list[UUID] = field(default_factory=list)
    since: datetime | None = None
    spoke: datetime | None = None
    has_customer: bool = False
    over: str | None = None

    @property
    def limit(self) -> datetime | None:
        """Until when it may be at its stage."""
        days = self.shared.max_days(self.pipeline, self.version, self.stage)
        return self.after(self.since, days) if days is not None and self.since is not None else None

    def after(self, moment: datetime, days: int) -> datetime:
        """So many days later, where the office is."""
        return Calendar(self.shared.office.calendar().timezone).after(moment, Days(days))

    def past(self, days: int) -> datetime | None:
        """When so many days have passed since the close date, where the office is."""
        if self.close_on is None:
            return None
        zone = ZoneInfo(self.shared.office.calendar().timezone)
        return datetime.combine(self.close_on + timedelta(days=days), time(), zone).astimezone(UTC)


LIMITS = ", ".join(f"{each.max_days} in {each.key}" for each in DEFAULT.stages if each.max_days is not None)
RULES = Rules(
    triggers=any_of(OpportunityOpened, OpportunityReopened, OpportunityStageChanged, OpportunityCloseDateMoved),
    delay=until(
        f"it has been at its stage for the days that the pipeline allows ({LIMITS}), nobody spoke with the customer for "
        f"{MAX_SILENT_DAYS} days, or its close date has passed"
    ),
    action=replace(BY_ITSELF, subject=WORDS[TASKS[STAGE]]["en"]),
    cancelled_by=any_of(OpportunityStageChanged, OpportunityCloseDateMoved, OpportunityWon, OpportunityLost),
    note=(
        f"Whoever has it has a task, and {MANAGER_AFTER_DAYS} days later their manager, if nothing happened; "
        f"{OMITTED_AFTER_DAYS} days after its close date it is left out of the forecast."
    ),
)

policy = Policy(
    "opportunity-hygiene",
    version=1,
    memory=Known,
    subject=Subject.NOUN,
    shared=Shared,
    with_customer=CONTACTS,
    rules=RULES,
)
learns_floor(policy)


@policy.learn(PipelineDefined)
def staged(shared: Shared, defined: PipelineDefined, at: Recorded) -> None:
    shared.pipelines[defined.key, defined.version] = defined.stages


@policy.remember(OpportunityOpened)
def opened(known: Known, event: OpportunityOpened, at: Recorded) -> None:
    known.pipeline, known.version, known.stage = event.pipeline, event.pipeline_version, event.stage
    known.staff_id, known.close_on, known.has_customer = event.staff_id, event.close_on, event.customer_id is not None
    begin(known, at)


@policy.remember(OpportunityStageChanged)
def moved(known: Known, event: OpportunityStageChanged, at: Recorded) -> None:
    known.version, known.stage = event.pipeline_version, event.stage
    known.entered.append(occasion(at))
    known.since = at.occurred_at


@policy.remember(OpportunityReopened)
def reopened(known: Known, event: OpportunityReopened, at: Recorded) -> None:
    known.stage, known.over = event.stage, None
    begin(known, at)


@policy.remember(OpportunityCloseDateMoved)
def dated(known: Known, event: OpportunityCloseDateMoved, at: Recorded) -> None:
    known.close_on = event.close_on
    known.dated.append(occasion(at))


@policy.remember(OpportunityAssigned)
def assigned(known: Known, event: OpportunityAssigned, at: Recorded) -> None:
    known.staff_id = event.staff_id


@policy.remember(OpportunityCustomerIdentified)
def identified(known: Known, event: OpportunityCustomerIdentified, at: Recorded) -> None:
    known.has_customer = True
    known.spoke = later(known.spoke, at.occurred_at)


@policy.remember(*CONTACTS)
def spoke(
    known: Known, event: InteractionLogged | InteractionStarted | MessageReceived | MessageSent, at: Recorded
) -> None:
    known.spoke = later(known.spoke, at.occurred_at)


@policy.remember(OpportunityWon, OpportunityLost)
def ended(known: Known, event: OpportunityWon | OpportunityLost, at: Recorded) -> None:
    known.over = "WON" if isinstance(event, OpportunityWon) else "LOST"


def begin(known: Known, at: Recorded) -> None:
    """Everything is counted from an event on."""
    for each in (known.begun, known.entered, known.dated):
        each.append(occasion(at))
    known.since = at.occurred_at
    known.spoke = later(known.spoke, at.occurred_at)


# What is done when something happens.


@policy.trigger(OpportunityOpened, OpportunityReopened)
def watch(event: OpportunityOpened | OpportunityReopened, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(
        at, SILENCE, acting(at.stream_id), known.after(at.occurred_at, MAX_SILENT_DAYS), trigger=known.begun[-1]
    )
    yield from watch_stage(at, known)
    yield from watch_close_date(at, known)


@policy.trigger(OpportunityStageChanged)
def go_on(event: OpportunityStageChanged, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("STAGE_CHANGED", *of_stage(known, -2), *of_managers(known))
    yield from watch_stage(at, known)


@policy.trigger(OpportunityCloseDateMoved)
def put_off(event: OpportunityCloseDateMoved, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("CLOSE_DATE_MOVED", *of_close_date(known, -2))
    yield from watch_close_date(at, known)


@policy.on(OpportunityWon, OpportunityLost)
def leave_alone(event: OpportunityWon | OpportunityLost, at: Recorded, known: Known) -> Iterator[Command]:
    if known.over is not None:
        begun = (policy.follow_up_id(each, SILENCE) for each in known.begun[-1:])
        yield from cancel(known.over, *begun, *of_stage(known, -1), *of_close_date(known, -1), *of_managers(known))


def watch_stage(at: Recorded, known: Known) -> Iterator[Command]:
    """Promises the end of the time that it may be at its stage."""
    if (limit := known.limit) is None:
        yield policy.pass_over(at, "NO_LIMIT", STAGE, known.entered[-1])
    else:
        yield policy.promise(at, STAGE, acting(at.stream_id), limit, trigger=known.entered[-1])


def watch_close_date(at: Recorded, known: Known) -> Iterator[Command]:
    """Promises what is to be done once the close date has passed, if there is one."""
    for step, days in ((CLOSING, 1), (OMIT, OMITTED_AFTER_DAYS)):
        if (due_at := known.past(days)) is not None:
            yield policy.promise(at, step, acting(at.stream_id), due_at, trigger=known.dated[-1])


# What is done when a follow-up is due.


@policy.due
def check(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    if reason := known.over or superseded(due, known):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason=reason)
    elif due.step == OMIT:
        assert due.about is not None
        yield SetForecastCategory(opportunity_id=due.about, category=ForecastCategory.OMITTED)
        yield done(due, "OMITTED")
    elif due.step == SILENCE:
        yield from check_silence(due, now, known)
    elif due.step in TASKS:
        yield from tell_owner(due, now, known)
        yield done(due, "TASK")
    else:
        yield from tell_manager(due, now, known)


def superseded(due: Due, known: Known) -> str | None:
    """Why a follow-up of before counts no longer, as a code."""
    if due.step.startswith(STAGE) and due.trigger not in known.entered[-1:]:
        return "STAGE_CHANGED"
    if due.step.startswith((CLOSING, OMIT)) and due.trigger not in known.dated[-1:]:
        return "CLOSE_DATE_MOVED"
    return None


def check_silence(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """Puts the check off: until there is a customer to speak with, until two weeks after somebody did, or if it was silent.

    Whoever has it is told once of each silence, and not if they are told just now that it is at its stage for too long.
    """
    assert due.due_at is not None
    silent_at = known.after(known.spoke or now, MAX_SILENT_DAYS)
    next_at, why = known.after(now, MAX_SILENT_DAYS), "STILL_SILENT"
    if not known.has_customer:
        why = "NO_CUSTOMER"
    elif silent_at > now:
        next_at, why = silent_at, "CONTACTED"
    elif known.limit is not None and known.limit <= now:
        why = "STAGE_TOO_LONG"
    elif due.due_at <= silent_at:
        yield from tell_owner(due, now, known)
        why = "TASK"
    yield PostponeFollowUp(follow_up_id=due.follow_up_id, due_at=next_at, reason=why)


def tell_owner(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """A task for whoever has it, or else for a manager, and the promise to look whether that helped."""
    assert due.about is not None
    whose = known.staff_id or known.shared.manager_of(None)
    trigger = silence(known) if due.step == SILENCE else due.trigger
    yield known.shared.task(due, now, TASKS[due.step], whose, "opportunity", occasion=trigger)
    yield policy.promise_next(
        due, f"{due.step}-{MANAGER}", acting(due.about), known.after(now, MANAGER_AFTER_DAYS), trigger=trigger
    )


def tell_manager(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    """A task for the manager, unless something happened since whoever has it was told."""
    assert due.wanted_at is not None
    told = known.after(due.wanted_at, -MANAGER_AFTER_DAYS)
    manager = known.shared.manager_of(known.staff_id)
    if known.since is not None and known.since > told:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="STAGE_CHANGED")
    elif known.spoke is not None and told < (
        known.after(known.spoke, MAX_SILENT_DAYS) if due.step.startswith(SILENCE) else known.spoke
    ):
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="CONTACTED")
    elif manager is None:
        yield policy.suppress(due, "NO_MANAGER")
    else:
        yield known.shared.task(due, now, NOTICE, manager, "opportunity")
        yield done(due, "MANAGER_TOLD")


# By what the follow-ups are known.


def of_stage(known: Known, which: int) -> list[UUID]:
    """Those of the last time that it came to a stage, or of the time before."""
    entered = known.entered[which:][:1] if len(known.entered) >= -which else []
    return [policy.follow_up_id(each, step) for each in entered for step in (STAGE, f"{STAGE}-{MANAGER}")]


def of_close_date(known: Known, which: int) -> list[UUID]:
    """Those of the last close date, or of the one before."""
    dated = known.dated[which:][:1] if len(known.dated) >= -which else []
    return [policy.follow_up_id(each, step) for each in dated for step in (CLOSING, f"{CLOSING}-{MANAGER}", OMIT)]


def of_managers(known: Known) -> list[UUID]:
    """What is promised to the manager because of the last close date, or the last silence."""
    dated = [policy.follow_up_id(each, f"{CLOSING}-{MANAGER}") for each in known.dated[-1:]]
    return [*dated, policy.follow_up_id(silence(known), f"{SILENCE}-{MANAGER}")]


def silence(known: Known) -> UUID:
    """What a silence is known by: since when nobody spoke."""
    return derived("silence", *known.begun[-1:], known.spoke.isoformat() if known.spoke is not None else "")


def acting(opportunity_id: UUID) -> Action:
    """Something that the policy does itself."""
    return Action(kind=ActionKind.ACT, about=opportunity_id)


def later(one: datetime | None, other: datetime) -> datetime:
    """The later of two moments, if there are two."""
    return other if one is None else max(one, other)
