"""Random histories of service: calls, work items, shifts, clocks, contacts and surveys, some of which will be refused."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from domain.agent_shift import AgentStatus, ChangeAgentStatus, SignInAgent, SignOutAgent
from domain.call import (
    AnswerCall,
    CompleteWrapUp,
    EndCall,
    HoldCall,
    IdentifyCaller,
    ResumeCall,
    RingCall,
    TransferCall,
)
from domain.case import (
    AssignCase,
    ChangeCasePriority,
    CloseCase,
    EscalateCase,
    OpenCase,
    RecordFirstResponse,
    ReopenCase,
    ResolveCase,
    ResumeCase,
    WaitOnCustomer,
)
from domain.case_events import CasePriority, CaseType
from domain.case_sla import BreachSla, SetSlaTarget, SlaMilestone, WarnSla
from domain.interaction import (
    Direction,
    EndInteraction,
    LogInteraction,
    ReattributeInteraction,
    ReceiveMessage,
    SendMessage,
    StartInteraction,
    SummariseInteraction,
)
from domain.invitation import AnswerSurvey, DeclineSurvey, ExpireInvitation, RemindInvitation, SendInvitation
from domain.kernel import Command, derived
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.survey import POST_PURCHASE, PublishSurvey, RetireSurvey
from domain.values import Channel
from domain.work_item import (
    AbandonWorkItem,
    AcceptWorkItem,
    CompleteWorkItem,
    DeclineWorkItem,
    OfferWorkItem,
    QueueWorkItem,
    RequestCallback,
    TransferWorkItem,
)

START = datetime(2026, 3, 28, 22, tzinfo=UTC)
"""Three hours before the clocks go forward in Madrid."""

moments = st.integers(0, 8 * 3600).map(lambda s: START + timedelta(seconds=s))
"""Moments of a night; several things happen in every quarter of an hour."""
customers = st.integers(1, 3).map(lambda n: derived("customer", n))
staff = st.integers(1, 2).map(lambda n: derived("staff", n))
items = st.integers(1, 4).map(lambda n: derived("work_item", n))
phones = st.integers(1, 4).map(lambda n: derived("call", n))
shifts = st.integers(1, 3).map(lambda n: derived("agent_shift", n))
cases = st.integers(1, 3).map(lambda n: derived("case", n))
contacts = st.integers(1, 3).map(lambda n: derived("interaction", n))
invitations = st.integers(1, 4).map(lambda n: derived("invitation", n))
campaigns = st.integers(1, 2).map(lambda n: derived("campaign", n))
queues = st.sampled_from(["L1", "L2"])
seconds = st.none() | st.integers(0, 300)
channels = st.sampled_from([Channel.PHONE, Channel.CHAT, Channel.EMAIL, Channel.FAX])
milestones = st.sampled_from(list(SlaMilestone))

merging: st.SearchStrategy[Command] = st.builds(
    MergeCustomers, customer_id=customers, survivor_id=customers
) | st.builds(UnmergeCustomers, customer_id=customers)
queueing: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        QueueWorkItem,
        work_item_id=items,
        customer_id=st.none() | customers,
        channel=channels,
        queue=queues,
        call_id=st.none() | phones,
        score=st.integers(0, 500),
    ),
    st.builds(OfferWorkItem, work_item_id=items, staff_id=staff),
    st.builds(DeclineWorkItem, work_item_id=items, staff_id=staff),
    st.builds(AcceptWorkItem, work_item_id=items, staff_id=staff),
    st.builds(AbandonWorkItem, work_item_id=items, after_s=st.integers(0, 60)),
    st.builds(RequestCallback, work_item_id=items, phone=st.just("+34600123456")),
    st.builds(TransferWorkItem, work_item_id=items, queue=st.none() | queues, staff_id=st.none() | staff),
    st.builds(CompleteWorkItem, work_item_id=items, outcome=st.just("DONE")),
)
calling: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        RingCall,
        call_id=phones,
        customer_id=st.none() | customers,
        direction=st.sampled_from([Direction.IN, Direction.IN, Direction.OUT]),
        queue=st.none() | queues,
        campaign_id=st.none() | campaigns,
    ),
    st.builds(AnswerCall, call_id=phones, staff_id=staff),
    st.builds(HoldCall, call_id=phones),
    st.builds(ResumeCall, call_id=phones),
    st.builds(TransferCall, call_id=phones, to_staff_id=staff),
    st.builds(TransferCall, call_id=phones, to_queue=queues),
    st.builds(EndCall, call_id=phones, talk_s=seconds, hold_s=seconds, waited_s=seconds),
    st.builds(CompleteWrapUp, call_id=phones, disposition=st.just("DONE"), acw_s=seconds),
    st.builds(IdentifyCaller, call_id=phones, customer_id=customers),
)
working: st.SearchStrategy[Command] = st.one_of(
    st.builds(SignInAgent, agent_shift_id=shifts, staff_id=staff),
    st.builds(ChangeAgentStatus, agent_shift_id=shifts, status=st.sampled_from(list(AgentStatus))),
    st.builds(SignOutAgent, agent_shift_id=shifts),
)
helping: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        OpenCase,
        case_id=cases,
        customer_id=st.none() | customers,
        type=st.sampled_from(list(CaseType)),
        channel=channels,
    ),
    st.builds(AssignCase, case_id=cases, staff_id=st.none() | staff, queue=st.none() | queues),
    st.builds(ChangeCasePriority, case_id=cases, priority=st.sampled_from(list(CasePriority))),
    st.builds(RecordFirstResponse, case_id=cases, interaction_id=contacts),
    st.builds(WaitOnCustomer, case_id=cases),
    st.builds(ResumeCase, case_id=cases),
    st.builds(EscalateCase, case_id=cases, level=st.integers(1, 3)),
    st.builds(ResolveCase, case_id=cases),
    st.builds(ReopenCase, case_id=cases),
    st.builds(CloseCase, case_id=cases, reason=st.just("SOLVED")),
    st.builds(
        SetSlaTarget, case_id=cases, milestone=milestones, due_at=moments, sla=st.just("gold"), sla_version=st.just(1)
    ),
    st.builds(WarnSla, case_id=cases, milestone=milestones),
    st.builds(BreachSla, case_id=cases, milestone=milestones),
)
talking: st.SearchStrategy[Command] = st.one_of(
    st.builds(LogInteraction, interaction_id=st.uuids(), customer_id=customers, channel=channels, duration_s=seconds),
    st.builds(StartInteraction, interaction_id=contacts, customer_id=customers, channel=channels),
    st.builds(ReceiveMessage, interaction_id=contacts, text=st.just("?")),
    st.builds(SendMessage, interaction_id=contacts, text=st.just("!")),
    st.builds(SummariseInteraction, interaction_id=contacts, topic=st.just("T")),
    st.builds(ReattributeInteraction, interaction_id=contacts, customer_id=customers),
    st.builds(EndInteraction, interaction_id=contacts, duration_s=seconds),
)
asking: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        SendInvitation,
        invitation_id=invitations,
        customer_id=customers,
        survey=st.sampled_from(["post-purchase", "case"]),
        version=st.integers(1, 2),
        channel=st.sampled_from([Channel.EMAIL, Channel.SMS]),
        language=st.just("es"),
        follow_up_id=invitations,
    ),
    st.builds(
        AnswerSurvey, invitation_id=invitations, csat=st.none() | st.integers(1, 5), nps=st.none() | st.integers(0, 10)
    ),
    st.builds(RemindInvitation, invitation_id=invitations),
    st.builds(DeclineSurvey, invitation_id=invitations),
    st.builds(ExpireInvitation, invitation_id=invitations),
    st.sampled_from([POST_PURCHASE, RetireSurvey(survey_id=POST_PURCHASE.survey_id)]),
    st.builds(
        PublishSurvey,
        survey_id=st.just(POST_PURCHASE.survey_id),
        key=st.just("post-purchase"),
        title=st.just(POST_PURCHASE.title),
        questions=st.just(POST_PURCHASE.questions[:1]),
    ),
)


History = list[tuple[Command, datetime]]
delays = st.integers(0, 30) | st.integers(0, 1_200)
"""Seconds from one thing to the next: often soon, sometimes not."""


def life(first: st.SearchStrategy[Command], *then: st.SearchStrategy[Command]) -> st.SearchStrategy[History]:
    """One thing from its beginning: what may be asked of it next, in this order, each of it or not."""

    def follow(drawn: tuple[Command, datetime, list[tuple[Command, int, bool]]]) -> History:
        begun, moment, rest = drawn
        found = [(begun, moment)]
        for command, delay, asked in rest:
            moment += timedelta(seconds=delay)
            found += [(command, moment)] if asked else []
        return found

    steps = st.tuples(*(st.tuples(each, delays, st.sampled_from([True, True, True, False])) for each in then))
    return st.tuples(first, moments, steps.map(list)).map(follow)


def lives_of_items(n: int) -> st.SearchStrategy[History]:
    """A work item that is offered, taken, passed on or given up."""
    item = derived("work_item", n)
    queued = st.builds(
        QueueWorkItem,
        work_item_id=st.just(item),
        customer_id=st.none() | customers,
        channel=channels,
        queue=queues,
        call_id=st.none() | st.just(derived("call", n)),
        score=st.integers(0, 500),
    )
    offer = st.builds(OfferWorkItem, work_item_id=st.just(item), staff_id=staff)
    decline = st.builds(DeclineWorkItem, work_item_id=st.just(item), staff_id=staff)
    accept = st.builds(AcceptWorkItem, work_item_id=st.just(item), staff_id=staff)
    abandon = st.builds(AbandonWorkItem, work_item_id=st.just(item), after_s=st.integers(0, 40))
    call_back = st.builds(RequestCallback, work_item_id=st.just(item), phone=st.just("+34600123456"))
    transfer = st.builds(
        TransferWorkItem, work_item_id=st.just(item), queue=st.none() | queues, staff_id=st.none() | staff
    )
    done = st.builds(CompleteWorkItem, work_item_id=st.just(item), outcome=st.just("DONE"))
    return st.one_of(
        life(queued, call_back, abandon),
        life(queued, offer, decline, accept, done),
        life(queued, transfer, accept, transfer, offer, accept, done),
    )


def lives_of_calls(n: int) -> st.SearchStrategy[History]:
    """A call that is answered, held, passed on or given up."""
    call = st.just(derived("call", n))
    ring = st.builds(
        RingCall,
        call_id=call,
        customer_id=st.none() | customers,
        direction=st.sampled_from([Direction.IN, Direction.IN, Direction.OUT]),
        queue=st.none() | queues,
        campaign_id=st.none() | campaigns,
    )
    answer = st.builds(AnswerCall, call_id=call, staff_id=staff)
    transfer = st.builds(TransferCall, call_id=call, to_staff_id=staff) | st.builds(
        TransferCall, call_id=call, to_queue=queues
    )
    end = st.builds(EndCall, call_id=call, talk_s=seconds, hold_s=seconds, waited_s=seconds)
    wrap = st.builds(CompleteWrapUp, call_id=call, disposition=st.just("DONE"), acw_s=seconds)
    hold, resume = st.builds(HoldCall, call_id=call), st.builds(ResumeCall, call_id=call)
    who = st.builds(IdentifyCaller, call_id=call, customer_id=customers)
    return st.one_of(
        life(ring, who, end),
        life(ring, answer, hold, resume, end, who, wrap),
        life(ring, transfer, answer, hold, transfer, answer, hold, resume, end, wrap),
    )


def lives_of_shifts(n: int) -> st.SearchStrategy[History]:
    """A shift with what the agent does in it."""
    shift = st.just(derived("agent_shift", n))
    change = st.builds(ChangeAgentStatus, agent_shift_id=shift, status=st.sampled_from(list(AgentStatus)))
    sign_in = st.builds(SignInAgent, agent_shift_id=shift, staff_id=staff)
    return life(sign_in, change, change, change, change, st.builds(SignOutAgent, agent_shift_id=shift))


def lives_of_cases(n: int) -> st.SearchStrategy[History]:
    """A case that goes from hand to hand, waits, is resolved and taken up again, with its clocks."""
    case = st.just(derived("case", n))
    opened = st.builds(
        OpenCase,
        case_id=case,
        customer_id=st.none() | customers,
        type=st.sampled_from(list(CaseType)),
        priority=st.sampled_from(list(CasePriority)),
        channel=channels,
    )
    target = st.builds(
        SetSlaTarget, case_id=case, milestone=milestones, due_at=moments, sla=st.just("gold"), sla_version=st.just(1)
    )
    assign = st.builds(AssignCase, case_id=case, staff_id=staff, queue=st.none() | queues)
    respond = st.builds(RecordFirstResponse, case_id=case, interaction_id=contacts)
    wait, resume = st.builds(WaitOnCustomer, case_id=case), st.builds(ResumeCase, case_id=case)
    escalate = st.builds(EscalateCase, case_id=case, level=st.integers(1, 3))
    resolve, reopen = st.builds(ResolveCase, case_id=case), st.builds(ReopenCase, case_id=case)
    close = st.builds(CloseCase, case_id=case, reason=st.just("SOLVED"))
    warn = st.builds(WarnSla, case_id=case, milestone=milestones)
    return life(
        opened, target, target, assign, respond, wait, assign, resume, warn, escalate, resolve, close, reopen,
        target, assign, respond, wait, resolve, close,
    )  # fmt: skip


LIVES = {"items": lives_of_items, "calls": lives_of_calls, "shifts": lives_of_shifts, "cases": lives_of_cases}


def night(*of: str, among: st.SearchStrategy[Command] | None = None, most: int = 6) -> st.SearchStrategy[History]:
    """What is asked in a night about some things of these kinds, and among it, in the order in which it happens."""
    lives = st.tuples(*(LIVES[kind](n) for kind in of for n in range(1, most + 1)))
    others = st.lists(st.tuples(among, moments), max_size=10) if among is not None else st.just([])
    return st.tuples(lives, others).map(
        lambda drawn: sorted([each for some in (*drawn[0], drawn[1]) for each in some], key=lambda each: each[1])
    )


def disorder(*asked: st.SearchStrategy[Command], longest: int = 60) -> st.SearchStrategy[History]:
    """Anything in any order, in the order in which it happens; much of it is refused."""
    found = st.lists(st.tuples(st.one_of(*asked), moments), min_size=1, max_size=longest)
    return found.map(lambda history: sorted(history, key=lambda each: each[1]))
