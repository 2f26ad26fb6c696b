import gzip
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from api.importers import tickets
from api.importers.importing import Context, Line, Report, run, settings_of
from api.importers.lines import Source
from api.importers.xes import MAX_DEPTH, MAX_TAG_BYTES
from domain import DECIDERS
from domain.case import CaseStatus, OpenCase
from domain.case import decider as case_decider
from domain.case_events import CaseClassified, CaseOpened, CaseType
from domain.case_note import CaseNoted
from domain.customer import CustomerRegistered
from domain.kernel import Event, Refused, reference
from domain.staff import StaffAdded
from domain.values import Channel
from eventstore.commands import Commands
from eventstore.envelope import Origin
from tests.conftest import House
from tests.importers.conftest import refusals

REAL = Path(__file__).parents[3] / "shared/data/helpdesk"
HEADER = "case,timestamp,activity,resource,customer,product,seriousness_2,service_type,workgroup\n"
real = pytest.mark.skipif(not REAL.exists(), reason="the help desk's log is not part of the repository")

Load = Callable[..., Report]
NOW = datetime.fromisoformat("2026-01-31T18:00:00Z")


@pytest.fixture
def load(house: House, tmp_path: Path) -> Load:
    """`load(text or bytes or path, setting=value)`."""

    def load(content: str | bytes | Path, **told: str) -> Report:
        path = content if isinstance(content, Path) else written(tmp_path, content)
        return run(tickets.importer, str(path), log=house.log, commands=Commands(DECIDERS), settings=told)

    return load


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "log"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def happened(house: House) -> list[Event]:
    """What happened to cases, customers and staff."""
    every = [event for event, _ in house.log.reader.page(0, disclose=True)]
    return [event for event in every if not event.stored_as.startswith("import_batch.")]


def names(house: House) -> list[str]:
    """The names of what happened to cases, in order."""
    return [type(each).__name__ for each in happened(house) if each.stored_as.startswith("case")]


def csv_log(*activities: str, case: str = "T1") -> str:
    """Rows of one case, a minute apart, by Ana for ACME."""
    return "".join(
        f"{case},2013-02-01T10:{minute:02}:00+01:00,{activity},Ana,ACME,P1,2,S1,Q1\n"
        for minute, activity in enumerate(activities)
    )


def xes_log(*activities: str, more: str = "") -> str:
    """The same as XES."""
    events = "".join(
        f'<event>{more}<string key="concept:name" value="{activity}"/><string key="org:resource" value="Ana"/>'
        f'<date key="time:timestamp" value="2013-02-01T10:{minute:02}:00+01:00"/><string key="product" value="P1"/>'
        '<string key="seriousness_2" value="2"><string key="product" value="NESTED"/></string>'
        '<string key="service_type" value="S1"/><string key="workgroup" value="Q1"/></event>'
        for minute, activity in enumerate(activities)
    )
    return (
        '<?xml version="1.0"?><log xmlns="http://www.xes-standard.org/"><global scope="event"><string key="product" '
        f'value="GLOBAL"/></global><trace><string key="concept:name" value="T1"/><string key="customer" value="ACME"/>{events}'
        "</trace></log>"
    )


LIFE = ("Insert ticket", "Assign seriousness", "Take in charge ticket", "Wait", "Resolve ticket", "Closed")


def test_a_ticket_is_a_case_with_its_customer_and_its_staff(house: House, load: Load) -> None:
    report = load(HEADER + csv_log(*LIFE))
    assert (report.complete, report.taken) == (True, 8)
    customer, staff, opened, classified, *_ = happened(house)
    assert isinstance(customer, CustomerRegistered)
    assert isinstance(staff, StaffAdded)
    assert isinstance(opened, CaseOpened)
    assert isinstance(classified, CaseClassified)
    assert (customer.name, customer.kind, staff.name) == ("ACME", "ORGANISATION", "Ana")
    assert (opened.number, opened.type, opened.channel) == ("T1", CaseType.INCIDENT, Channel.WEB)
    assert opened.customer_id == reference("customer", "helpdesk", "ACME")
    assert (classified.category, classified.product, classified.seriousness) == ("S1", "P1", "2")
    assert names(house) == [
        "CaseOpened", "CaseClassified", "CaseAssigned", "CaseWaitingOnCustomer", "CaseResolved", "CaseClosed",
    ]  # fmt: skip
    state, _ = house.log.state(case_decider, reference("case", "helpdesk", "T1"))
    assert (state.status, state.closed) == (CaseStatus.CLOSED, "SOLVED")
    assert state.assigned == (reference("staff", "helpdesk", "Ana"), None, "Q1")


