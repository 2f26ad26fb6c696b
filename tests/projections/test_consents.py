"""The consent register: what a customer agreed to at any moment, and the event that says so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import DECIDERS, consent
from domain.consent import Consent, GrantConsent, LegalBasis, Purpose, WithdrawConsent
from domain.follow_up import Action, ActionKind, DispatchFollowUp, ScheduleFollowUp
from domain.kernel import Command, derived
from domain.values import Channel
from eventstore.database import open_pool
from eventstore.envelope import Request
from eventstore.log import Log
from eventstore.personal import KeyRing
from eventstore.reader import AsOf
from projections.customers import consents
from projections.customers.consent_coverage import VIEWS, ConsentCoverage, consent_coverage
from projections.customers.consents import ConsentEntry, ConsentStatus, consent_at
from projections.engine import Engine
from projections.lists import Lists
from tests.conftest import KEK, House
from tests.projections import histories_identity
from tests.projections.histories import START, live_through, lived
from tests.projections.test_engine import held

ANA = derived("customer", 1)
DAY = datetime(2026, 3, 1, tzinfo=UTC)
EMAIL, PHONE, EVERY = Channel.EMAIL, Channel.PHONE, None


def granted(channel: Channel | None, basis: LegalBasis = LegalBasis.CONSENT) -> GrantConsent:
    return GrantConsent(customer_id=ANA, purpose=Purpose.MARKETING, channel=channel, legal_basis=basis)


def withdrawn(channel: Channel | None) -> WithdrawConsent:
    return WithdrawConsent(customer_id=ANA, purpose=Purpose.MARKETING, channel=channel)


def register(house: House, *commands: Command) -> dict[Channel | None, ConsentEntry]:
    """The entries by channel after all of this was asked, a day after the other."""
    for n, command in enumerate(commands):
        house.log.do(command, Request(occurred_at=DAY + n * timedelta(days=1)))
    engine = Engine(house.log, house.pool, [consents.view])
    engine.prepare()
    engine.catch_up()
    return {entry.channel: entry for entry in held(house.pool, consents.view).values()}


def test_an_entry_says_from_when_to_when_and_by_which_event(house: House) -> None:
    entry = register(house, granted(EMAIL), withdrawn(EMAIL))[EMAIL]
    assert (entry.status, entry.legal_basis) == (ConsentStatus.WITHDRAWN, LegalBasis.CONSENT)
    assert (entry.granted_at, entry.withdrawn_at) == (DAY, DAY + timedelta(days=1))
    assert (entry.granted_position, entry.position) == (1, 2)


def test_an_objection_to_every_channel_takes_back_what_was_granted_for_one_and_enters_no_other(house: House) -> None:
    entries = register(house, granted(EMAIL), withdrawn(PHONE), withdrawn(EVERY))
    assert set(entries) == {EMAIL, PHONE, EVERY}
    assert (entries[EMAIL].status, entries[EMAIL].position) == (ConsentStatus.SUPERSEDED, 3)
    assert (entries[PHONE].status, entries[PHONE].position) == (ConsentStatus.WITHDRAWN, 2)


def test_what_was_said_of_a_channel_by_name_comes_before_what_was_said_of_every_one(house: House) -> None:
    register(house, withdrawn(PHONE), granted(EVERY))
    lists = Lists(house.log, house.pool)
    permitted = {channel: consent_at(lists, [ANA], Purpose.MARKETING, channel)[ANA] for channel in (PHONE, EMAIL)}
    assert [(proof.permitted, proof.position) for proof in permitted.values()] == [(False, 1), (True, 2)]


def test_the_event_that_allowed_a_message_is_named_for_any_moment(house: House) -> None:
    register(house, granted(EMAIL, LegalBasis.CONTRACT), withdrawn(EVERY), granted(EVERY))
    lists = Lists(house.log, house.pool)

    def at(day: float, channel: Channel | None = EMAIL) -> tuple[bool, int] | None:
        proof = consent_at(lists, [ANA], Purpose.MARKETING, channel, DAY + timedelta(days=day)).get(ANA)
        return None if proof is None else (proof.permitted, proof.position)

    assert [at(day) for day in (-1, 0, 0.5, 1, 2)] == [None, (True, 1), (True, 1), (False, 2), (True, 3)]
    assert [at(day, PHONE) for day in (0, 1, 2)] == [None, (False, 2), (True, 3)]
    (proof,) = consent_at(lists, [ANA], Purpose.MARKETING, EMAIL, DAY).values()
    assert (proof.legal_basis, proof.channel, proof.said_at) == (LegalBasis.CONTRACT, EMAIL, DAY)
    assert consent_at(lists, [ANA], Purpose.MARKETING, EMAIL, as_of=AsOf(position=2))[ANA].permitted is False
    assert consent_at(lists, [ANA], Purpose.SURVEY, EMAIL) == {}


def test_at_any_moment_the_register_says_what_the_events_until_then_permit(new_database: Callable[[], str]) -> None:
    moments = st.integers(-1, 401).map(lambda days: START + timedelta(days=days))

    @given(history=lived(histories_identity.consent), moment=moments)
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def check(history: list[tuple[Command, datetime]], moment: datetime) -> None:
        with open_pool(new_database()) as pool:
            log = Log(pool, DECIDERS, KeyRing(pool, KEK))
            live_through(log, history)
            engine = Engine(log, pool, [consents.view])
            engine.prepare()
            engine.catch_up()
            lists = Lists(log, pool)
            ids = [derived("customer", n) for n in (1, 2, 3)]
            entries = held(pool, consents.view).values()
            for purpose in (Purpose.MARKETING, Purpose.SURVEY):
                for channel in (EVERY, EMAIL, PHONE, Channel.SMS):
                    then = consent_at(lists, ids, purpose, channel, moment)
                    now = consent_at(lists, ids, purpose, channel)
                    for id in ids:
                        for found, until in ((then, moment), (now, None)):
                            state = Consent()
                            for event, at in log.reader.stream(consent.consent_id(id)):
                                if until is None or at.occurred_at <= until:
                                    state = consent.evolve(state, event)  # type: ignore[arg-type]  # of its stream
                            answer = found[id].permitted if id in found else None
                            assert answer == consent.permits(state, purpose, channel)
                        live = {e.channel for e in entries if e.customer_id == id and e.purpose == purpose
                                and e.status is ConsentStatus.GRANTED}  # fmt: skip
                        assert (channel in live) is ((purpose, channel) in state.granted)

    check()


def promised(house: House, n: int, customer: UUID = ANA) -> UUID:
    id = derived("follow-up", n)
    action = Action(kind=ActionKind.SEND_SURVEY, survey="k", invitation_id=id)
    promise = ScheduleFollowUp(
        follow_up_id=id, customer_id=customer, policy="p", policy_version=1, step="s", trigger=derived("order", n),
        trigger_position=1, action=action, due_at=DAY, wanted_at=DAY,
    )  # fmt: skip
    house.log.do(promise, Request(occurred_at=DAY))
    return id


def sent(house: House, n: int, relied_on: int, day: int, basis: str = "CONSENT", customer: UUID = ANA) -> UUID:
    """A follow-up that was dispatched that many days after the first, on what was said at a position."""
    id = promised(house, n, customer)
    at = Request(occurred_at=DAY + timedelta(days=day))
    house.log.do(DispatchFollowUp(follow_up_id=id, basis=basis, relied_on=relied_on), at)
    return id


def coverage(house: House, start: int | None = None, end: int | None = None) -> ConsentCoverage:
    """The coverage from a day up to another."""
    Engine(house.log, house.pool, VIEWS).catch_up()
    between = [None if day is None else DAY + timedelta(days=day) for day in (start, end)]
    return consent_coverage(Lists(house.log, house.pool), *between)


def test_what_went_out_on_consent_is_joined_to_the_event_that_allowed_it(house: House) -> None:
    somebody = derived("customer", 2)
    register(house, granted(EMAIL), granted(PHONE), withdrawn(EMAIL))  # on the first, second and third day
    sent(house, 1, relied_on=1, day=1)
    sent(house, 2, relied_on=2, day=5)
    sent(house, 3, relied_on=3, day=5, basis="LEGITIMATE_INTEREST", customer=somebody)
    assert coverage(house) == ConsentCoverage(3, 2, 1, ())
    wrong = [
        sent(house, 4, relied_on=1, day=3),  # taken back by then
        sent(house, 5, relied_on=2, day=0),  # not yet granted
        sent(house, 6, relied_on=1, day=1, customer=somebody),  # somebody else's
        sent(house, 7, relied_on=3, day=9),  # an objection
    ]
    assert coverage(house) == ConsentCoverage(7, 2, 1, tuple(sorted(wrong)))
    assert coverage(house, 4, 9) == ConsentCoverage(2, 1, 1, ())
    assert coverage(house, 5, 6) == ConsentCoverage(2, 1, 1, ())
    assert coverage(house, 6, 9) == ConsentCoverage(0, 0, 0, ())


def test_no_other_objection_takes_the_proof_away_than_a_later_one_to_the_same_matter(house: House) -> None:
    survey = WithdrawConsent(customer_id=ANA, purpose=Purpose.SURVEY, channel=EMAIL)
    register(house, withdrawn(EMAIL), granted(EMAIL), granted(PHONE), survey, withdrawn(EVERY))
    sent(house, 1, relied_on=2, day=3)
    sent(house, 2, relied_on=3, day=3, basis="LEGITIMATE_INTEREST")
    taken_back = sent(house, 3, relied_on=2, day=5)
    promised(house, 4)
    assert coverage(house) == ConsentCoverage(3, 2, 0, (taken_back,))
