"""Random histories: commands that may be asked of a small company, some of which will be refused."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.customer import (
    AddIdentifier,
    ChangeCustomerProfile,
    IdentifierType,
    RegisterCustomer,
    RemoveIdentifier,
    StatePreference,
)
from domain.follow_up import Action, ActionKind, CancelFollowUp, DispatchFollowUp, PostponeFollowUp, ScheduleFollowUp
from domain.interaction import Direction, LogInteraction
from domain.invitation import AnswerSurvey, SendInvitation
from domain.kernel import Command, Refused, derived
from domain.order import CancelOrder, DeliverOrder, OrderLine, PlaceOrder, RecordReturn, ReturnLines
from domain.values import Channel
from eventstore.envelope import Origin, Request
from eventstore.log import Log

START = datetime(2026, 1, 1, tzinfo=UTC)

customers = st.integers(1, 3).map(lambda n: derived("customer", n))
orders = st.integers(1, 5).map(lambda n: derived("order", n))
follow_ups = st.integers(1, 3).map(lambda n: derived("follow-up", n))
invitations = st.integers(1, 2).map(lambda n: derived("invitation", n))
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

commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterCustomer, customer_id=customers, name=texts, email=emails),
    st.builds(ChangeCustomerProfile, customer_id=customers, name=texts, country=st.sampled_from(["ES", "FR"])),
    st.builds(AddIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails),
    st.builds(RemoveIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails),
    st.builds(StatePreference, customer_id=customers, topic=st.sampled_from(["hobby", "time"]), value=texts),
    st.builds(
        GrantConsent, customer_id=customers, purpose=st.sampled_from(list(Purpose)), channel=st.none() | channels
    ),
    st.builds(
        WithdrawConsent, customer_id=customers, purpose=st.sampled_from(list(Purpose)), channel=st.none() | channels
    ),
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
histories = st.lists(st.tuples(commands, moments), min_size=1, max_size=40)


def live_through(log: Log, history: list[tuple[Command, datetime]]) -> int:
    """Asks everything in turn; returns how many events came of it."""
    events = 0
    for n, (command, moment) in enumerate(history):
        request = Request(actor="test", occurred_at=moment, origin=Origin.IMPORT, command_id=derived("test", n))
        with suppress(Refused):
            events += len(log.do(command, request).events)
    return events
