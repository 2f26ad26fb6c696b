"""Each night it is looked what is older than its law allows: somebody is told, or it is destroyed if that is wanted."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from domain.activity import ActivityScheduled
from domain.interaction import LogInteraction
from domain.kernel import derived
from domain.staff import AddStaff, StaffRole
from domain.values import Channel
from eventstore.log import Log
from processes.nights import last_night
from processes.retention import decide_on, outdated
from processes.retention_nights import AT, Nightly, last_look
from tests.processes.privacy import Office
from tests.processes.test_retention import ANA, EVA, applied, found, in_year, office, tell, texts  # noqa: F401

DPO = derived("staff", "dpo")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def old(office: Office) -> Office:  # noqa: F811
    """A house in which something was said long ago."""
    tell(office, ANA, 2015)
    office.seal()
    return office


def nightly(office: Office, *, apply: bool) -> Nightly:  # noqa: F811
    return Nightly(office.log, office.engine, office.custodian, office.dsn, apply=apply, now=lambda: office.now)


def night(office: Office, *, apply: bool, after: int = 0) -> bool:  # noqa: F811
    """What comes of looking at noon, so many days later; the sealer does its work."""
    office.now = NOON + timedelta(days=after)
    looked = nightly(office, apply=apply).step()
    office.seal()
    return looked or nightly(office, apply=apply).step()


def tasks(log: Log) -> list[ActivityScheduled]:
    read = log.reader.page(0, types=["activity.scheduled.v1"], disclose=True)
    return [event for event, _ in read if isinstance(event, ActivityScheduled)]


def destroyed(office: Office) -> int:  # noqa: F811
    return int(office.query("select count(*) from es.event where type = 'retention.keys_destroyed.v1'")[0][0])


def test_the_officer_has_a_task_once_a_month_and_nothing_is_destroyed(old: Office) -> None:
    old.do(AddStaff(staff_id=derived("staff", "director"), name="Dora", role=StaffRole.DIRECTOR, languages=("en",)))
    old.do(AddStaff(staff_id=DPO, name="Dolores", role=StaffRole.DPO, languages=("en",)))
    assert [night(old, apply=False, after=days) for days in (0, 1, 2)] == [True, True, True]
    (task,) = tasks(old.log)
    assert task.staff_id == DPO
    assert task.subject == "3 keys of 1 people are older than their law allows: bitacora privacy retention"
    assert (destroyed(old), texts(old)) == (0, {2015: "said in 2015"})
    night(old, apply=False, after=40)
    assert len(tasks(old.log)) == 2


def test_nobody_is_told_that_nothing_is_due(office: Office) -> None:  # noqa: F811
    tell(office, ANA, 2026, registered=2025)
    assert night(office, apply=True)
    assert night(office, apply=True, after=1)
    assert (tasks(office.log), destroyed(office)) == ([], 0)


def test_it_is_looked_once_a_night_by_whoever_comes_first(old: Office) -> None:
    old.now = NOON
    assert nightly(old, apply=False).step()
    assert not nightly(old, apply=False).step()
    old.now = datetime(2026, 6, 1, 23, 59, tzinfo=UTC)  # in Madrid it is the next day, but not night yet
    assert not nightly(old, apply=False).step()
    old.now = datetime(2026, 6, 2, 0, 0, tzinfo=UTC)
    assert nightly(old, apply=False).step()
    with old.log.pool.connection() as db:
        assert last_look(db) == date(2026, 6, 2)


def test_the_first_night_only_tells_and_the_next_one_destroys(old: Office) -> None:
    assert night(old, apply=True)
    assert (len(tasks(old.log)), destroyed(old)) == (1, 0)
    assert night(old, apply=True, after=1)
    assert destroyed(old) == 3
    assert texts(old) == {2015: None}
    assert old.query(
        "select count(*) from es.personal p join es.event e using (position) where e.actor = 'user:dpo'"
    ) == [(0,)]
    assert found(old)["text"] == (0, 0)


def test_what_is_not_sealed_yet_is_gone_on_with_before_the_night_counts(old: Office) -> None:
    night(old, apply=True)
    old.now = NOON + timedelta(days=1)
    assert not nightly(old, apply=True).step()
    assert destroyed(old) == 3
    assert not nightly(old, apply=True).step()
    assert destroyed(old) == 3
    old.seal()
    assert nightly(old, apply=True).step()


def test_what_was_decided_by_hand_is_brought_to_its_end(old: Office) -> None:
    decide_on(old.log, outdated(old.log, old.engine, old.custodian, NOON.date()), actor="operator:dpo")
    assert night(old, apply=False)
    assert tasks(old.log) == []
    assert old.query("select count(*) from es.personal where subject_id = %s", ANA) == [(0,)]


def test_a_night_begins_at_two_in_the_zone_of_the_business_unit() -> None:
    assert last_night(datetime(2026, 1, 5, 0, 59, tzinfo=UTC), AT) == date(2026, 1, 4)
    assert last_night(datetime(2026, 1, 5, 1, 0, tzinfo=UTC), AT) == date(2026, 1, 5)
    assert last_night(datetime(2026, 7, 5, 0, 0, tzinfo=UTC), AT) == date(2026, 7, 5)


def test_keys_from_before_keys_had_a_year_are_dated_by_the_youngest_event_that_they_seal(office: Office) -> None:  # noqa: F811
    tell(office, ANA, 2019, 2021)
    tell(office, EVA, 2020)
    again = LogInteraction(
        interaction_id=derived("call", 1), customer_id=ANA, channel=Channel.PHONE, text="said once more"
    )
    office.do(again, in_year(2019))
    with psycopg.connect(office.dsn, autocommit=True) as db:
        db.execute("update keys.subject_key set serial = period - 2000, period = 0")
        assert found(office)["text"] == (2, 0)
        assert found(office, date(2027, 1, 1))["text"] == (3, 0)
        db.execute("alter table es.event disable trigger all")
        db.execute(
            "update es.event set occurred_at = '2021-01-01T00:00:00Z' where stream_id = %s", [derived("call", 1)]
        )
    assert found(office)["text"] == (1, 0)
    assert applied(office)[0] > 0
    assert {year: text for year, text in texts(office).items() if text is None} == {2020: None}


def test_a_key_from_before_keys_had_a_year_that_seals_nothing_is_left_alone(office: Office) -> None:  # noqa: F811
    tell(office, ANA, 2015)
    with psycopg.connect(office.dsn, autocommit=True) as db:
        db.execute("update keys.subject_key set serial = period - 2000, period = 0, subject_id = gen_random_uuid()")
    assert set(found(office).values()) == {(0, 0)}
