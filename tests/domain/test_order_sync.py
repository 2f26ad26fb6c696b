"""Order synchronisation."""

from uuid import UUID

import pytest

from domain.kernel import Command, derived
from domain.order_sync import (
    MAX_RECORDS,
    OrderAspect,
    OrderDiscrepancyDetected,
    OrderSyncedWithErp,
    RecordOrderDiscrepancy,
    RecordOrderSynced,
    decider,
    order_sync_id,
)
from tests.domain.scenario import but, given

ORDER = UUID(int=1)
SYNC = RecordOrderSynced(order_id=ORDER, external_id="SO-1", digest="aa")
SYNCED = OrderSyncedWithErp(order_id=ORDER, external_id="SO-1", digest="aa")
DIFFER = RecordOrderDiscrepancy(order_id=ORDER, field=OrderAspect.TOTAL, ours="10", theirs="12")
DIFFERS = OrderDiscrepancyDetected(order_id=ORDER, field=OrderAspect.TOTAL, ours="10", theirs="12")
RESOLVE = but(SYNC, digest="bb")
RESOLVED = OrderSyncedWithErp(order_id=ORDER, external_id="SO-1", digest="bb")


def test_there_is_one_stream_per_order() -> None:
    for command in (SYNC, DIFFER, RESOLVE):
        assert decider.stream_of(command) == order_sync_id(ORDER) == derived("order_sync", ORDER)


def test_an_order_is_synchronised_once_for_each_content() -> None:
    given(decider).when(SYNC).then(SYNCED)
    given(decider, SYNCED).when(SYNC).then_nothing()
    given(decider, SYNCED).when(but(SYNC, digest="bb")).then(
        OrderSyncedWithErp(order_id=ORDER, external_id="SO-1", digest="bb")
    )
    other = OrderSyncedWithErp(order_id=ORDER, external_id="SO-2", digest="aa")
    given(decider, SYNCED).when(but(SYNC, external_id="SO-2")).then(other)
    given(decider, SYNCED, other).when(SYNC).then(SYNCED)


def test_a_discrepancy_is_detected_once_until_it_changes_or_comes_back() -> None:
    given(decider).when(DIFFER).then(DIFFERS)
    given(decider, DIFFERS).when(DIFFER).then_nothing()
    for theirs in ("13", None):
        given(decider, DIFFERS).when(but(DIFFER, theirs=theirs)).then(
            OrderDiscrepancyDetected(order_id=ORDER, field=OrderAspect.TOTAL, ours="10", theirs=theirs)
        )
    given(decider, DIFFERS).when(but(DIFFER, field=OrderAspect.TAX)).then(
        OrderDiscrepancyDetected(order_id=ORDER, field=OrderAspect.TAX, ours="10", theirs="12")
    )
    given(decider, DIFFERS, RESOLVED).when(DIFFER).then(DIFFERS)


def test_another_digest_resolves_whatever_differed() -> None:
    taxed = OrderDiscrepancyDetected(order_id=ORDER, field=OrderAspect.TAX, ours="1", theirs="2")
    for before in ([], [SYNCED]):
        state = given(decider, *before, DIFFERS, taxed).when(RESOLVE).then(RESOLVED)
        assert not state.differing
        given(decider, *before, DIFFERS, taxed, RESOLVED).when(RESOLVE).then_nothing()
        given(decider, *before, DIFFERS, taxed, RESOLVED).when(DIFFER).then(DIFFERS)


def test_the_same_digest_resolves_nothing() -> None:
    moved = OrderSyncedWithErp(order_id=ORDER, external_id="SO-2", digest="aa")
    given(decider, SYNCED, DIFFERS).when(SYNC).then_nothing()
    given(decider, SYNCED, DIFFERS, moved).when(DIFFER).then_nothing()


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (but(SYNC, external_id=" "), "The external id must not be blank.", "external_id"),
        (but(SYNC, digest=""), "The digest must not be blank.", "digest"),
        (but(DIFFER, theirs="10"), "Both systems say the same: there is no discrepancy.", "theirs"),
        (but(DIFFER, ours=None, theirs=None), "Both systems say the same: there is no discrepancy.", "theirs"),
    ],
)
def test_what_is_recorded_must_make_sense(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


def test_an_order_is_not_compared_for_ever() -> None:
    often = [DIFFERS, RESOLVED, DIFFERS, SYNCED] * (MAX_RECORDS // 4)
    given(decider, *often).when(DIFFER).refused(
        f"This order was compared {MAX_RECORDS} times. Find out why it never agrees.", "order_id"
    )
    given(decider, *often).when(SYNC).then_nothing()
    given(decider, *often[:-1]).when(SYNC).then(SYNCED)