def test_what_happened_happened_when_the_log_says(house: House, load: Load) -> None:
    load(HEADER + csv_log("Insert ticket", "Wait") + "T2,2013-07-01 10:00,open,Ana,ACME,,,,\n", zone="Europe/Rome")
    at = [recorded.occurred_at for event, recorded in house.log.reader.page(0) if event.stored_as.startswith("case")]
    assert at == [
        datetime.fromisoformat(f"{moment}Z") for moment in ("2013-02-01T09:00", "2013-02-01T09:01", "2013-07-01T08:00")
    ]


@pytest.mark.parametrize(
    ("activities", "expected"),
    [
        (["wait", "assign"], "CaseOpened CaseWaitingOnCustomer CaseResumed CaseAssigned"),
        (["resolve", "assign"], "CaseOpened CaseResolved CaseReopened CaseAssigned"),
        (["close", "wait"], "CaseOpened CaseClosed CaseReopened CaseWaitingOnCustomer"),
        (["resolve", "escalate"], "CaseOpened CaseResolved CaseReopened CaseEscalated"),
        (["wait", "resume"], "CaseOpened CaseWaitingOnCustomer CaseResumed"),
        (["close", "Reopen"], "CaseOpened CaseClosed CaseReopened"),
        (["resolve", "resolve"], "CaseOpened CaseResolved CaseNoted"),
        (["close", "resolve"], "CaseOpened CaseClosed CaseNoted"),
        (["classify", "classify"], "CaseOpened CaseClassified CaseNoted"),
        (["assign", "open"], "CaseOpened CaseAssigned CaseNoted"),
        (["Schedule intervention"], "CaseOpened CaseNoted"),
    ],
)
def test_every_row_leaves_something_given_where_its_case_stands(
    house: House, load: Load, activities: list[str], expected: str
) -> None:
    assert load(HEADER + csv_log(*activities)).complete
    assert names(house) == expected.split()


def test_a_note_says_which_row_of_its_case_it_was(house: House, load: Load) -> None:
    load(HEADER + csv_log("open", "Wait", "Create SW anomaly"))
    note = happened(house)[-1]
    assert isinstance(note, CaseNoted)
    assert (note.activity, note.external_ref) == ("Create SW anomaly", "T1/3")
    assert (note.customer_id, note.staff_id) == (
        reference("customer", "helpdesk", "ACME"), reference("staff", "helpdesk", "Ana"),
    )  # fmt: skip


def test_the_rows_of_several_cases_may_be_mixed(house: House, load: Load) -> None:
    one, two = (csv_log(*LIFE, case=case).splitlines(keepends=True) for case in ("T1", "T2"))
    assert load(HEADER + "".join(a + b for a, b in zip(one, two, strict=True))).complete
    assert Counter(names(house)).most_common(1) == [("CaseOpened", 2)]
    assert "CaseNoted" not in names(house)


def test_a_row_that_names_another_customer_says_whose_case_it_is(house: House, load: Load) -> None:
    load(HEADER + csv_log("open", "Wait") + csv_log("assign").replace("ACME", "EVIL"))
    state, _ = house.log.state(case_decider, reference("case", "helpdesk", "T1"))
    assert state.customer_id == reference("customer", "helpdesk", "EVIL")


def test_a_log_that_went_on_adds_only_what_is_new(house: House, load: Load) -> None:
    load(HEADER + csv_log(*LIFE[:4], "Create SW anomaly"))
    head = len(happened(house))
    again = load(HEADER + csv_log(*LIFE[:4], "Create SW anomaly", "Resolve ticket"))
    assert (again.taken, again.refused, len(happened(house))) == (1, 0, head + 1)


def test_a_classification_that_was_corrected_in_the_file_is_taken(house: House, load: Load) -> None:
    load(HEADER + csv_log(*LIFE[:2]))
    assert load(HEADER + csv_log(*LIFE[:2]).replace(",2,S1,", ",3,S1,")).taken == 1


def test_a_case_that_comes_again_as_another_customers_is_refused_and_not_passed_over(load: Load) -> None:
    load(HEADER + csv_log("open"))
    report = load(HEADER + csv_log("open").replace("ACME", "EVIL"))
    assert [each.reason for each in report.refusals] == ["This case is already open. Change it instead."]


def test_xes_says_the_same_as_csv(tmp_path: Path) -> None:
    assert asked(written(tmp_path, xes_log(*LIFE))) == asked(written(tmp_path, HEADER + csv_log(*LIFE)))


