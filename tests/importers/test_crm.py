from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.importers import crm
from api.importers.importing import Context, Report, run
from api.importers.lines import Source
from domain import DECIDERS
from domain.customer import CustomerProfileChanged, CustomerRegistered
from domain.kernel import Event, Refused, reference
from domain.opportunity import OpportunityLost, OpportunityOpened, OpportunityStageChanged, OpportunityWon
from domain.pipeline import PipelineDefined
from domain.product import ProductIntroduced
from domain.relationship import RelationshipEstablished
from domain.staff import StaffAdded
from domain.team import TeamDefined, TeamJoined
from domain.territory import TerritoryDefined
from eventstore.commands import Commands
from eventstore.envelope import Origin
from tests.conftest import House

CONTEXT = Context(Commands(DECIDERS), "test", Origin.IMPORT, datetime(2026, 1, 1, tzinfo=UTC))
FOLDER = Path(__file__).parents[3] / "shared/data/crm_sales_opportunities"

SAMPLE = {
    "products.csv": "product,series,sales_price\nGTX Pro,GTX,4821\nMG Special,MG,55\n",
    "accounts.csv": (
        "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n"
        "Bluth Company,technolgy,1993,1242.32,3027,Philipines,Acme Corporation\n"
        "Acme Corporation,technolgy,1996,1100.04,2822,United States,\n"
    ),
    "sales_teams.csv": (
        "sales_agent,manager,regional_office\n"
        "Anna Snelling,Dustin Brinkmann,Central\nGladys Colclough,Melvin Marxen,Central\nBoris Faz,Rocco Neubert,East\n"
    ),
    "sales_pipeline.csv": (
        "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
        "W1,Anna Snelling,GTXPro,Acme Corporation,Won,2016-10-20,2017-03-01,1054\n"
        "L1,Boris Faz,MG Special,Bluth Company,Lost,2016-11-04,2017-03-18,0\n"
        "E1,Boris Faz,MG Special,,Engaging,2016-11-03,,\n"
        "P1,Boris Faz,MG Special,,Prospecting,,,\n"
    ),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "crm"
    made.mkdir()
    for name, text in SAMPLE.items():
        (made / name).write_text(text)
    return made


def load(house: House, folder: Path, **options: Any) -> Report:
    return run(crm.importer, str(folder), log=house.log, commands=Commands(DECIDERS), **options)


def happened(house: House, *kinds: type) -> list[Any]:
    """The events of these kinds with their envelopes."""
    return [(event, at) for event, at in house.log.reader.page(0, disclose=True) if isinstance(event, kinds)]


def test_the_four_files_become_the_business(house: House, folder: Path) -> None:
    report = load(house, folder)
    assert (report.complete, report.read_lines, report.left_aside) == (True, 3 + 3 + 4 + 5, {})
    assert [event.sku for event, _ in happened(house, ProductIntroduced)] == ["GTX Pro", "MG Special"]
    assert {event.currency: event.price for event, _ in happened(house, ProductIntroduced)[:1]} == {"USD": 4821}
    assert [(e.name, e.country) for e, _ in happened(house, CustomerRegistered)] == [
        ("Bluth Company", "Philipines"), ("Acme Corporation", "United States"),
    ]  # fmt: skip
    assert [(e.sector, e.size) for e, _ in happened(house, CustomerProfileChanged)] == [
        ("technolgy", "3027"), ("technolgy", "2822"),
    ]  # fmt: skip
    ((owned, _),) = happened(house, RelationshipEstablished)
    assert (owned.customer_id, owned.other_id, owned.kind) == (
        reference("customer", "crm", "Bluth Company"), reference("customer", "crm", "Acme Corporation"), "SUBSIDIARY_OF",
    )  # fmt: skip
    assert Counter(event.role for event, _ in happened(house, StaffAdded)) == {"REP": 3, "SALES_MANAGER": 3}
    assert [event.name for event, _ in happened(house, TerritoryDefined)] == ["Central", "East"]
    assert len(happened(house, TeamDefined)) == 2 + 3
    assert len(happened(house, TeamJoined)) == 3


def test_each_opportunity_stands_where_its_row_says(house: House, folder: Path) -> None:
    load(house, folder)
    opened = {where.stream_id: (event, where.occurred_at) for event, where in happened(house, OpportunityOpened)}
    won, lost, engaged, prospect = (opened[reference("opportunity", "crm", key)] for key in ("W1", "L1", "E1", "P1"))
    assert (won[0].product, won[0].staff_id) == ("GTX Pro", reference("staff", "crm", "Anna Snelling"))
    assert won[0].customer_id == reference("customer", "crm", "Acme Corporation")
    assert (engaged[0].customer_id, prospect[0].customer_id) == (None, None)
    assert (won[1], lost[1], prospect[1]) == (at("2016-10-20"), at("2016-11-04"), at("2016-10-01"))
    assert [where.occurred_at for _, where in happened(house, OpportunityStageChanged)] == [
        at("2016-10-20"), at("2016-11-04"), at("2016-11-03"),
    ]  # fmt: skip
    ((made, where),) = happened(house, OpportunityWon)
    assert (made.amount.amount, made.amount.currency, where.occurred_at) == (Decimal(1054), "USD", at("2017-03-01"))
    ((gone, where),) = happened(house, OpportunityLost)
    assert (gone.reason, where.occurred_at) == ("UNKNOWN", at("2017-03-18"))
    ((pipeline, _),) = happened(house, PipelineDefined)
    assert [stage.key for stage in pipeline.stages] == ["PROSPECTING", "ENGAGING", "WON", "LOST"]


def test_what_has_no_date_was_so_when_the_setting_says(house: House, folder: Path) -> None:
    load(house, folder, settings={"undated": "2015-02-03T12:00:00+01:00"})
    assert {where.occurred_at for _, where in happened(house, CustomerRegistered, StaffAdded, PipelineDefined)} == {
        at("2015-02-03T11:00:00")
    }


def test_a_folder_that_lacks_a_file_or_has_another_header_is_refused_before_anything_is_taken(
    house: House, folder: Path
) -> None:
    with pytest.raises(Refused, match="is no folder"):
        load(house, folder / "products.csv")
    (folder / "sales_pipeline.csv").write_text("opportunity_id,sales_agent\nW1,Anna\n")
    with pytest.raises(Refused, match=r"The column [a-z_]+ is missing from the header"):
        load(house, folder)
    with pytest.raises(Refused, match="from the header"):
        next(crm.read(Source(str(folder)), CONTEXT))
    assert happened(house, ProductIntroduced) == []
    (folder / "sales_pipeline.csv").unlink()
    with pytest.raises(Refused, match=r"sales_pipeline\.csv is missing"):
        load(house, folder)


def test_a_row_with_one_bad_cell_is_refused_whole_and_names_its_file(house: House, folder: Path) -> None:
    text = SAMPLE["sales_pipeline.csv"].replace("1054", "a lot").replace("2017-03-18", "18/03/2017")
    (folder / "sales_pipeline.csv").write_text(text)
    report = load(house, folder)
    assert [(each.number, each.field) for each in report.refusals] == [(2, "close_value"), (3, "close_date")]
    assert report.refusals[0].reason.startswith("sales_pipeline.csv: 'a lot' is not a number")
    assert len(happened(house, OpportunityOpened)) == 2
    (folder / "sales_pipeline.csv").write_text(SAMPLE["sales_pipeline.csv"])
    assert load(house, folder).complete
    assert (len(happened(house, OpportunityOpened)), len(happened(house, PipelineDefined))) == (4, 1)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the CRM Sales Opportunities files are not part of the repository")
def test_the_whole_folder_comes_to_the_published_figures(house: House) -> None:
    report = load(house, FOLDER)
    assert (report.refused, report.damage, report.left_aside) == (0, None, {})
    counts: Counter[str] = Counter()
    won, without = Decimal(0), 0
    kinds: list[type[Event]] = [
        CustomerRegistered, ProductIntroduced, StaffAdded, RelationshipEstablished, OpportunityOpened,
        OpportunityStageChanged, OpportunityWon, OpportunityLost,
    ]  # fmt: skip
    for page in house.log.reader.fold(types=house.log.codec.names(kinds)):
        for event, _ in page:
            counts[event.role if isinstance(event, StaffAdded) else event.stored_as] += 1
            match event:
                case OpportunityOpened():
                    without += event.customer_id is None
                case OpportunityWon(amount=amount):
                    assert amount is not None
                    won += amount.amount
    assert (counts["customer.registered.v1"], counts["product.introduced.v1"]) == (85, 7)
    assert (counts["REP"], counts["SALES_MANAGER"], counts["relationship.established.v1"]) == (35, 6, 15)
    opened = counts["opportunity.opened.v1"]
    assert (opened, without, won) == (8_800, 1_425, Decimal(10_005_534))
    assert (counts["opportunity.won.v1"], counts["opportunity.lost.v1"]) == (4_238, 2_473)
    assert opened - 4_238 - 2_473 == 2_089
    assert counts["opportunity.stage-changed.v1"] - 4_238 - 2_473 == 1_589
    head = house.log.reader.head()
    again = load(house, FOLDER)
    assert (again.taken, again.events, again.refused, house.log.reader.head()) == (0, 0, 0, head)
