"""Benefit authorisation: what an agent asks for is allowed at once if the rule allows it, and else decided by somebody.

The rule is that of the screen pop (`projections.customers.eligibility`), and what is allowed cites the digest of what the
rule was given. A benefit that there is no more of, as a stock of that code says, is never allowed by rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from dateutil.relativedelta import relativedelta

from domain.activity import ActivityCompleted, ActivityReassigned, ActivityScheduled
from domain.benefit import (
    AuthoriseBenefit,
    BenefitAuthorised,
    BenefitDenied,
    BenefitRequested,
    DenyBenefit,
)
from domain.follow_up import Action, ActionKind, CancelFollowUp
from domain.kernel import Command
from domain.programme import DEFAULT
from domain.rules import Rules
from eventstore.envelope import Recorded
from processes.cases import Matters, remembers_cases
from processes.company import Company, learns_company
from processes.contact import Contact, remembers
from processes.goods import Goods, learns_goods
from processes.memberships import Membership, Programmes, learns_programmes, remembers_members
from processes.office import Office, learns_office
from processes.owners import remembers_owner, supervisor, task
from processes.policy import Policy, cancel, done
from processes.sales import Sales, learns_sales
from processes.staff_words import told
from processes.telling import AT_ONCE, BY_ITSELF, any_of, spelled
from projections.customers.eligibility import (
    BENEFIT_MONTHS,
    BENEFIT_RULE,
    BENEFIT_RULE_VERSION,
    FAILURE_DAYS,
    LEAST_TIER_RANK,
    MAX_BENEFITS,
    TOP_SHARE_PERCENT,
    BenefitInputs,
    eligibility,
    rank_of,
)
from projections.touchpoints.due import Due

DECIDE_WITHIN_S = 4 * 60 * 60
"""Seconds of business time that somebody has to decide."""
APPROVED, DENIED = "APPROVED", "DENIED"
"""The outcomes of the task with which the benefit is allowed, and refused."""

RULE, ANSWER = "rule", "answer"


@dataclass(slots=True)
class Background:
    """What all memories share."""

    company: Company = field(default_factory=Company)
    goods: Goods = field(default_factory=Goods)
    matters: Matters = field(default_factory=Matters)
    office: Office = field(default_factory=Office)
    programmes: Programmes = field(default_factory=Programmes)
    sales: Sales = field(default_factory=Sales)


@dataclass(slots=True)
class Requested:
    """A benefit that was asked for, when it was authorised, and whether it was denied."""

    benefit: str
    authorised_at: datetime | None = None
    denied: bool = False

    @property
    def settled(self) -> bool:
        """Whether somebody, or the rule, said something to it."""
        return self.denied or self.authorised_at is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who was asked to decide about a benefit."""

    benefit_id: UUID
    staff_id: UUID | None


@dataclass(slots=True)
class Known:
    """What there is to know of a customer before they are given something."""

    background: Background
    contact: Contact = field(default_factory=Contact)
    accounts: dict[UUID, Membership] = field(default_factory=dict)
    cases: dict[UUID, UUID | None] = field(default_factory=dict)
    benefits: dict[UUID, Requested] = field(default_factory=dict)
    asked: dict[UUID, Asked] = field(default_factory=dict)
    manager: UUID | None = None


RULES = Rules(
    triggers=any_of(BenefitRequested),
    delay=AT_ONCE,
    action=BY_ITSELF,
    cancelled_by=any_of(BenefitAuthorised, BenefitDenied),
    note=(
        f"Authorised if there is any left, for {DEFAULT.tiers[LEAST_TIER_RANK].label['en']} or above among the best "
        f"{TOP_SHARE_PERCENT} % by revenue, or after a complaint or an incident that is open and no older than "
        f"{FAILURE_DAYS} days, and with this one no more than {MAX_BENEFITS} in {BENEFIT_MONTHS} months; else a supervisor "
        f"has a task to decide within {spelled(DECIDE_WITHIN_S)} of office time, and their answer is what counts."
    ),
)

policy = Policy("benefit-authorisation", version=1, memory=Known, shared=Background, rules=RULES)
remembers(policy)
remembers_cases(policy)
remembers_members(policy)
remembers_owner(policy)
learns_company(policy)
learns_goods(policy)
learns_office(policy)
learns_programmes(policy)
learns_sales(policy)


@policy.remember(BenefitRequested)
def was_requested(known: Known, requested: BenefitRequested, at: Recorded) -> None:
    known.benefits[at.stream_id] = Requested(requested.benefit)


@policy.remember(BenefitAuthorised, BenefitDenied)
def was_settled(known: Known, event: BenefitAuthorised | BenefitDenied, at: Recorded) -> None:
    if (benefit := known.benefits.get(at.stream_id)) is None:
        return
    if isinstance(event, BenefitAuthorised):
        benefit.authorised_at = at.occurred_at
    else:
        benefit.denied = True


