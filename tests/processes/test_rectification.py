"""What was corrected is blocked: gone from the log and from the views, and kept for the officer alone."""

import json
import struct
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.customer import ChangeAddress, ChangeCustomerProfile, InferPreference, RegisterCustomer, StatePreference
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier
from domain.kernel import Command, derived, sealed_fields
from domain.staff import AddStaff, ChangeStaff, StaffRole
from domain.superseding import SUPERSEDED
from eventstore.custody.custodian import Custodian
from eventstore.custody.eraser import Eraser, NotSealed
from eventstore.custody.officer import Officer, OfficerError
from eventstore.custody.values import BlockedValues, Corrected
from eventstore.envelope import Request
from processes.rectification import YEARS, Rectification
from projections import VIEWS
from projections.engine import Engine
from projections.forgetting import Behind, forget, personal_views
from projections.rebuild import rebuild
from tests.conftest import House
from tests.eventstore.custody.test_erased import say_destroyed
from tests.eventstore.sealing.conftest import sealer_in

ANA, EVA = derived("customer", "ana"), derived("customer", "eva")
WRONG = ("Anna Wrong", "wrong@example.com", "wrongly", "Wrong 1")
NOW = datetime.fromisoformat("2026-06-01T12:00:00+00:00")


class Desk:
    """A log whose sealed part is followed."""

    def __init__(self, house: House, folder: Path) -> None:
        self.log, self.dsn, self.folder = house.log, house.dsn, folder
        self.custodian = Custodian(house.dsn, house.log.keys)
        self.officer = Officer.new()
        self.engine = Engine(house.log, house.pool, VIEWS)
        self.now = NOW
        self.fold_anew = partial(forget, self.engine)

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.log.do(command)

    def rectification(self) -> Rectification:
        return Rectification(
            self.log,
            self.custodian,
            Eraser(self.dsn),
            lambda people, at: self.fold_anew(people, at),
            now=lambda: self.now,
        )

    def rectify(self) -> None:
        """The log is sealed up to its end, and what that corrects is blocked."""
        with sealer_in(self.dsn, self.folder) as sealer:
            sealer.run()
        step = self.rectification().step
        while step():
            pass

    def left(self) -> set[Any]:
        """The personal values that anybody can read."""
        return {
            getattr(event, name)
            for event, at in self.log.reader.page(0, disclose=True)
            for name in type(event).__slots__
            if getattr(event, name) is not None and name in ("name", "birth_date", "address", "value", "email")
        }

    def kept(self, officer: Officer | None = None) -> list[Any]:
        """What the officer reads."""
        people = [row[0] for row in self.rows("select distinct subject_id from keys.blocked_value")]
        return [
            json.loads(each.value) for each in BlockedValues(self.custodian).opened(people, officer or self.officer)
        ]

    def shown(self) -> str:
        """Everything that is in the views."""
        held = []
        with psycopg.connect(self.dsn) as db:
            for (table,) in db.execute("select tablename from pg_tables where schemaname = 'views'").fetchall():
                with db.cursor().copy(f"copy (select t::text from views.{table} t) to stdout") as copy:  # type: ignore[arg-type]
                    held += [bytes(part).decode() for part in copy]
        return "".join(held)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as db:
            return db.execute(query).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    desk = Desk(house, tmp_path)
    desk.custodian.name_officer(desk.officer.public)
    return desk


def corrected(desk: Desk) -> None:
    desk.do(
        RegisterCustomer(customer_id=ANA, name="Anna Wrong"),
        RegisterCustomer(customer_id=EVA, name="Eva"),
        ChangeCustomerProfile(customer_id=ANA, name="Ana Right", birth_date=date(1990, 1, 1)),
        ChangeCustomerProfile(customer_id=ANA, language="ca"),
        ChangeCustomerProfile(customer_id=ANA, birth_date=date(1991, 1, 1)),
    )


def test_what_was_corrected_leaves_the_log_and_the_officer_keeps_it(desk: Desk) -> None:
    corrected(desk)
    digests = desk.rows("select personal from es.event order by position")
    desk.rectify()
    assert desk.left() == {"Ana Right", "Eva", date(1991, 1, 1)}
    assert desk.kept() == ["Anna Wrong", "1990-01-01"]
    assert desk.rows("select position, slot, reason, because from es.erased order by 1") == [
        (1, 0, "RECTIFIED", 3),
        (3, 1, "RECTIFIED", 5),
    ]
    until = NOW.date().replace(year=NOW.year + YEARS)
    assert desk.rows("select distinct blocked_until, basis from keys.blocked_value") == [(until, "LOPDGDD art. 32")]
    assert desk.rows("select personal from es.event order by position") == digests
    with pytest.raises(OfficerError):
        desk.kept(Officer.new())


