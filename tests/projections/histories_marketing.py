"""Random histories of marketing and control: campaigns and their members, segments, offers, costs and objectives."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from domain.allocation import AllocationBasis, AllocationScope, PublishAllocationRule, allocation_id
from domain.call import AnswerCall, CompleteWrapUp, EndCall, IdentifyCaller, RingCall
from domain.campaign import CompleteCampaign, LaunchCampaign, PauseCampaign, ResumeCampaign
from domain.campaign_member import (
    AttributeToCampaign,
    CampaignResponseKind,
    DispatchCampaignMessage,
    HoldOutMember,
    OptOutMember,
    RecordCampaignResponse,
    SuppressMember,
    TargetMember,
)
from domain.campaign_plan import CampaignKind, PlanCampaign
from domain.cost import CostCategory, RecordCost
from domain.delivery import (
    BounceKind,
    RecordLinkClicked,
    RecordMessageBounced,
    RecordMessageDelivered,
    RecordMessageOpened,
)
from domain.interaction import Direction, LogInteraction, ReattributeInteraction
from domain.kernel import Command, derived
from domain.objective import (
    ObjectiveOperator,
    RecordObjectiveAchieved,
    RecordObjectiveMissed,
    ReviewObjective,
    ReviseObjective,
    SetObjective,
)
from domain.offer import AcceptOffer, DeclineOffer, ExpireOffer, MakeOffer
from domain.order import CancelOrder, PlaceOrder, ReturnLines, SalesChannel
from domain.predicate import Predicate, Test, TestOperator
from domain.segment import DefineSegment, PublishSegment, RetireSegment
from domain.segment_membership import EnterSegment, ExitSegment
from domain.values import Channel
from tests.projections.histories import (
    channels,
    customers,
    lines,
    lived,
    merges,
    moments,
    opportunities,
    orders,
    prices,
    staff,
)

campaigns = st.integers(1, 2).map(lambda n: derived("campaign", n))
segments = st.integers(1, 2).map(lambda n: derived("segment", n))
offers = st.integers(1, 3).map(lambda n: derived("offer", n))
costs = st.integers(1, 3).map(lambda n: derived("cost", n))
objectives = st.integers(1, 2).map(lambda n: derived("objective", n))
calls = st.integers(1, 3).map(lambda n: derived("call", n))
contacts = st.integers(1, 3).map(lambda n: derived("interaction", n))
messages = st.sampled_from(["m1", "m2", "m3"])
days = moments.map(lambda moment: moment.date())
shares = st.decimals(0, 1, places=2)
rules = st.sampled_from(["office", "ads"])

plans: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        PlanCampaign,
        campaign_id=campaigns,
        key=st.sampled_from(["spring", "autumn"]),
        title=st.just("A campaign"),
        kind=st.sampled_from(list(CampaignKind)),
        budget=st.none() | prices,
        starts_at=moments,
        response_days=st.integers(1, 60),
    ),
    st.builds(LaunchCampaign, campaign_id=campaigns),
    st.builds(PauseCampaign, campaign_id=campaigns),
    st.builds(ResumeCampaign, campaign_id=campaigns),
    st.builds(CompleteCampaign, campaign_id=campaigns),
    st.builds(
        DefineSegment,
        segment_id=segments,
        key=st.just("loyal"),
        title=st.just({"en": "Loyal"}),
        predicate=st.integers(0, 3).map(
            lambda n: Predicate(test=Test(field="orders", operator=TestOperator.GTE, number=Decimal(n)))
        ),
    ),
    st.builds(PublishSegment, segment_id=segments),
    st.builds(RetireSegment, segment_id=segments),
)
members: st.SearchStrategy[Command] = st.one_of(
    st.builds(TargetMember, campaign_id=campaigns, customer_id=customers),
    st.builds(TargetMember, campaign_id=campaigns, customer_id=customers),
    st.builds(HoldOutMember, campaign_id=campaigns, customer_id=customers),
    st.builds(SuppressMember, campaign_id=campaigns, customer_id=customers, reason=st.sampled_from(["CAPPED", "NO"])),
    st.builds(
        DispatchCampaignMessage,
        campaign_id=campaigns,
        customer_id=customers,
        channel=channels,
        message_id=st.none() | messages,
    ),
    st.builds(
        RecordCampaignResponse,
        campaign_id=campaigns,
        customer_id=customers,
        kind=st.sampled_from(list(CampaignResponseKind)),
        response_ref=st.sampled_from("abcd"),
        within_window=st.booleans(),
    ),
    st.builds(OptOutMember, campaign_id=campaigns, customer_id=customers),
    st.builds(
        AttributeToCampaign,
        campaign_id=campaigns,
        customer_id=customers,
        order_id=orders,
        weight=shares,
        model=st.sampled_from(["last", "even"]),
        model_version=st.integers(1, 3),
    ),
    st.builds(
        AttributeToCampaign,
        campaign_id=campaigns,
        customer_id=customers,
        opportunity_id=opportunities,
        weight=shares,
        model=st.just("last"),
        model_version=st.just(1),
    ),
    st.builds(EnterSegment, segment_id=segments, customer_id=customers, definition_version=st.integers(1, 2)),
    st.builds(ExitSegment, segment_id=segments, customer_id=customers, definition_version=st.integers(1, 2)),
)
answers: st.SearchStrategy[Command] = st.one_of(
    st.builds(RecordMessageDelivered, message_id=messages, customer_id=customers),
    st.builds(RecordMessageOpened, message_id=messages, customer_id=customers),
    st.builds(RecordLinkClicked, message_id=messages, customer_id=customers, link=st.sampled_from(["x", "y"])),
    st.builds(RecordMessageBounced, message_id=messages, customer_id=customers, kind=st.sampled_from(list(BounceKind))),
    st.builds(
        RingCall,
        call_id=calls,
        customer_id=st.none() | customers,
        direction=st.sampled_from(list(Direction)),
        campaign_id=st.none() | campaigns,
    ),
    st.builds(AnswerCall, call_id=calls, staff_id=staff),
    st.builds(EndCall, call_id=calls, talk_s=st.integers(0, 60)),
    st.builds(CompleteWrapUp, call_id=calls, disposition=st.just("SOLD")),
    st.builds(IdentifyCaller, call_id=calls, customer_id=customers),
    st.builds(
        LogInteraction,
        interaction_id=contacts,
        customer_id=customers,
        channel=st.sampled_from([Channel.VISIT, Channel.LETTER]),
        direction=st.sampled_from(list(Direction)),
        campaign=st.none() | st.sampled_from(["spring", "autumn"]),
        staff_id=st.none() | staff,
    ),
    st.builds(ReattributeInteraction, interaction_id=contacts, customer_id=customers),
    st.builds(
        MakeOffer, offer_id=offers, customer_id=customers, offer=st.just("TEN"), campaign_id=st.none() | campaigns
    ),
    st.builds(AcceptOffer, offer_id=offers),
    st.builds(DeclineOffer, offer_id=offers),
    st.builds(ExpireOffer, offer_id=offers),
)
purchases: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        PlaceOrder,
        order_id=orders,
        customer_id=customers,
        lines=lines,
        channel=st.sampled_from(list(SalesChannel)),
        rep=st.sampled_from([None, "eva", "luz"]),
        cost=st.none() | prices,
    ),
    st.builds(CancelOrder, order_id=orders),
    st.builds(ReturnLines, order_id=orders, lines=lines),
)
spending: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        RecordCost,
        cost_id=costs,
        category=st.just(CostCategory.MEDIA),
        amount=prices,
        period_from=st.just(date(2026, 1, 1)),
        period_to=st.just(date(2026, 3, 31)),
        allocation=st.just("ads"),
    ),
    st.builds(
        PublishAllocationRule,
        allocation_id=st.just(allocation_id("ads")),
        key=st.just("ads"),
        basis=st.sampled_from(list(AllocationBasis)),
        scope=st.sampled_from(list(AllocationScope)),
    ),
    st.builds(
        SetObjective,
        objective_id=objectives,
        kpi=st.just("revenue"),
        kpi_version=st.just(1),
        target=prices,
        operator=st.sampled_from(list(ObjectiveOperator)),
        starts_on=st.just(date(2026, 1, 1)),
        ends_on=days,
    ),
    st.builds(ReviseObjective, objective_id=objectives, target=prices),
    st.builds(
        ReviewObjective, objective_id=objectives, finding=st.just("Low."), decision=st.just("Wait."), measured=prices
    ),
    st.builds(
        RecordObjectiveAchieved,
        objective_id=objectives,
        measured=prices,
        kpi_version=st.just(1),
        position=st.just(1),
    ),
    st.builds(
        RecordObjectiveMissed,
        objective_id=objectives,
        measured=prices,
        kpi_version=st.just(1),
        position=st.just(1),
    ),
)

histories = lived(plans | members | answers | purchases | merges) | lived(members | merges) | lived(spending | merges)
