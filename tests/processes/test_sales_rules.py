"""What is shown of the policies of sales is what they react to."""

from typing import Any

import pytest

from domain.campaign_member import CampaignMessageDispatched
from domain.rules import must_be_rules
from processes import assignment, first_visit, lead_response, opportunity_hygiene, quote_follow_up
from processes.policy import Policy
from tests.processes.shop import Shop

POLICIES = (
    assignment.policy, first_visit.policy, lead_response.policy, opportunity_hygiene.policy, quote_follow_up.policy,
)  # fmt: skip
ONLY_IF_ALL_ARE_VISITED = {CampaignMessageDispatched}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_rules_name_the_triggers_and_what_takes_back(policy: Policy[Any]) -> None:
    assert policy.rules is not None
    must_be_rules(policy.rules, built_in=True)
    triggers = {each.event for each in policy.rules.triggers}
    assert triggers == {each.stored_as for each in policy.triggers.keys() - ONLY_IF_ALL_ARE_VISITED}
    taken_back = {each.event for each in policy.rules.cancelled_by}
    assert taken_back == {each.stored_as for each in policy.reactions.keys() - policy.triggers.keys()}


def test_a_worker_registers_them(shop: Shop) -> None:
    shop.policies = POLICIES
    shop.hire().run()
    registered = {getattr(event, "key", None) for event, _ in shop.events()}
    assert {each.name for each in POLICIES} <= registered