def test_twice_is_the_same_as_once_and_a_correction_is_corrected_too(desk: Desk) -> None:
    corrected(desk)
    desk.rectify()
    desk.rectify()
    desk.do(ChangeCustomerProfile(customer_id=ANA, name="Ana At Last"))
    desk.rectify()
    assert desk.kept() == ["Anna Wrong", "Ana Right", "1990-01-01"]
    assert desk.left() == {"Ana At Last", "Eva", date(1991, 1, 1)}


def test_the_views_and_what_is_kept_of_them_forget_it_and_a_rebuild_is_the_same(desk: Desk) -> None:
    desk.engine.prepare()
    desk.do(
        RegisterCustomer(customer_id=ANA, name="Anna Wrong", email="wrong@example.com"),
        StatePreference(customer_id=ANA, topic="hobby", value="wrongly"),
        address("Wrong 1"),
    )
    desk.engine.catch_up()
    for view in personal_views(desk.engine):
        rebuild(desk.engine, view)  # what was there before is kept to go back to
    desk.do(
        ChangeCustomerProfile(customer_id=ANA, name="Ana Right"),
        RemoveIdentifier(customer_id=ANA, type=IdentifierType.EMAIL, value="wrong@example.com"),
        StatePreference(customer_id=ANA, topic="hobby", value="rightly"),
        address("Right 1"),
    )
    desk.engine.catch_up()
    assert {word for word in WRONG if word in desk.shown()}
    desk.rectify()
    assert {word for word in WRONG if word in desk.shown()} == set()
    assert "Ana Right" in desk.shown()
    for view in personal_views(desk.engine):
        assert rebuild(desk.engine, view).unchanged


def address(street: str) -> ChangeAddress:
    return ChangeAddress(customer_id=ANA, street=street, postal_code="1", city="Oviedo", country="ES")


def test_addresses_preferences_and_identifiers_are_corrected_where_they_say_the_same_thing(desk: Desk) -> None:
    mail = IdentifierType.EMAIL
    desk.do(
        RegisterCustomer(customer_id=ANA, name="Ana", email="wrong@example.com"),
        address("Old 1"), address("New 2"),
        InferPreference(customer_id=ANA, topic="hobby", value="chess", evidence=(1,)),
        StatePreference(customer_id=ANA, topic="hobby", value="go"),
        StatePreference(customer_id=ANA, topic="contact-time", value="mornings"),
        AddIdentifier(customer_id=ANA, type=mail, value="right@example.com"),
        RemoveIdentifier(customer_id=ANA, type=mail, value="wrong@example.com"),
    )  # fmt: skip
    desk.rectify()
    assert [each["street"] if isinstance(each, dict) else each for each in desk.kept()] == [
        "wrong@example.com", "wrong@example.com", "Old 1", "chess",
    ]  # fmt: skip
    left = {getattr(each, "street", each) for each in desk.left()}
    assert left == {"Ana", "right@example.com", "New 2", "go", "mornings"}
    assert desk.log.owner("EMAIL", "wrong@example.com") is None
    assert desk.log.holders("EMAIL", "right@example.com") == [ANA]
    before = desk.rows("select kind, key, holder from es.claim order by 1, 2, 3")
    desk.log.rebuild_claims()
    assert desk.rows("select kind, key, holder from es.claim order by 1, 2, 3") == before
    desk.do(AddIdentifier(customer_id=ANA, type=mail, value="wrong@example.com"))
    assert desk.log.holders("EMAIL", "wrong@example.com") == [ANA]


def test_names_of_staff_are_corrected_too(desk: Desk) -> None:
    staff = derived("staff", 1)
    desk.do(
        AddStaff(staff_id=staff, name="Lusi", role=StaffRole.REP, email="l@example.com"),
        ChangeStaff(staff_id=staff, name="Lucy"),
    )
    desk.rectify()
    assert (desk.kept(), desk.left()) == (["Lusi"], {"Lucy", "l@example.com"})


def test_nothing_is_taken_away_before_the_correction_is_sealed_or_without_an_officer(
    house: House, tmp_path: Path
) -> None:
    desk = Desk(house, tmp_path)
    corrected(desk)
    assert not desk.rectification().step()
    desk.rectify()
    assert desk.rectification().waiting() == 5
    assert "Anna Wrong" in desk.left()
    desk.custodian.name_officer(desk.officer.public)
    desk.rectify()
    assert "Anna Wrong" not in desk.left()
    desk.do(ChangeCustomerProfile(customer_id=ANA, name="Ana Later"))
    assert not desk.rectification().step()
    assert "Ana Right" in desk.left()


