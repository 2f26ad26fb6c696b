"""Loops: however policies set one another off, no chain of causes goes beyond its limit, and it is said where one ends."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.predicate import TestOperator
from domain.rules import Occurrence
from processes import POLICIES, triggers
from processes.triggers import MAX_CAUSES
from tests.conftest import House
from tests.processes.defining import AT_ONCE, TASK, a, define
from tests.processes.following import Company

HALF_DAYS = 8
CHAINS = """
    with recursive chain (position, depth) as (
      select position, 0 from es.event where because is null
      union all
      select e.position, c.depth + 1 from es.event e join chain c on e.because = c.position)
    select coalesce(max(depth), 0), count(*) from chain
"""


def longest_chain(house: House) -> int:
    """How many events caused one another at most."""
    with house.pool.connection() as db:
        row = db.execute(CHAINS).fetchone()
    assert row is not None
    assert row[1] == house.log.reader.head()  # every chain has a beginning
    return int(row[0])


def meddle(company: Company) -> None:
    """Two defined policies that answer to each other's tasks, and one that answers to those of all that come with us."""
    for key, other in (("ping", "pong"), ("pong", "ping")):
        heard = Occurrence(event="activity.scheduled.v1", when=a("origin_policy", TestOperator.EQ, text=other))
        begun = (heard, Occurrence(event="case.opened.v1")) if key == "ping" else (heard,)
        define(company.shop, replace(AT_ONCE, triggers=begun, action=TASK), key)
    names = tuple(policy.name for policy in POLICIES)
    heard = Occurrence(event="activity.scheduled.v1", when=a("origin_policy", TestOperator.IN, texts=names))
    define(company.shop, replace(AT_ONCE, triggers=(heard,), action=TASK), "busybody")


def test_no_chain_of_all_policies_goes_beyond_the_limit_and_none_is_cut_off(house: House, tmp_path: Path) -> None:
    company = Company(house, tmp_path / "ours").go_on(HALF_DAYS)
    assert 1 < longest_chain(house) <= MAX_CAUSES
    assert not [row for row in company.shop.ledger() if row.reason == "LOOP"]


def test_policies_that_set_one_another_off_among_all_the_others_come_to_an_end_and_say_so(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    company = Company(house, tmp_path / "ours")
    meddle(company)
    company.go_on(HALF_DAYS)
    assert longest_chain(house) == MAX_CAUSES + 1  # with the row that says so
    stopped = [row for row in company.shop.ledger() if row.reason == "LOOP"]
    assert {row.policy for row in stopped} <= {"ping", "pong"}
    opened = [at for event, at in company.shop.events() if at.type == "case.opened.v1"]
    assert len(stopped) == len(opened) > 0
    for row in stopped:
        assert f"Event {row.trigger_position} is the end of more than {MAX_CAUSES} events" in caplog.text
    assert [row for row in company.shop.ledger() if row.policy == "busybody" and row.reason == "TASK"]


def test_without_a_limit_they_would_go_on(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant that is found out."""
    monkeypatch.setattr(triggers, "ends_of_long_chains", lambda db, found: set())
    company = Company(house, tmp_path / "ours")
    meddle(company)
    worker = company.shop.worker
    for command in company.life.complain(company.shop.now):
        company.shop.do(command)
    for _ in range(4 * MAX_CAUSES):
        worker.step()
    assert longest_chain(house) > MAX_CAUSES
