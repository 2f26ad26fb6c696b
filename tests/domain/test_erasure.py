"""Erasure requests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.erasure import (
    MAX_KEYS,
    MAX_SUBJECTS,
    REQUESTED,
    BlockSubject,
    CompleteErasure,
    DecideErasureBlock,
    Erasure,
    ExtendErasureDeadline,
    Hold,
    LiftErasureHold,
    RecordKeysDestroyed,
    RecordProjectionsPurged,
    RefuseErasure,
    RequestErasure,
    SetErasureHold,
    VerifyErasureIdentity,
    claims,
    decider,
    is_held,
)
from domain.erasure_events import (
    Check,
    ErasureBasis,
    ErasureCompleted,
    ErasureDeadlineExtended,
    ErasureHoldLifted,
    ErasureHoldSet,
    ErasureIdentityVerified,
    ErasureKeysDestroyed,
    ErasureKind,
    ErasureRefusal,
    ErasureRefused,
    ErasureRequested,
    ErasureStatus,
    HoldScope,
    ProjectionsPurged,
    Purged,
    SubjectBlocked,
)
from domain.kernel import BLOCKED, ClaimStep, Command, Event
from tests.domain.scenario import but, given

ID, ANA, TWIN = UUID(int=9), UUID(int=1), UUID(int=2)
TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = TODAY + timedelta(days=3 * 365)
DIGEST, OTHER = "ab" * 32, "cd" * 32

REQUEST = RequestErasure(erasure_id=ID, customer_id=ANA, basis=ErasureBasis.OBJECTED, note="By letter")
ASKED = ErasureRequested(customer_id=ANA, kind=ErasureKind.ERASURE, basis=ErasureBasis.OBJECTED, note="By letter")
VERIFY = VerifyErasureIdentity(erasure_id=ID, method="ID card")
VERIFIED = ErasureIdentityVerified(method="ID card")
HOLD = SetErasureHold(erasure_id=ID, scope=HoldScope.CONTACT, legal_basis="CCom art. 30", until=LATER)
HELD = ErasureHoldSet(scope=HoldScope.CONTACT, legal_basis="CCom art. 30", until=LATER)
LIFT = LiftErasureHold(erasure_id=ID, scope=HoldScope.CONTACT)
LIFTED = ErasureHoldLifted(scope=HoldScope.CONTACT)
REFUSE = RefuseErasure(erasure_id=ID, reason=ErasureRefusal.LEGAL_CLAIMS, note="The court")
REFUSED = ErasureRefused(reason=ErasureRefusal.LEGAL_CLAIMS, note="The court")
EXTEND = ExtendErasureDeadline(erasure_id=ID, months=2, reason="Many requests")
EXTENDED = ErasureDeadlineExtended(months=2, reason="Many requests")
BLOCK = BlockSubject(erasure_id=ID, subjects=(ANA, TWIN), until=LATER, legal_basis="LOPDGDD art. 32")
HIDDEN = SubjectBlocked(subjects=(ANA, TWIN), until=LATER, legal_basis="LOPDGDD art. 32")
AT_ONCE = DecideErasureBlock(erasure_id=ID, until=TODAY, legal_basis="None")
FREE = SubjectBlocked(subjects=(ANA, TWIN), until=TODAY, legal_basis="None")
PURGE = RecordProjectionsPurged(erasure_id=ID, purged=(Purged(name="customers", rows=1),))
CLEAN = ProjectionsPurged(purged=(Purged(name="customers", rows=1),))
DESTROY = RecordKeysDestroyed(erasure_id=ID, key_ids=(7, 5, 7))
GONE = ErasureKeysDestroyed(key_ids=(5, 7))
CHECKS = (Check(name="keys", looked_at=2, found=0),)
COMPLETE = CompleteErasure(erasure_id=ID, certificate=DIGEST, checks=CHECKS)
DONE = ErasureCompleted(certificate=DIGEST, checks=CHECKS)
LIFE = (ASKED, VERIFIED, HIDDEN, CLEAN, GONE, DONE)


def state(*events: Event) -> Erasure:
    found: Erasure = given(decider, *events).state
    return found


def test_the_whole_life_of_a_request_each_step_once() -> None:
    commands = (REQUEST, VERIFY, BLOCK, PURGE, DESTROY, COMPLETE)
    statuses = [ErasureStatus.REQUESTED, ErasureStatus.VERIFIED, ErasureStatus.BLOCKED, ErasureStatus.PURGED,
                ErasureStatus.DESTROYING, ErasureStatus.COMPLETED]  # fmt: skip
    for number, (command, event, status) in enumerate(zip(commands, LIFE, statuses, strict=True)):
        before = LIFE[:number]
        assert given(decider, *before).when(command).then(event).status is status
        given(decider, *before, event).when(command).then_nothing()
        given(decider, *LIFE).when(command).then_nothing()


@pytest.mark.parametrize("command", [VERIFY, HOLD, LIFT, REFUSE, EXTEND, BLOCK, AT_ONCE, PURGE, DESTROY, COMPLETE])
def test_of_a_request_that_nobody_made_nothing_can_be_said(command: Command) -> None:
    given(decider).when(command).refused("There is no such request.", "erasure_id")


def test_an_id_is_of_one_request() -> None:
    given(decider, ASKED).when(but(REQUEST, customer_id=TWIN)).refused(
        "This id belongs to another request.", "erasure_id"
    )
    given(decider, ASKED).when(but(REQUEST, kind=ErasureKind.BLOCK)).refused(
        "This id belongs to another request.", "erasure_id"
    )


def test_nobody_is_blocked_before_it_is_known_who_asked() -> None:
    reason = "This request is requested, and must be verified for that."
    given(decider, ASKED).when(BLOCK).refused(reason, "erasure_id")
    given(decider, ASKED).when(but(VERIFY, method=" ")).refused("The method must not be blank.", "method")


def test_the_steps_do_not_overtake_one_another() -> None:
    given(decider, *LIFE[:2]).when(PURGE).refused(
        "This request is verified, and must be blocked for that.", "erasure_id"
    )
    blocked = "This request is blocked, and must be purged or destroying for that."
    given(decider, *LIFE[:3]).when(DESTROY).refused(blocked, "erasure_id")
    given(decider, *LIFE[:3]).when(COMPLETE).refused(blocked, "erasure_id")
    given(decider, *LIFE[:4]).when(COMPLETE).then(DONE)  # who has no personal values has no keys


def test_the_answer_may_be_no_until_the_person_is_blocked() -> None:
    given(decider, ASKED).when(REFUSE).then(REFUSED)
    given(decider, ASKED, VERIFIED).when(REFUSE).then(REFUSED)
    given(decider, ASKED, REFUSED).when(REFUSE).then_nothing()
    stands = "This request is {}, and must be requested or verified for that."
    given(decider, *LIFE[:3]).when(REFUSE).refused(stands.format("blocked"), "erasure_id")
    other = but(REFUSE, reason=ErasureRefusal.TAKEN_BACK)
    given(decider, ASKED, REFUSED).when(other).refused(stands.format("refused"), "erasure_id")
    given(decider, ASKED, REFUSED).when(VERIFY).refused(
        "This request is refused, and must be requested for that.", "erasure_id"
    )


def test_a_hold_is_set_and_lifted_as_long_as_anything_is_there() -> None:
    for events in (LIFE[:1], LIFE[:2], LIFE[:3], LIFE[:4], LIFE[:5]):
        given(decider, *events).when(HOLD).then(HELD)
        given(decider, *events, HELD).when(HOLD).then_nothing()
        given(decider, *events, HELD).when(LIFT).then(LIFTED)
        given(decider, *events, HELD, LIFTED).when(LIFT).then_nothing()
    given(decider, ASKED).when(LIFT).refused("Nothing of this scope was ever held.", "scope")
    given(decider, *LIFE).when(HOLD).refused(
        "This request is completed, and must be requested or verified or blocked or purged or destroying for that.",
        "erasure_id",
    )
    given(decider, ASKED).when(but(HOLD, legal_basis="")).refused("The legal basis must not be blank.", "legal_basis")
    given(decider, ASKED).when(but(HOLD, until=LATER.replace(tzinfo=None))).refused(
        "Give the moment with its offset, such as 2026-01-31T10:00:00Z.", "until"
    )


def test_what_is_held_is_of_its_scope_and_for_its_time() -> None:
    held = state(ASKED, HELD)
    assert held.holds == {HoldScope.CONTACT: Hold("CCom art. 30", LATER)}
    assert is_held(held, "contact", TODAY)
    assert not is_held(held, "identity", TODAY)
    assert not is_held(held, "contact", LATER)
    everything = state(ASKED, ErasureHoldSet(scope=HoldScope.EVERYTHING, legal_basis="A court"))
    assert all(is_held(everything, each, LATER) for each in ("identity", "contact", "text", "answer"))
    assert not is_held(state(ASKED, HELD, LIFTED), "contact", TODAY)


def test_the_deadline_is_extended_once_by_two_months_at_most() -> None:
    given(decider, ASKED).when(EXTEND).then(EXTENDED)
    given(decider, ASKED, EXTENDED).when(EXTEND).then_nothing()
    given(decider, ASKED, EXTENDED).when(but(EXTEND, months=1)).refused("The deadline can be extended once.", "months")
    given(decider, ASKED).when(but(EXTEND, months=3)).refused("The months must be from 1 to 2.", "months")
    given(decider, ASKED).when(but(EXTEND, reason=" ")).refused("The reason must not be blank.", "reason")


def test_the_officer_has_the_last_word_on_the_term() -> None:
    given(decider, *LIFE[:3]).when(AT_ONCE).then(FREE)
    given(decider, *LIFE[:3], FREE).when(AT_ONCE).then_nothing()
    assert state(*LIFE[:4], FREE).status is ErasureStatus.PURGED
    assert (state(*LIFE[:4], FREE).until, state(*LIFE[:4], FREE).legal_basis) == (TODAY, "None")
    given(decider, *LIFE[:2]).when(AT_ONCE).refused(
        "This request is verified, and must be blocked or purged or destroying for that.", "erasure_id"
    )


def test_a_person_is_the_customer_who_asked_and_not_too_many() -> None:
    asked = given(decider, *LIFE[:2])
    asked.when(but(BLOCK, subjects=(TWIN,))).refused("The customer who asked is not among them.", "subjects")
    asked.when(but(BLOCK, subjects=())).refused("Name from 1 to 1,000.", "subjects")
    many = tuple(UUID(int=n) for n in range(MAX_SUBJECTS + 1))
    asked.when(but(BLOCK, subjects=many)).refused("Name from 1 to 1,000.", "subjects")


def test_keys_are_named_once_and_count_from_one() -> None:
    purged = given(decider, *LIFE[:4])
    purged.when(but(DESTROY, key_ids=(0,))).refused("Keys count from 1.", "key_ids")
    purged.when(but(DESTROY, key_ids=())).refused("Name from 1 to 5,000.", "key_ids")
    purged.when(but(DESTROY, key_ids=tuple(range(1, MAX_KEYS + 2)))).refused("Name from 1 to 5,000.", "key_ids")
    given(decider, *LIFE[:5]).when(but(DESTROY, key_ids=(5, 8))).then(ErasureKeysDestroyed(key_ids=(8,)))


def test_nothing_is_certified_while_something_is_left() -> None:
    left = (Check(name="customers", looked_at=1, found=1),)
    given(decider, *LIFE[:5]).when(but(COMPLETE, checks=left)).refused(
        "Something is left: it is not complete.", "checks"
    )
    given(decider, *LIFE[:5]).when(but(COMPLETE, certificate="x")).refused(
        "The certificate must be a SHA-256 in 64 hexadecimal digits.", "certificate"
    )
    given(decider, *LIFE).when(but(COMPLETE, certificate=OTHER)).refused(
        "This erasure has another certificate.", "certificate"
    )


def test_a_customer_has_one_request_at_a_time_and_is_blocked_by_one() -> None:
    steps = [(claim.kind, claim.key, claim.step) for claim in claims(ID, ASKED, state(ASKED))]
    assert steps == [(REQUESTED, ANA, ClaimStep.KNOWN), (REQUESTED, ANA, ClaimStep.OWN)]
    assert [claim.step for claim in claims(ID, REFUSED, state(ASKED, REFUSED))] == [ClaimStep.RELEASE]
    found = [(claim.kind, claim.key, claim.holder) for claim in claims(ID, HIDDEN, state(*LIFE[:3]))]
    assert found == [(BLOCKED, ANA, ID), (BLOCKED, TWIN, ID)]
    assert list(claims(ID, CLEAN, state(*LIFE[:4]))) == []