@policy.remember(ActivityScheduled)
def was_asked(known: Known, scheduled: ActivityScheduled, at: Recorded) -> None:
    if scheduled.origin_policy == policy.name and scheduled.related_id is not None:
        known.asked[at.stream_id] = Asked(scheduled.related_id, scheduled.staff_id)


@policy.remember(ActivityReassigned)
def is_asked_instead(known: Known, reassigned: ActivityReassigned, at: Recorded) -> None:
    if at.stream_id in known.asked:
        known.asked[at.stream_id] = Asked(known.asked[at.stream_id].benefit_id, reassigned.staff_id)


# What is done when something happens.


@policy.trigger(BenefitRequested)
def promise(requested: BenefitRequested, at: Recorded, known: Known) -> Iterator[Command]:
    yield policy.promise(at, RULE, Action(kind=ActionKind.ACT, about=at.stream_id), at.occurred_at)


@policy.on(BenefitAuthorised, BenefitDenied)
def leave_alone(event: BenefitAuthorised | BenefitDenied, at: Recorded, known: Known) -> Iterator[Command]:
    yield from cancel("DECIDED_BY_HAND", policy.follow_up_id(at.stream_id, RULE))


@policy.on(ActivityCompleted)
def take_answer(completed: ActivityCompleted, at: Recorded, known: Known) -> Iterator[Command]:
    if at.stream_id in known.asked and completed.outcome in (APPROVED, DENIED):
        action = Action(kind=ActionKind.ACT, about=known.asked[at.stream_id].benefit_id)
        yield policy.promise(at, f"{ANSWER}-{completed.outcome.lower()}", action, at.occurred_at)


# What is done when a follow-up is due.


@policy.due
def decide(due: Due, now: datetime, known: Known) -> Iterator[Command]:
    assert due.about is not None
    benefit = known.benefits.get(due.about)
    if benefit is None or benefit.settled:
        yield CancelFollowUp(follow_up_id=due.follow_up_id, reason="DECIDED_BY_HAND")
    elif due.step == RULE:
        yield from by_rule(due, now, benefit, known)
    elif due.step == f"{ANSWER}-{DENIED.lower()}":
        yield DenyBenefit(benefit_id=due.about, reason="NOT_APPROVED")
        yield done(due, "DENIED")
    else:
        assert due.trigger is not None
        approver = known.asked[due.trigger].staff_id
        if approver is None:
            yield policy.suppress(due, "NO_APPROVER")
            return
        digest = eligibility(inputs(due.customer_id, now, known)).inputs_digest
        yield authorising(due.about, digest, approver)
        yield done(due, "APPROVED")


def by_rule(due: Due, now: datetime, benefit: Requested, known: Known) -> Iterator[Command]:
    """Allows the benefit, or asks somebody who may."""
    assert due.about is not None
    found, stock = eligibility(inputs(due.customer_id, now, known)), known.background.goods.available(benefit.benefit)
    if found.eligible and (stock is None or stock > 0):
        yield authorising(due.about, found.inputs_digest, None)
        yield done(due, "AUTHORISED")
        return
    staff_id = supervisor(known.background.company, known)
    subject = told(
        known.background.company,
        staff_id,
        "benefit_stock" if found.eligible else "benefit",
        benefit=benefit.benefit,
        approved=APPROVED,
        denied=DENIED,
        stock=stock,
        why=" ".join(found.reasons),
        tier=found.inputs.tier or "–",
        share=found.inputs.top_share or "–",
        failures=found.inputs.failures,
        benefits=found.inputs.benefits,
    )
    until = known.background.office.after(now, DECIDE_WITHIN_S)
    yield task(policy, due, subject, staff_id, until, ("benefit", due.about))
    yield done(due, "ASKED_SUPERVISOR")


def inputs(customer_id: UUID | None, now: datetime, known: Known) -> BenefitInputs:
    """What the rule is given, as the screen pop has it."""
    members = [each for each in known.accounts.items() if not each[1].left]
    account = max(members, key=lambda each: (each[1].enrolled_at, each[0]))[1] if members else None
    rules = None if account is None else account.rules(known.background.programmes)
    since = now - relativedelta(months=BENEFIT_MONTHS)
    given = [each.authorised_at for each in known.benefits.values() if each.authorised_at and not each.denied]
    return BenefitInputs(
        tier=None if account is None else account.tier,
        tier_rank=None if account is None or rules is None else rank_of(account.tier, [t.key for t in rules.tiers]),
        top_share=known.background.sales.top_share(customer_id),
        failures=known.background.matters.failures(known.cases, now, timedelta(days=FAILURE_DAYS)),
        benefits=sum(at >= since for at in given),
    )


def authorising(benefit_id: UUID, digest: str, approver: UUID | None) -> AuthoriseBenefit:
    """To allow a benefit by the rule as it is."""
    return AuthoriseBenefit(
        benefit_id=benefit_id,
        rule=BENEFIT_RULE,
        rule_version=BENEFIT_RULE_VERSION,
        inputs_digest=digest,
        approver=approver,
    )
