"""What customers wanted of the company in its story, and how they were served."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from domain.agent_shift import AgentStatus, ChangeAgentStatus, SignInAgent, SignOutAgent
from domain.call import AnswerCall, CompleteWrapUp, EndCall, HoldCall, ResumeCall, RingCall
from domain.campaign_member import CampaignResponseKind, RecordCampaignResponse
from domain.case import (
    AssignCase,
    CloseCase,
    OpenCase,
    RecordFirstResponse,
    ReopenCase,
    ResolveCase,
    ResumeCase,
    WaitOnCustomer,
)
from domain.case_events import CaseType
from domain.case_sla import SetSlaTarget, SlaMilestone
from domain.interaction import Direction, LogInteraction, ReattributeInteraction
from domain.invitation import AnswerSurvey, DeclineSurvey, SendInvitation
from domain.kernel import derived
from domain.values import Channel
from domain.work_item import AbandonWorkItem, AcceptWorkItem, CompleteWorkItem, OfferWorkItem, QueueWorkItem
from tests.projections.kpis.story import START, Told, moments
from tests.projections.kpis.story_marketing import CAMPAIGNS
from tests.projections.kpis.story_pipeline import STAFF
from tests.projections.kpis.story_sales import CUSTOMERS

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CHANNELS = (Channel.PHONE, Channel.EMAIL, Channel.WEB, Channel.COUNTER, Channel.CHAT)


def cases_story(chance: Random) -> Iterator[Told]:
    """Fifty cases with their promises; some wait on the customer, some come back, some of what was done is told late."""
    for n, moment in enumerate(moments(chance, 50)):
        one, staff, late = derived("case", n), STAFF[n % 3], n % 8 == 6
        opened = OpenCase(
            case_id=one, customer_id=chance.choice(CUSTOMERS), type=CaseType.INCIDENT, channel=CHANNELS[n % 5]
        )
        yield Told(moment, opened)
        for milestone, hours in ((SlaMilestone.FIRST_RESPONSE, 4), (SlaMilestone.RESOLUTION, 72)):
            due_at = moment + hours * HOUR
            yield Told(
                moment, SetSlaTarget(case_id=one, milestone=milestone, due_at=due_at, sla="standard", sla_version=1)
            )
            if n % 7 == 3:
                sooner = SetSlaTarget(case_id=one, milestone=milestone, due_at=due_at - HOUR, sla="fast", sla_version=2)
                yield Told(moment + 10 * MINUTE, sooner)
        yield Told(moment + MINUTE, AssignCase(case_id=one, staff_id=staff, queue="desk"))
        moment += chance.randint(1, 8) * HOUR
        if n % 4 == 1:
            yield Told(moment, WaitOnCustomer(case_id=one))
            moment += chance.randint(1, 30) * HOUR
            yield Told(moment, ResumeCase(case_id=one))
        if n % 5:
            moment += HOUR
            yield Told(moment, RecordFirstResponse(case_id=one, interaction_id=derived("mail", n)), late)
        moment += chance.randint(1, 100) * HOUR
        if n % 6:
            yield Told(moment, ResolveCase(case_id=one), late)
            if n % 4 == 2:
                moment += chance.randint(2, 20) * DAY
                yield Told(moment, ReopenCase(case_id=one), late)
                moment += 3 * HOUR
                yield Told(moment, RecordFirstResponse(case_id=one, interaction_id=derived("again", n)), late)
                moment += 9 * HOUR
                yield Told(moment, ResolveCase(case_id=one), late)
        if n % 3 == 0:
            yield Told(moment + 2 * DAY, CloseCase(case_id=one, reason="SOLVED"), late)


def calls_story(chance: Random) -> Iterator[Told]:
    """Eighty calls: most come in, some of them by way of the queue, some are given up, few are not written up."""
    for n, moment in enumerate(moments(chance, 80)):
        one, item, staff = derived("call", n), derived("item", n), STAFF[n % 3]
        out, queued, waits = n % 5 == 4, n % 5 == 3, timedelta(seconds=chance.choice([2, 4, 12, 19, 20, 21, 45, 90]))
        customer_id = None if n % 11 == 7 else CUSTOMERS[n % 12]
        yield Told(
            moment,
            RingCall(
                call_id=one, customer_id=customer_id, direction=Direction.OUT if out else Direction.IN, queue="desk",
                campaign_id=CAMPAIGNS[n % 2] if out else None,
            ),
        )  # fmt: skip
        if queued:
            entered = QueueWorkItem(
                work_item_id=item, customer_id=customer_id, channel=Channel.PHONE, queue="desk", call_id=one, score=1
            )
            yield Told(moment, entered)
        moment += waits
        if n % 6 == 1:
            if queued:
                yield Told(moment, AbandonWorkItem(work_item_id=item, after_s=int(waits.total_seconds())))
            yield Told(moment, EndCall(call_id=one, talk_s=0, waited_s=int(waits.total_seconds())), late=n % 12 == 1)
            continue
        yield Told(moment, AnswerCall(call_id=one, staff_id=staff))
        if queued:
            yield Told(moment, AcceptWorkItem(work_item_id=item, staff_id=staff))
        if n % 4 == 2:
            yield Told(moment + MINUTE, HoldCall(call_id=one))
            yield Told(moment + 2 * MINUTE, ResumeCall(call_id=one))
        moment += 4 * MINUTE
        told = n % 3 == 0
        yield Told(
            moment, EndCall(call_id=one, talk_s=200 if told else None, hold_s=30 if told else None), late=n % 16 == 8
        )
        if queued:
            yield Told(moment, CompleteWorkItem(work_item_id=item, outcome="DONE"))
        if out and n % 15 == 4 and customer_id is not None and moment > START + 50 * DAY:
            bought = RecordCampaignResponse(
                campaign_id=CAMPAIGNS[n % 2],
                customer_id=customer_id,
                kind=CampaignResponseKind.CALL,
                response_ref=f"c{n}",
            )
            yield Told(moment + DAY, bought, late=n % 30 == 4)
        if n % 7:
            wrapped_up = CompleteWrapUp(call_id=one, disposition="DONE", acw_s=20 + n)
            yield Told(moment + 3 * MINUTE, wrapped_up, late=n % 16 == 8 or n % 10 == 2)


def desk_story(chance: Random) -> Iterator[Told]:
    """Forty mails and chats that wait for somebody, the contacts of every channel, and who was there to take them."""
    for n, moment in enumerate(moments(chance, 40)):
        item, staff = derived("desk item", n), STAFF[n % 3]
        channel = Channel.CHAT if n % 2 else Channel.EMAIL
        yield Told(
            moment,
            QueueWorkItem(work_item_id=item, customer_id=CUSTOMERS[n % 12], channel=channel, queue="mail", score=1),
        )
        if n % 9 == 5:
            yield Told(moment + MINUTE, AbandonWorkItem(work_item_id=item, after_s=60))
            continue
        moment += timedelta(seconds=chance.choice([5, 15, 25, 700]))
        yield Told(moment, OfferWorkItem(work_item_id=item, staff_id=staff))
        yield Told(moment, AcceptWorkItem(work_item_id=item, staff_id=staff))
        yield Told(moment + 6 * MINUTE, CompleteWorkItem(work_item_id=item, outcome="DONE"), late=n % 10 == 7)
    for n, moment in enumerate(moments(chance, 60)):
        one = derived("interaction", n)
        met = LogInteraction(
            interaction_id=one, customer_id=CUSTOMERS[n % 20], channel=CHANNELS[n % 5], staff_id=STAFF[n % 3]
        )
        yield Told(moment, met, late=n % 9 == 4)
        if n % 20 == 3:
            yield Told(moment + HOUR, ReattributeInteraction(interaction_id=one, customer_id=CUSTOMERS[23]))
    for n in range(60):
        shift, moment = derived("shift", n), START + n * 3 * DAY + 8 * HOUR
        yield Told(moment, SignInAgent(agent_shift_id=shift, staff_id=STAFF[n % 3]))
        yield Told(moment + 3 * HOUR, ChangeAgentStatus(agent_shift_id=shift, status=AgentStatus.BREAK))
        yield Told(moment + 4 * HOUR, ChangeAgentStatus(agent_shift_id=shift, status=AgentStatus.BUSY))
        yield Told(moment + 8 * HOUR, SignOutAgent(agent_shift_id=shift), late=n % 10 == 4)


def surveys_story(chance: Random) -> Iterator[Told]:
    """Forty surveys, of which some are answered."""
    for n, moment in enumerate(moments(chance, 40)):
        one = derived("invitation", n)
        sent = SendInvitation(
            invitation_id=one, customer_id=CUSTOMERS[n % 24], survey="after-sales", version=1 + n % 2,
            channel=Channel.EMAIL if n % 2 else Channel.SMS, language="es", follow_up_id=derived("survey", n),
        )  # fmt: skip
        yield Told(moment, sent)
        later = moment + timedelta(hours=chance.randint(1, 400))
        if n % 3:
            answer = AnswerSurvey(
                invitation_id=one, csat=1 + n % 5 if n % 4 or n % 14 == 0 else None, nps=n % 11 if n % 14 else None
            )
            yield Told(later, answer, late=n % 10 == 1)
        elif n % 2:
            yield Told(later, DeclineSurvey(invitation_id=one))
