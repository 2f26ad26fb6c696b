"""Random histories: commands that may be asked of a small company, some of which will be refused."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from domain import import_batch
from domain.absence import AbsenceKind, CancelAbsence, PlanAbsence
from domain.activity import (
    AcceptActivity,
    ActivityKind,
    CancelActivity,
    CompleteActivity,
    DeclineActivity,
    MissActivity,
    ReassignActivity,
    RescheduleActivity,
    ScheduleActivity,
    StartActivity,
)
from domain.case import (
    AssignCase,
    ClassifyCase,
    CloseCase,
    EscalateCase,
    IdentifyCaseCustomer,
    OpenCase,
    RecordCustomerReply,
    RecordFirstResponse,
    ReopenCase,
    ResolveCase,
    ResumeCase,
    WaitOnCustomer,
)
from domain.case_events import CaseType
from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import ChangeCustomerProfile, RegisterCustomer, StatePreference
from domain.deal import ForecastCategory, MoveCloseDate, NoteCompetitor, OverrideProbability, SetForecastCategory
from domain.follow_up import Action, ActionKind, CancelFollowUp, DispatchFollowUp, PostponeFollowUp, ScheduleFollowUp
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.import_batch import RevertImport, StartImport, run_id
from domain.interaction import Direction, LogInteraction
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, Refused, derived
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.opportunity import (
    AssignOpportunity,
    ChangeOpportunityStage,
    IdentifyOpportunityCustomer,
    LoseOpportunity,
    OpenOpportunity,
    ReopenOpportunity,
    ReviseOpportunityAmount,
    WinOpportunity,
)
from domain.order import (
    CancelOrder,
    CancelOrderLines,
    DeliverOrder,
    OrderLine,
    PlaceOrder,
    RecordReturn,
    ReturnLines,
)
from domain.restriction import ContactRestrictionKind, LiftContactRestriction, SetContactRestriction
from domain.values import Channel
from eventstore.envelope import Origin, Request
from eventstore.log import Log

BATCH = derived("batch", 1)
START = datetime(2026, 1, 1, tzinfo=UTC)

customers = st.integers(1, 3).map(lambda n: derived("customer", n))
orders = st.integers(1, 5).map(lambda n: derived("order", n))
follow_ups = st.integers(1, 3).map(lambda n: derived("follow-up", n))
invitations = st.integers(1, 2).map(lambda n: derived("invitation", n))
activities = st.integers(1, 3).map(lambda n: derived("activity", n))
absences = st.integers(1, 2).map(lambda n: derived("absence", n))
opportunities = st.integers(1, 2).map(lambda n: derived("opportunity", n))
cases = st.integers(1, 2).map(lambda n: derived("case", n))
staff = st.integers(1, 2).map(lambda n: derived("staff", n))
codes = st.sampled_from(["A", "B"])
moments = st.integers(0, 400).map(lambda days: START + timedelta(days=days))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
emails = st.sampled_from(["ana@example.com", "ana@example.com", "luis@example.com", "info@example.com"])
prices = st.decimals(0, 1000, places=3)
lines = st.lists(
    st.builds(OrderLine, sku=st.sampled_from("ABC"), quantity=st.integers(1, 5), unit_price=prices),
    min_size=1,
    max_size=3,
).map(tuple)
channels = st.sampled_from(list(Channel))

agenda: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        ScheduleActivity,
        activity_id=activities,
        kind=st.sampled_from(list(ActivityKind)),
        subject=texts,
        customer_id=st.none() | customers,
        staff_id=st.none() | staff,
        starts_at=moments,
        duration_s=st.none() | st.integers(0, 7200),
        all_day=st.booleans(),
    ),
    st.builds(RescheduleActivity, activity_id=activities, starts_at=st.none() | moments, due_at=moments),
    st.builds(ReassignActivity, activity_id=activities, staff_id=staff),
    st.builds(AcceptActivity, activity_id=activities, staff_id=staff),
    st.builds(DeclineActivity, activity_id=activities, staff_id=staff),
    st.builds(StartActivity, activity_id=activities),
    st.builds(CompleteActivity, activity_id=activities, outcome=codes, duration_s=st.none() | st.integers(0, 7200)),
    st.builds(CancelActivity, activity_id=activities),
    st.builds(MissActivity, activity_id=activities),
    st.builds(
        PlanAbsence,
        absence_id=absences,
        staff_id=staff,
        kind=st.sampled_from(list(AbsenceKind)),
        starts_at=moments,
        ends_at=moments,
    ),
    st.builds(CancelAbsence, absence_id=absences),
)
sales: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        OpenOpportunity,
        opportunity_id=opportunities,
        customer_id=st.none() | customers,
        amount=st.none() | prices,
        probability=st.none() | st.decimals(0, 1, places=2),
    ),
    st.builds(IdentifyOpportunityCustomer, opportunity_id=opportunities, customer_id=customers),
    st.builds(AssignOpportunity, opportunity_id=opportunities, staff_id=staff),
    st.builds(ChangeOpportunityStage, opportunity_id=opportunities, stage=codes),
    st.builds(ReviseOpportunityAmount, opportunity_id=opportunities, amount=prices),
    st.builds(MoveCloseDate, opportunity_id=opportunities, close_on=moments.map(datetime.date)),
    st.builds(OverrideProbability, opportunity_id=opportunities, probability=st.none() | st.decimals(0, 1, places=2)),
    st.builds(SetForecastCategory, opportunity_id=opportunities, category=st.sampled_from(list(ForecastCategory))),
    st.builds(NoteCompetitor, opportunity_id=opportunities, competitor=codes),
    st.builds(WinOpportunity, opportunity_id=opportunities, amount=st.none() | prices, order_id=st.none() | orders),
    st.builds(LoseOpportunity, opportunity_id=opportunities, reason=codes, competitor=st.none() | codes),
    st.builds(ReopenOpportunity, opportunity_id=opportunities, stage=st.none() | codes),
)
service: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        OpenCase,
        case_id=cases,
        customer_id=st.none() | customers,
        type=st.sampled_from(list(CaseType)),
        channel=channels,
        category=st.none() | codes,
    ),
    st.builds(IdentifyCaseCustomer, case_id=cases, customer_id=customers),
    st.builds(ClassifyCase, case_id=cases, category=st.none() | codes, product=st.none() | codes),
    st.builds(AssignCase, case_id=cases, staff_id=st.none() | staff, queue=st.none() | codes),
    st.builds(RecordFirstResponse, case_id=cases, interaction_id=st.uuids()),
    st.builds(RecordCustomerReply, case_id=cases, interaction_id=st.uuids()),
    st.builds(WaitOnCustomer, case_id=cases),
    st.builds(ResumeCase, case_id=cases),
    st.builds(EscalateCase, case_id=cases, level=st.integers(1, 3)),
    st.builds(ResolveCase, case_id=cases, code=st.none() | codes),
    st.builds(ReopenCase, case_id=cases),
    st.builds(CloseCase, case_id=cases, reason=codes),
)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterCustomer, customer_id=customers, name=texts, email=emails),
    st.builds(ChangeCustomerProfile, customer_id=customers, name=texts, country=st.sampled_from(["ES", "FR"])),
    st.builds(AddIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails),
    st.builds(RemoveIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails),
    st.builds(MergeCustomers, customer_id=customers, survivor_id=customers, prefer=st.sampled_from([(), ("name",)])),
    st.builds(UnmergeCustomers, customer_id=customers),
    st.just(StartImport(import_batch_id=BATCH, source="test", file="test.csv", digest="0" * 64)),
    st.just(RevertImport(import_batch_id=BATCH)),
    st.builds(StatePreference, customer_id=customers, topic=st.sampled_from(["hobby", "time"]), value=texts),
    st.builds(
        GrantConsent, customer_id=customers, purpose=st.sampled_from(list(Purpose)), channel=st.none() | channels
    ),
    st.builds(
        WithdrawConsent, customer_id=customers, purpose=st.sampled_from(list(Purpose)), channel=st.none() | channels
    ),
    st.builds(
        SetContactRestriction,
        customer_id=customers,
        kind=st.sampled_from(list(ContactRestrictionKind)),
        until=st.none() | moments,
    ),
    st.builds(LiftContactRestriction, customer_id=customers, kind=st.sampled_from(list(ContactRestrictionKind))),
    st.builds(
        LogInteraction,
        interaction_id=st.uuids(),
        customer_id=customers,
        channel=channels,
        direction=st.sampled_from(list(Direction)),
        text=texts,
    ),
    st.builds(
        PlaceOrder, order_id=orders, customer_id=customers, lines=lines, currency=st.sampled_from(["EUR", "EUR", "GBP"])
    ),
    st.builds(DeliverOrder, order_id=orders),
    st.builds(CancelOrder, order_id=orders),
    st.builds(CancelOrderLines, order_id=orders, lines=lines),
    st.builds(ReturnLines, order_id=orders, lines=lines),
    st.builds(RecordReturn, order_id=st.uuids(), customer_id=customers, lines=lines),
    st.builds(
        ScheduleFollowUp,
        follow_up_id=follow_ups,
        customer_id=customers,
        policy=st.just("p"),
        policy_version=st.just(1),
        step=st.just("s"),
        trigger=orders,
        trigger_position=st.just(1),
        action=st.builds(
            Action, kind=st.sampled_from(list(ActionKind)), survey=st.just("k"), invitation_id=invitations
        ),
        due_at=moments,
        wanted_at=moments,
    ),
    st.builds(PostponeFollowUp, follow_up_id=follow_ups, due_at=moments, reason=st.just("QUIET")),
    st.builds(CancelFollowUp, follow_up_id=follow_ups, reason=st.just("WHY")),
    st.builds(DispatchFollowUp, follow_up_id=follow_ups, basis=st.just("CONSENT"), relied_on=st.just(1)),
    st.builds(
        SendInvitation,
        invitation_id=invitations,
        customer_id=customers,
        survey=st.just("k"),
        version=st.just(1),
        channel=st.just(Channel.EMAIL),
        language=st.just("es"),
        order_id=orders,
        follow_up_id=follow_ups,
    ),
    st.builds(
        AnswerSurvey,
        invitation_id=invitations,
        csat=st.integers(1, 5),
        nps=st.none() | st.integers(0, 10),
        comment=texts,
    ),
)
merges: st.SearchStrategy[Command] = st.one_of(
    st.builds(MergeCustomers, customer_id=customers, survivor_id=customers),
    st.builds(UnmergeCustomers, customer_id=customers),
    st.just(StartImport(import_batch_id=BATCH, source="test", file="test.csv", digest="0" * 64)),
    st.just(RevertImport(import_batch_id=BATCH)),
    st.builds(RegisterCustomer, customer_id=customers, name=texts),
)


def lived(asked: st.SearchStrategy[Command]) -> st.SearchStrategy[list[tuple[Command, datetime]]]:
    """Histories in which these things are asked."""
    return st.lists(st.tuples(asked, moments), min_size=1, max_size=40)


histories = lived(commands) | lived(agenda | merges) | lived(sales | merges) | lived(service | merges)
"""Of customers and what they buy, of agendas, of sales or of service: mixed, most of what is asked would be refused."""


def live_through(log: Log, history: list[tuple[Command, datetime]]) -> int:
    """Asks everything in turn, every other thing in the import if one is open; returns how many events came of it."""
    events = 0
    for n, (command, moment) in enumerate(history):
        batch, _ = log.state(import_batch.decider, BATCH)
        imported = n % 2 and batch.open and not isinstance(command, StartImport | RevertImport)
        request = Request(
            actor="test",
            occurred_at=moment,
            origin=Origin.IMPORT,
            command_id=derived("test", n),
            correlation_id=run_id(BATCH, batch.run) if imported else None,
        )
        with suppress(Refused):
            events += len(log.do(command, request).events)
    return events
