"""Simulation of the policies of sales: over their own live time it equals the ledger."""

from datetime import date
from random import Random
from typing import Any
from uuid import UUID

import pytest

from domain.campaign import PlanCampaign
from domain.campaign_member import CampaignResponseKind, OptOutMember, RecordCampaignResponse, TargetMember
from domain.campaign_plan import CampaignKind
from domain.deal import MoveCloseDate
from domain.interaction import Direction, LogInteraction
from domain.kernel import Refused, derived
from domain.lead import DisqualifyLead, RecordLeadContacted
from domain.opportunity import ChangeOpportunityStage, LoseOpportunity, WinOpportunity
from domain.quote import AcceptQuote, DraftQuote, IssueQuote
from domain.staff import StaffRole
from domain.values import Channel
from processes import assignment, first_visit, lead_response, opportunity_hygiene, quote_follow_up
from processes.simulation import simulate
from tests.conftest import House
from tests.processes.sales import away, give, id_of, lead, opportunity, person, territory
from tests.processes.shop import Shop, moment
from tests.processes.test_quote_follow_up import LINES

POLICIES = (
    assignment.policy, first_visit.policy, lead_response.policy, opportunity_hygiene.policy, quote_follow_up.policy,
)  # fmt: skip
LETTERS = derived("campaign", "letters")


class Life:
    """What happens on a sales floor, at random but the same for the same seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.chance = shop, Random(seed)
        self.customers: list[UUID] = []
        self.leads: list[UUID] = []
        self.sales: list[UUID] = []
        self.quotes: list[UUID] = []
        person(shop, "mia", StaffRole.SALES_MANAGER)
        for name, skills in (("eva", ("wine",)), ("leo", ("tea",)), ("zoe", ())):
            person(shop, name, skills=skills, languages=("es",), capacity=10)
        territory(shop, "spain", id_of("eva"), countries=("ES",))
        away(shop, "leo", "2026-01-19 00:00", "2026-01-23 00:00")
        shop.do(
            PlanCampaign(
                campaign_id=LETTERS,
                key="l",
                title="Letters",
                kind=CampaignKind.DIRECT_MAIL,
                starts_at=moment("2026-01-01 09:00"),
            )
        )

    def go_on(self, hours: int) -> None:
        """So many times, something happens or not, and the worker comes by, or not."""
        for hour in range(hours):
            self.shop.now += (moment("2026-01-02 00:00") - moment("2026-01-01 00:00")) * self.chance.choice(
                [0.05, 0.2, 0.7]
            )
            for n in range(self.chance.randrange(3)):
                try:
                    self.something(f"{hour} {n}")
                except Refused:
                    continue
            if self.chance.random() < 0.7:
                self.shop.worker.run()
        self.shop.worker.run()

    def something(self, key: str) -> None:
        chance, shop = self.chance, self.shop
        if not self.customers or chance.random() < 0.2:
            self.customers.append(shop.customer(email=f"c{key.replace(' ', '')}@shop.test"))
        customer, topic = chance.choice(self.customers), chance.choice(["wine", "tea", None])
        name = chance.choice(["eva", "leo", "zoe"])
        match chance.randrange(10):
            case 0 | 1:
                self.leads.append(lead(shop, key=key, interest=topic))
            case 2 if self.leads:
                shop.do(RecordLeadContacted(lead_id=chance.choice(self.leads)))
            case 3 if self.leads:
                give(shop, chance.choice(self.leads), name)
            case 4:
                day = (shop.now.date()).replace(day=chance.randrange(1, 28))
                self.sales.append(opportunity(shop, key=key, product=topic, close_on=day, customer_id=customer))
            case 5 if self.sales:
                which = chance.choice(self.sales)
                shop.do(
                    chance.choice(
                        [
                            ChangeOpportunityStage(
                                opportunity_id=which, stage=chance.choice(["PROPOSAL", "NEGOTIATION"])
                            ),
                            MoveCloseDate(opportunity_id=which, close_on=date(2026, chance.randrange(1, 12), 5)),
                            WinOpportunity(opportunity_id=which),
                            LoseOpportunity(opportunity_id=which, reason="PRICE"),
                        ]
                    )
                )
            case 6:
                id = derived("interaction", key)
                shop.do(
                    LogInteraction(
                        interaction_id=id, customer_id=customer, channel=Channel.PHONE, direction=Direction.IN
                    )
                )
            case 7:
                shop.do(TargetMember(campaign_id=LETTERS, customer_id=customer))
                shop.do(
                    RecordCampaignResponse(
                        campaign_id=LETTERS, customer_id=customer, kind=CampaignResponseKind.REPLY, response_ref=key
                    )
                )
            case 8:
                id = derived("quote", key)
                shop.do(DraftQuote(quote_id=id, customer_id=customer, lines=LINES))
                until = shop.now + (moment("2026-01-11 00:00") - moment("2026-01-01 00:00"))
                shop.do(IssueQuote(quote_id=id, valid_until=until))
                self.quotes.append(id)
            case 9 if self.quotes:
                shop.do(AcceptQuote(quote_id=chance.choice(self.quotes)))
            case _:
                if self.leads:
                    shop.do(DisqualifyLead(lead_id=chance.choice(self.leads), reason="NO_BUDGET"))
                shop.do(OptOutMember(campaign_id=LETTERS, customer_id=customer))


@pytest.mark.parametrize("seed", range(2))
def test_over_its_own_live_time_each_policy_of_sales_equals_the_ledger(house: House, tmp_path: Any, seed: int) -> None:
    shop = Shop(house.log, tmp_path / "mail", policies=POLICIES, now=moment("2026-01-16 12:00"))
    Life(shop, seed).go_on(120)
    ledger, head = shop.ledger(), shop.log.reader.head()
    assert len(ledger) > 100
    for policy in POLICIES:
        rows = {row.follow_up_id: row for row in ledger if row.policy == policy.name}
        found = {row.follow_up_id: row for row in simulate(shop.log, policy).rows}
        assert len(rows) > 3, policy.name
        assert [each for each in rows.values() if each.follow_up_id not in found] == []
        assert [each for each in found.values() if each.follow_up_id not in rows] == []
        assert [(rows[id], found[id]) for id in rows if rows[id] != found[id]] == []
    assert shop.log.reader.head() == head