def test_an_activity_of_xes_that_only_began_is_not_taken_for_done(house: House, load: Load) -> None:
    transition = '<string key="lifecycle:transition" value="%s"/>'
    load(xes_log("Wait", more=transition % "start"))
    note = happened(house)[-1]
    assert isinstance(note, CaseNoted)
    assert note.activity == "Wait+start"
    load(xes_log("Wait", more=transition % "complete"), source="other")
    assert names(house)[-1] == "CaseWaitingOnCustomer"


def test_a_log_may_have_its_own_columns_and_words(house: House, load: Load, tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text("Ticket creado: open\nEsperar: wait\n")
    log = "Vorgang;Zeit;Was\n7;2013-02-01 10:00;Ticket creado\n7;2013-02-01 11:00;ESPERAR\n"
    report = load(
        log, case="Vorgang", timestamp="Zeit", activity="Was", source="berlin", type="QUESTION", channel="PHONE",
        activities=str(tmp_path / "words.yaml"),
    )  # fmt: skip
    assert report.complete
    opened, waiting = happened(house)
    assert isinstance(opened, CaseOpened)
    assert (opened.type, opened.channel, opened.customer_id) == (CaseType.QUESTION, Channel.PHONE, None)
    assert type(waiting).__name__ == "CaseWaitingOnCustomer"
    assert house.log.state(case_decider, reference("case", "berlin", "7"))[1] == 2


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"channel": "PIGEON"}, "channel"),
        ({"type": "RIDDLE"}, "type"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"source": "Help Desk"}, "source"),
        ({"activities": "/nowhere.yaml"}, "activities"),
        ({"case": "ticket"}, "file"),
    ],
)
def test_what_an_import_is_told_wrongly_is_refused(load: Load, told: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        load(HEADER + csv_log("open"), **told)
    assert refused.value.field == field


@pytest.mark.parametrize("words", ["Wait: pause\n", "- Wait\n", "Wait: [wait]\n", "# " + "x" * tickets.MAX_MAP_BYTES])
def test_words_that_are_no_actions_are_refused(load: Load, tmp_path: Path, words: str) -> None:
    (tmp_path / "words.yaml").write_text(words)
    with pytest.raises(Refused) as refused:
        load(HEADER + csv_log("open"), activities=str(tmp_path / "words.yaml"))
    assert refused.value.field == "activities"


BAD = [
    (",2013-02-01T10:00:00Z,open,Ana,ACME,,,,", "case"),
    ("T9,yesterday,open,Ana,ACME,,,,", "timestamp"),
    ("T9,1013-02-01T10:00:00Z,open,Ana,ACME,,,,", "timestamp"),
    ("T9,2913-02-01T10:00:00Z,open,Ana,ACME,,,,", "timestamp"),
    ("T9,0001-01-01T00:00:00+09:00,open,Ana,ACME,,,,", "timestamp"),
    ("T9,2013-02-01T10:00:00Z,,Ana,ACME,,,,", "activity"),
    ("T9,2013-02-01T10:00:00Z,open," + "A" * 201 + ",ACME,,,,", "resource"),
    ("T" * 151 + ",2013-02-01T10:00:00Z,open,Ana,ACME,,,,", "case"),
    ("T9,2013-02-01T10:00:00Z,open,Ana", None),
    ("T9,2013-02-01T10:00:00Z,open,A\0na,ACME,,,,", None),
]


def test_a_bad_row_names_its_column_and_never_loses_a_good_one(house: House, load: Load) -> None:
    good = csv_log("Wait")
    report = load(HEADER + "".join(f"{bad}\n{good}" for bad, _ in BAD))
    assert refusals(report) == [(2 * n + 2, field) for n, (_, field) in enumerate(BAD)]
    assert Counter(names(house)) == {"CaseOpened": 1, "CaseWaitingOnCustomer": 1, "CaseNoted": len(BAD) - 1}


def test_a_row_in_another_encoding_is_refused_alone(load: Load) -> None:
    rows = csv_log("Wait", "Resolvé")
    report = load((HEADER + rows).encode() + csv_log("Resolvé", case="T2").encode("cp1252"))
    assert refusals(report) == [(4, None)]


@pytest.mark.parametrize(
    "log",
    [
        "<html><body/></html>",
        "<log><trace><event><string",
        '<log><trace><string key="x" value="' + "y" * (MAX_TAG_BYTES + 600_000),
        "<log>" + "<list>" * MAX_DEPTH,
        xes_log("open").encode("utf-16").decode("latin-1"),
        "",
    ],
)
def test_a_file_that_is_no_event_log_or_a_trap_is_refused(house: House, load: Load, log: str) -> None:
    with pytest.raises(Refused):
        load(log.encode("latin-1"))
    assert names(house) == []


@pytest.mark.parametrize("inside", ['[<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]', 'SYSTEM "file:///etc/passwd"', ""])
def test_a_document_type_is_refused_whatever_it_declares(house: House, load: Load, inside: str) -> None:
    with pytest.raises(Refused, match="declares a document type"):
        load(xes_log("open").replace("<log", f"<!DOCTYPE log {inside}><log", 1))
    assert names(house) == []


def test_the_text_of_an_event_is_never_endless(load: Load) -> None:
    report = load(xes_log("Wait", more=f'<string key="note" value="{"x" * 20_001}"/>'))
    assert [each.field for each in report.refusals] == ["note"]


def test_events_that_say_too_little_are_refused_by_line_and_attribute(load: Load) -> None:
    log = xes_log("Wait").replace("<event>", '\n\n<event><string key="concept:name" value="open"/></event>\n<event>')
    report = load(log)
    assert [(each.number, each.field) for each in report.refusals] == [(3, "timestamp")]


@pytest.mark.parametrize("log", [HEADER + csv_log(*LIFE), xes_log(*LIFE).replace("<event>", "\n<event>")])
def test_of_a_damaged_file_the_good_part_is_taken_and_the_rest_the_next_time(
    house: House, load: Load, log: str
) -> None:
    whole = gzip.compress(log.encode())
    report = load(whole[:-30])
    assert report.damage is not None
    before = len(names(house))
    assert load(whole).complete
    assert before < len(names(house)) == 6
    assert "CaseNoted" not in names(house)


def test_xml_that_ends_too_soon_says_so(house: House, load: Load) -> None:
    report = load(xes_log(*LIFE).removesuffix("</trace></log>"))
    assert report.damage is not None
    assert "not well-formed" in report.damage
    assert len(names(house)) == 6


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('<string key="x" value="' + "y" * (MAX_TAG_BYTES + 600_000) + '"/>', "has a tag of more than"),
        ("<list>" * MAX_DEPTH, "is nested deeper than"),
    ],
)
def test_what_came_before_a_trap_is_taken_and_the_report_says_so(
    house: House, load: Load, more: str, says: str
) -> None:
    report = load(xes_log(*LIFE).replace("</log>", f"{more}</log>"))
    assert report.damage is not None
    assert says in report.damage
    assert len(names(house)) == 6


