"""P10: the daily digest for management lists the cases, in the language of whoever reads it."""

import re
from pathlib import Path
from uuid import UUID

import pytest

from domain.activity import ActivityScheduled
from domain.case import OpenCase
from domain.case_events import CasePriority, CaseType
from domain.kernel import derived
from domain.staff import AddStaff, ChangeStaff, StaffRole
from domain.values import Channel
from eventstore.envelope import Origin
from processes import case_escalation, case_sla
from tests.conftest import House
from tests.processes.desk import at, open_case, reopen, resolve, respond
from tests.processes.shop import Shop

DIRECTOR = derived("staff", "director")


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    """A service desk with a director."""
    shop = Shop(house.log, tmp_path / "mail", policies=[case_sla.policy, case_escalation.policy])
    shop.do(AddStaff(staff_id=DIRECTOR, name="Eva", role=StaffRole.DIRECTOR))
    return shop


def digests(shop: Shop, staff_id: UUID) -> list[str | None]:
    found = [event for event, _ in shop.events() if isinstance(event, ActivityScheduled) and event.staff_id == staff_id]
    return [each.subject for each in found if each.related_noun is None]


def test_the_digest_lists_the_cases_in_the_language_of_whoever_reads_it(shop: Shop) -> None:
    other = derived("staff", "another director")
    shop.do(ChangeStaff(staff_id=DIRECTOR, languages=("es-ES", "en")))
    shop.do(AddStaff(staff_id=other, name="Sam", role=StaffRole.DIRECTOR, languages=("en",)))
    numbered = derived("case", "numbered")
    told = {"type": CaseType.INCIDENT, "priority": CasePriority.LOW, "channel": Channel.EMAIL}
    at(shop, OpenCase(case_id=numbered, number="C-7", **told), "2026-03-10 10:00")
    nameless = open_case(shop, "2026-03-10 11:00", CasePriority.LOW)
    at(shop, OpenCase(case_id=derived("case", "young"), number="C-9", **told), "2026-03-12 11:00")
    open_case(shop, "2026-03-12 12:00", CasePriority.LOW, origin=Origin.IMPORT)
    for case in (numbered, nameless):
        respond(shop, case)
    shop.until("2026-03-18 09:00")
    name = str(nameless)[:8]
    assert digests(shop, DIRECTOR) == [
        f"2 casos sin resolver desde hace más de 5 días hábiles, 18/03/2026: C-7, {name}"
    ]
    assert digests(shop, other) == [f"2 cases unresolved for more than 5 business days, 18 March 2026: C-7, {name}"]
    resolve(shop, numbered, "2026-03-18 12:00")
    shop.until("2026-03-19 09:00")
    said = "caso sin resolver desde hace más de 5 días hábiles"
    assert digests(shop, DIRECTOR)[1] == f"1 {said}, 19/03/2026: {name}"
    reopen(shop, numbered, "2026-03-19 12:00")
    shop.until("2026-03-20 09:00")
    assert digests(shop, other)[2] == f"2 cases unresolved for more than 5 business days, 20 March 2026: {name}, C-9"
    shop.until("2026-03-30 09:00")
    assert str(digests(shop, other)[-1]).endswith(f": {name}, C-9, C-7")


def test_many_cases_are_listed_as_far_as_there_is_room(shop: Shop) -> None:
    told = {"type": CaseType.INCIDENT, "priority": CasePriority.LOW, "channel": Channel.EMAIL}
    for number in range(30):
        shop.do(OpenCase(case_id=derived("case", number), number=f"C-{number:04}", **told), "2026-03-10 10:00")
    shop.until("2026-03-18 09:00")
    [subject] = digests(shop, DIRECTOR)
    assert subject is not None
    assert subject.startswith("30 cases unresolved for more than 5 business days, 18 March 2026: C-")
    assert re.search(r"(, C-\d{4}){10,} and \d+ more$", subject)
    assert len(subject) <= 200
