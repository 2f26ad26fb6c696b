"""Allocation rules."""

from dataclasses import replace
from uuid import UUID

from domain.allocation import (
    MAX_ALLOCATION_VERSIONS,
    AllocationBasis,
    AllocationRulePublished,
    AllocationScope,
    PublishAllocationRule,
    allocation_id,
    decider,
)
from domain.kernel import reference
from tests.domain.scenario import but, given

PUBLISH = PublishAllocationRule(allocation_id=allocation_id("media"), key="media", basis=AllocationBasis.BY_REVENUE)
PUBLISHED = AllocationRulePublished(
    key="media", version=1, basis=AllocationBasis.BY_REVENUE, scope=AllocationScope.CUSTOMER
)


def test_a_rule_is_published_once_under_the_id_of_its_key() -> None:
    assert allocation_id("media") == reference("allocation", "bitacora", "media")
    given(decider).when(PUBLISH).then(PUBLISHED)
    given(decider, PUBLISHED).when(PUBLISH).then_nothing()


def test_another_rule_is_the_next_version() -> None:
    second = replace(PUBLISHED, version=2, basis=AllocationBasis.EQUALLY)
    given(decider, PUBLISHED).when(but(PUBLISH, basis=AllocationBasis.EQUALLY)).then(second)
    given(decider, PUBLISHED).when(but(PUBLISH, scope=AllocationScope.SEGMENT)).then(
        replace(PUBLISHED, version=2, scope=AllocationScope.SEGMENT)
    )
    given(decider, PUBLISHED, second).when(PUBLISH).then(replace(PUBLISHED, version=3))


def test_when_two_publish_a_rule_at_once_the_second_is_the_next_version() -> None:
    rival = replace(PUBLISHED, basis=AllocationBasis.BY_CASES)
    given(decider, rival).when(PUBLISH).then(replace(PUBLISHED, version=2))


def test_a_rule_must_make_sense() -> None:
    given(decider).when(but(PUBLISH, key=" ")).refused("The key must not be blank.", "key")
    given(decider).when(but(PUBLISH, allocation_id=UUID(int=1))).refused(
        "The id of this rule is bitacora:media.", "allocation_id"
    )


def test_a_rule_has_only_so_many_versions() -> None:
    last = replace(PUBLISHED, version=MAX_ALLOCATION_VERSIONS)
    given(decider, last).when(PUBLISH).then_nothing()
    given(decider, last).when(but(PUBLISH, basis=AllocationBasis.EQUALLY)).refused(
        "A rule has at most 1000 versions. Publish another one."
    )
