"""The life of the policies that come with Bitácora, which is that of any other."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.follow_up import FollowUpStatus
from domain.policy import PolicyDefined, PolicyStatus, PolicySwitched, policy_id
from domain.rules import Occurrence, must_be_rules
from domain.survey import POST_PURCHASE
from processes import POLICIES, post_purchase_survey, survey_memory
from processes.lives import Lives
from processes.policy import Policy
from tests.conftest import House
from tests.processes.defining import (
    KEY,
    THANKS,
    activate,
    define,
    of,
    pause,
    retire,
)
from tests.processes.shop import Shop

CANCELLED, DELIVERED = FollowUpStatus.CANCELLED, FollowUpStatus.DELIVERED
SCHEDULED = FollowUpStatus.SCHEDULED
SURVEY = post_purchase_survey.policy


def test_a_policy_that_is_code_shows_its_rules_once(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail")
    for _ in range(2):
        shop.hire().run()
    said = [event for event, _ in shop.events() if isinstance(event, PolicyDefined | PolicySwitched)]
    assert said == [
        PolicyDefined(key=SURVEY.name, version=1, rules=survey_memory.RULES, built_in=True),
        PolicySwitched(status=PolicyStatus.ACTIVE),
    ]
    again = Shop(house.log, tmp_path / "mail", policies=[replace(SURVEY, version=2)])
    again.worker.run()
    said = [event for event, _ in shop.events() if isinstance(event, PolicyDefined)]
    assert [event.version for event in said if isinstance(event, PolicyDefined)] == [1, 2]


def test_a_policy_that_is_code_is_paused_and_retired_like_any_other(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail")
    customer = shop.customer()
    first = shop.order(customer, "2026-01-10 18:00")
    shop.worker.run()
    pause(shop, SURVEY.name)
    second = shop.order(customer, "2026-01-11 18:00")
    shop.until("2026-02-10 10:00")
    assert [row.trigger for row in shop.ledger()] == [first]
    activate(shop, SURVEY.name)
    shop.until("2026-02-10 10:01")
    assert (shop.outcome(first), shop.outcome(second)[0]) == (("DELIVERED", None), "SCHEDULED")
    retire(shop, SURVEY.name)
    shop.until("2026-02-11 10:01")
    assert shop.outcome(second) == ("CANCELLED", "RETIRED")
    assert len(shop.mails()) == 1
    assert {row.status for row in shop.ledger()} == {DELIVERED, CANCELLED}
    shop.order(customer, "2026-02-11 18:00")
    shop.hire().run()
    assert len(shop.ledger("survey")) == 2


def test_the_rules_of_the_survey_say_what_it_does(house: House, tmp_path: Path) -> None:
    """The same orders, and the rules as somebody would define them: the same days, and the same are taken back."""
    shop = Shop(house.log, tmp_path / "mail")
    shop.do(POST_PURCHASE)
    define(shop, survey_memory.RULES, "the-same")
    customer = shop.customer()
    for day in ("2026-01-10 18:00", "2026-01-31 12:00", "2026-07-31 12:00"):
        shop.order(customer, day)
        shop.worker.run()
    gone = shop.order(customer, "2026-01-12 18:00", pieces=2)
    shop.worker.run()
    shop.give_back(gone, 1)
    shop.worker.run()
    assert of(shop, gone, "the-same").status is SCHEDULED
    shop.give_back(gone, 1)
    shop.worker.run()
    ours, theirs = (
        [(row.due_at, row.status, row.purpose, row.channel) for row in shop.ledger() if row.policy == key]
        for key in (SURVEY.name, "the-same")
    )
    assert ours == theirs
    assert [status for _, status, _, _ in ours] == [SCHEDULED, SCHEDULED, SCHEDULED, CANCELLED]


@pytest.mark.parametrize("policy", [each for each in POLICIES if each.rules is not None], ids=lambda each: each.name)
def test_the_rules_of_every_policy_that_shows_them_make_sense(policy: Policy[object]) -> None:
    assert policy.rules is not None
    must_be_rules(policy.rules, built_in=True)


def test_a_name_that_is_taken_stays_with_what_comes_with_bitacora(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = Shop(house.log, tmp_path / "before", policies=())
    define(before, key=SURVEY.name)
    shop = Shop(house.log, tmp_path / "mail")
    order = shop.order(shop.customer(), "2026-01-10 18:00")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("DELIVERED", None)
    assert len(shop.ledger()) == 3  # with its reminder and its end
    assert "does nothing: one with this name comes with Bitácora" in caplog.text
    assert "The rules of post-purchase-survey are not shown." in caplog.text


def test_what_another_version_of_bitacora_brought_along_is_left_alone(house: House, tmp_path: Path) -> None:
    order = (shop := Shop(house.log, tmp_path / "mail")).order(shop.customer(), "2026-01-10 18:00")
    shop.worker.run()
    shop = Shop(house.log, tmp_path / "mail", policies=())
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SCHEDULED", None)


def test_rules_that_cannot_be_read_do_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    lives = Lives(house.log, ())
    rules = replace(THANKS, triggers=(Occurrence(event="order.teleported.v1"),))
    lives._define(PolicyDefined(key=KEY, version=1, rules=rules), policy_id(KEY), 7)
    assert list(lives) == []
    assert "Version 1 of the policy thanks cannot be read. There is no event order.teleported.v1." in caplog.text
