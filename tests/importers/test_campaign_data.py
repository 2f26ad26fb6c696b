"""Six campaigns of real customers, read by a mapping: the figures that were published of them come out."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from api.importers.importing import run
from api.importers.mapped import importer_from
from domain.kernel import reference
from projections.company import costs
from projections.engine import Engine
from projections.lists import Lists
from projections.marketing import campaign_contacts, campaign_members, campaigns
from projections.marketing.campaign_performance import performance
from projections.selling import opportunities, orders, products
from projections.touchpoints import deliveries
from tests.conftest import House
from tests.importers.test_mapped import COMMANDS

DATA = Path(__file__).parents[3] / "shared/data/marketing_campaign/ml_project1_data.csv"
ACCEPTED = {
    1: "AcceptedCmp1",
    2: "AcceptedCmp2",
    3: "AcceptedCmp3",
    4: "AcceptedCmp4",
    5: "AcceptedCmp5",
    6: "Response",
}
VIEWS = (
    campaigns.view,
    campaign_members.view,
    campaign_contacts.view,
    deliveries.view,
    costs.view,
    opportunities.view,
    orders.view,
    products.view,
)

OF_EACH = """
  - command: planCampaign
    once_per: file
    occurred_at: "2014-07-0{n}T00:00:00Z"
    input:
      campaignId: "ifood:cmp{n}"
      key: cmp{n}
      title: Campaign {n}
      kind: PHONE
      startsAt: "2014-07-0{n}T00:00:00Z"
      responseDays: {{template: "1", map: {{"1": 1}}}}
  - command: targetMember
    occurred_at: "2014-07-0{n}T01:00:00Z"
    input: {{campaignId: "ifood:cmp{n}", customerId: {{column: ID}}}}
  - command: dispatchCampaignMessage
    occurred_at: "2014-07-0{n}T02:00:00Z"
    input: {{campaignId: "ifood:cmp{n}", customerId: {{column: ID}}, channel: PHONE}}
  - command: recordCampaignResponse
    when: {{column: {column}, equals: "1"}}
    occurred_at: "2014-07-0{n}T03:00:00Z"
    input: {{campaignId: "ifood:cmp{n}", customerId: {{column: ID}}, kind: PURCHASE, responseRef: "{{ID}}"}}
"""
MAPPING = """
name: ifood
source: ifood
currency: BRL
group_by: "{ID}"
commands:
  - command: registerCustomer
    occurred_at: {column: Dt_Customer, moment: true}
    input: {customerId: {column: ID}}
  - command: recordCost
    occurred_at: "2014-07-06T02:00:00Z"
    input:
      costId: "ifood:contact-{ID}"
      category: TELEPHONY
      amount: {column: Z_CostContact}
      periodFrom: "2014-07-06"
      periodTo: "2014-07-06"
      campaignId: "ifood:cmp6"
"""
OF_LAST = """
  - command: placeOrder
    when: {column: Response, equals: "1"}
    occurred_at: "2014-07-06T03:00:00Z"
    input:
      orderId: "ifood:gadget-{ID}"
      customerId: {column: ID}
      lines: {each_row: {object: {sku: gadget, quantity: {template: "1", map: {"1": 1}}, unitPrice: {column: Z_Revenue}}}}
      cost: "0"
  - command: attributeToCampaign
    when: {column: Response, equals: "1"}
    occurred_at: "2014-07-06T03:00:00Z"
    input:
      campaignId: "ifood:cmp6"
      customerId: {column: ID}
      orderId: "ifood:gadget-{ID}"
      weight: "1"
      model: only
      modelVersion: {template: "1", map: {"1": 1}}
"""


@pytest.mark.skipif(not DATA.exists(), reason="the shared data is not there")
def test_six_campaigns_come_to_what_was_published_of_them(house: House) -> None:
    mapping = MAPPING + "".join(OF_EACH.format(n=n, column=column) for n, column in ACCEPTED.items()) + OF_LAST
    report = run(importer_from(mapping.encode()), str(DATA), log=house.log, commands=COMMANDS)
    assert (report.refused, report.complete) == (0, True)
    engine = Engine(house.log, house.pool, VIEWS)
    engine.prepare()
    engine.catch_up()
    found = performance(Lists(house.log, house.pool), [reference("campaign", "ifood", f"cmp{n}") for n in ACCEPTED])
    rows = list(csv.DictReader(DATA.read_text().splitlines()))
    for n, column in ACCEPTED.items():
        total = found[reference("campaign", "ifood", f"cmp{n}")].total
        accepted = sum(int(row[column]) for row in rows)
        assert (total.targeted, total.delivered, total.responded, total.converted) == (2_240, 2_240, accepted, accepted)
        assert total.response_rate == (Decimal(accepted) / 2_240).quantize(Decimal("0.000001"))
    last = found[reference("campaign", "ifood", "cmp6")].total
    assert (last.cost, last.revenue, last.margin - last.cost) == (6_720, 3_674, -3_046)
    assert (last.responded, last.response_rate, last.roi) == (334, Decimal("0.149107"), Decimal("-0.453274"))