def test_a_file_that_is_damaged_behind_its_end_says_so(load: Load) -> None:
    report = load(gzip.compress(xes_log(*LIFE).encode()) + b"rubbish")
    assert report.damage is not None


def asked(path: Path, **told: str) -> list[tuple[Any, ...]]:
    """Everything that a file asks for, without the numbers of its lines."""
    settings = settings_of(tickets.importer, told)
    context = Context(Commands(DECIDERS), "test", Origin.IMPORT, NOW, settings)
    found = list(tickets.read(Source(str(path)), context))
    assert all(isinstance(each, Line) for each in found)
    return [tuple(each[1:]) for each in found]


@real
def test_both_formats_of_the_help_desk_ask_for_the_same() -> None:
    commands = asked(REAL / "events.csv.gz")
    assert commands == asked(REAL / "helpdesk.xes.gz")
    assert sum(isinstance(command, OpenCase) for command, _ in commands) == 4_580


@real
def test_the_help_desk_comes_to_its_published_figures(house: House, load: Load) -> None:
    report = load(REAL / "events.csv.gz")
    assert (report.complete, report.read_lines - 1, report.events) == (True, 21_348, 26_571)
    kinds: Counter[str] = Counter()
    noted: Counter[str | None] = Counter()
    for page in house.log.reader.fold(types=house.log.codec.names([e for d in DECIDERS for e in d.events])):
        for event, _ in page:
            kinds[event.stored_as.partition(".")[2]] += event.stored_as.startswith(("case", "staff", "customer"))
            if isinstance(event, CaseNoted):
                noted[event.activity] += 1
    expected = {
        "opened.v1": 4_580, "classified.v1": 4_509, "assigned.v1": 4_606, "waiting-on-customer.v1": 1_348,
        "resumed.v1": 560, "escalated.v1": 112, "resolved.v1": 4_729, "reopened.v1": 161, "closed.v1": 4_560,
        "noted.v1": 973, "customer-identified.v1": 14, "registered.v1": 397, "added.v1": 22,
    }  # fmt: skip
    assert +kinds == expected
    assert (noted["Create SW anomaly"], noted["VERIFIED"], noted["Closed"]) == (67, 3, 14)
    head = house.log.reader.head()
    again = load(REAL / "helpdesk.xes.gz")
    assert (again.taken, again.events, again.refused) == (0, 0, 0)
    assert house.log.reader.head() - head <= 2  # the batch of the other file, which brought nothing