@pytest.mark.parametrize("point", ["keep", "rectify", "fold_anew"])
def test_a_step_that_came_to_an_end_anywhere_is_gone_on_with(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    corrected(desk)
    desk.engine.prepare()
    desk.engine.catch_up()
    folded: list[Any] = []

    def breaks(*_: object, **__: object) -> None:
        raise Behind("killed")

    with monkeypatch.context() as patch:
        target: Any = {"keep": BlockedValues, "rectify": Eraser, "fold_anew": desk}[point]
        patch.setattr(target, point, breaks)
        with pytest.raises(Behind):
            desk.rectify()
    fold = desk.fold_anew
    desk.fold_anew = lambda people, at: (folded.append(people), fold(people, at))  # type: ignore[assignment, func-returns-value]
    desk.rectify()
    assert folded == [{ANA}]
    assert desk.kept() == ["Anna Wrong", "1990-01-01"]
    assert desk.left() == {"Ana Right", "Eva", date(1991, 1, 1)}


def test_what_was_kept_for_long_enough_is_destroyed_and_that_it_was_there_stays(desk: Desk) -> None:
    corrected(desk)
    desk.rectify()
    desk.now = NOW.replace(year=NOW.year + YEARS) - timedelta(days=1)
    desk.rectify()
    assert len(desk.kept()) == 2
    desk.now += timedelta(days=1)
    desk.rectify()
    assert desk.kept() == []
    assert desk.rows("select count(*), count(sealed), count(destroyed_at) from keys.blocked_value") == [(2, 0, 2)]


def test_the_database_takes_no_value_away_that_nothing_corrects(desk: Desk) -> None:
    corrected(desk)
    with sealer_in(desk.dsn, desk.folder) as sealer:
        sealer.run()
    eraser = Eraser(desk.dsn)
    for position, because in ((1, 2), (3, 1), (1, 99), (99, 3), (3, 3)):
        with pytest.raises(NotSealed, match="later event of its stream"):
            eraser.rectify([Corrected(position, 0, ANA, 1, because, b"")])
    desk.do(ChangeCustomerProfile(customer_id=ANA, name="Not sealed"))
    with pytest.raises(NotSealed):
        eraser.rectify([Corrected(1, 0, ANA, 1, 6, b"")])
    assert desk.rows("select count(*) from es.erased") == [(0,)]
    assert eraser.rectify([Corrected(1, 0, ANA, 1, 3, b"")]) == 1


def test_what_is_under_a_blocked_key_stays_where_it_is(desk: Desk) -> None:
    corrected(desk)
    keys = [key.key_id for key in desk.custodian.of([ANA])]
    desk.custodian.block(keys, until=date(2029, 1, 1), basis="art. 17")
    desk.rectify()
    assert desk.kept() == []
    assert desk.rows("select count(*) from es.erased") == [(0,)]


def test_the_digest_of_an_event_follows_from_its_values_and_tombstones(desk: Desk) -> None:
    corrected(desk)
    desk.rectify()
    for position, kept in desk.rows("select position, personal from es.event where personal is not null"):
        parts = desk.rows(
            f"select slot, subject_id, key_id, sha256(nonce || ciphertext) from es.personal where position = {position} "
            f"union all select slot, subject_id, key_id, digest from es.erased where position = {position} order by 1"
        )
        whole = sha256(b"bitacora-personal/1\0")
        for slot, subject, key_id, of_value in parts:
            whole.update(struct.pack(">H16sQ", slot, subject.bytes, key_id) + of_value)
        assert whole.digest() == kept


def test_every_rule_names_fields_that_are_sealed() -> None:
    for rule in SUPERSEDED:
        assert rule.field in sealed_fields(rule.of)
        assert rule.by_field is None or rule.by_field in sealed_fields(rule.by)
        assert rule.alike is None or {rule.alike} <= set(rule.by.__slots__) & set(rule.of.__slots__)  # type: ignore[attr-defined]


def test_a_correction_that_was_erased_itself_still_corrects(desk: Desk) -> None:
    """The key of its year was destroyed; what it corrected is of another year."""
    long_ago = Request(occurred_at=NOW - timedelta(days=900))
    desk.log.do(RegisterCustomer(customer_id=ANA, name="Anna Wrong"), long_ago)
    desk.log.do(ChangeCustomerProfile(customer_id=ANA, name="Ana Right"), Request(occurred_at=NOW))
    [key] = [key.key_id for key in desk.custodian.of([ANA]) if key.period == NOW.year]
    because = say_destroyed(desk.log.pool, key)
    with sealer_in(desk.dsn, desk.folder) as sealer:
        sealer.run()
    desk.custodian.destroy([key], because=because)
    assert Eraser(desk.dsn).erase([key], because=because) == 1
    desk.rectify()
    assert desk.left() == set()
    assert desk.kept() == ["Anna Wrong"]
