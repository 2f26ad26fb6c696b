"""Acceptance scenarios 3 and 8: a benefit is authorised from the screen, and members near a tier or losing one are turned to."""

from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from domain.benefit import BenefitAuthorised, RequestBenefit, ScreenShown
from domain.case import OpenCase
from domain.case_events import CaseType
from domain.consent import GrantConsent, Purpose
from domain.customer import ChangeCustomerProfile
from domain.identifiers import AddIdentifier, IdentifierType
from domain.import_batch import RevertImport, StartImport, run_id
from domain.kernel import derived
from domain.lifecycle import AssignAccountManager
from domain.loyalty_account import DowngradeTier
from domain.merging import MergeCustomers
from domain.order import OrderLine, PlaceOrder
from domain.points import PointsAccrued
from domain.values import Channel
from eventstore.envelope import Origin, Request
from eventstore.reader import NOW, AsOf
from processes import benefit_authorisation, tier_at_risk, tier_evaluation, tier_nudge
from projections import VIEWS
from projections.customers import customers
from projections.customers.decided import ReplayVerdict, decision_replay
from projections.customers.screen_pop import ScreenPop, screen_pop
from projections.engine import Engine
from projections.lists import Lists
from projections.selecting import Condition, Operator
from projections.value.buyers import Look
from projections.value.loyalty_standing import LoyaltyStanding, standings_of
from tests.conftest import House
from tests.processes.members import REP, accrue, enrol, offers, people, tasks, tiers
from tests.processes.shop import Shop, local, moment

OLD = derived("batch", "old")


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    policies = [benefit_authorisation.policy, tier_at_risk.policy, tier_evaluation.policy, tier_nudge.policy]
    shop = Shop(house.log, tmp_path / "mail", policies=policies)
    people(shop)
    return shop


class Desk:
    """An agent's desk: every view, as it is now and as it was."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.lists = Lists(shop.log, shop.log.pool)
        self._engine = Engine(shop.log, shop.log.pool, VIEWS)
        self._engine.prepare()

    def whose(self, card: str) -> UUID:
        """Whose card it is."""
        self._engine.catch_up()
        holds = Condition("identifiers", Operator.CONTAINS, f"LOYALTY_CARD:{card}")
        [found] = self.lists.page(customers.view, [holds], first=2).rows
        return found.customer_id

    def screen(self, customer: UUID, seen_at: datetime, as_of: AsOf = NOW) -> ScreenPop:
        """What the agent sees."""
        self._engine.catch_up()
        found = screen_pop(self.lists, customer, Look(as_of, seen_at))
        assert found is not None
        return found

    def standing(self, account: UUID, seen_at: datetime) -> LoyaltyStanding:
        """Where a member stands."""
        self._engine.catch_up()
        return standings_of(self.lists, [account], Look(NOW, seen_at))[account]


def test_scenario_3_a_benefit_is_authorised_from_the_screen_and_the_screen_can_be_shown_again(shop: Shop) -> None:
    desk = Desk(shop)
    for n in range(9):
        shop.order(shop.customer(email=f"c{n}@shop.test"), "2025-11-01 12:00", pieces=n + 1)
    eldest = shop.customer(name="Ana la mayor", email="eldest@shop.test")
    shop.do(StartImport(import_batch_id=OLD, source="test", file="old.csv", digest="0" * 64))
    lines = (OrderLine(sku="cup", quantity=19, unit_price=Decimal(5)),)
    old = PlaceOrder(order_id=derived("order", "old"), customer_id=eldest, lines=lines)
    shop.log.do(
        old,
        Request(
            actor="import:test",
            origin=Origin.IMPORT,
            occurred_at=moment("2025-12-01 12:00"),
            correlation_id=run_id(OLD, 1),
        ),
    )
    ana = shop.customer()
    shop.do(AddIdentifier(customer_id=ana, type=IdentifierType.LOYALTY_CARD, value="C-1"))
    account = enrol(shop, ana, "2026-01-15 12:00", tier="GOLD")
    shop.order(ana, "2026-02-01 12:00", pieces=20)
    shop.until("2026-03-02 10:59")

    # Ana is on the phone and gives the number of her card.
    customer = desk.whose("C1")
    seen = desk.screen(customer, moment("2026-03-02 11:00"))
    assert (customer, seen.name, seen.tier, seen.top_share) == (ana, "Ana", "GOLD", 1)
    assert seen.benefit.eligible

    # She asks for an upgrade; nobody need be asked.
    benefit = derived("benefit", 1)
    shown = ScreenShown(
        digest=seen.digest,
        position=seen.position,
        seen_at=seen.seen_at,
        compared_position=seen.compared_position,
        name_position=seen.name_position,
        definition=seen.definition,
    )
    asked = RequestBenefit(benefit_id=benefit, customer_id=ana, benefit="FREE_UPGRADE", screen=shown)
    shop.do(asked, "2026-03-02 11:00")
    shop.until("2026-03-02 11:00")
    [(authorised, at)] = [each for each in shop.events() if isinstance(each.event, BenefitAuthorised)]
    assert (authorised.approver, authorised.inputs_digest) == (None, seen.benefit.inputs_digest)
    assert tasks(shop, "benefit-authorisation") == []

    # Three months later much has changed.
    shop.do(DowngradeTier(loyalty_account_id=account, tier="SILVER", period="2026"), "2026-04-01 12:00")
    complaint = derived("case", 1)
    shop.do(OpenCase(case_id=complaint, customer_id=ana, type=CaseType.COMPLAINT, channel=Channel.PHONE))
    for n in range(30):
        shop.order(shop.customer(email=f"d{n}@shop.test"), "2026-05-01 12:00", pieces=30)
    shop.until("2026-06-02 11:00")
    now = desk.screen(ana, moment("2026-06-02 11:00"))
    assert (now.tier, now.digest != seen.digest) == ("SILVER", True)
    assert now.benefit.inputs_digest != authorised.inputs_digest

    # An auditor asks why it was allowed: by what was known when it was asked for, the rule says the same again.
    asked_at = shop.entry(benefit, "rule").trigger_position
    then = desk.screen(ana, at.occurred_at, AsOf(position=asked_at))
    assert (then.benefit.eligible, then.benefit.inputs_digest) == (True, authorised.inputs_digest)
    assert then.benefit.inputs == seen.benefit.inputs
    assert (then.benefit.rule, then.benefit.rule_version) == (authorised.rule, authorised.rule_version)
    again = desk.screen(ana, moment("2026-03-02 11:00"), AsOf(position=seen.position))
    assert asdict(replace(again, compared_position=seen.compared_position)) == asdict(seen)
    replayed = decision_replay(desk.lists, at.position)
    assert replayed.screen == seen
    assert (replayed.screen_verdict, replayed.inputs_verdict) == (ReplayVerdict.SAME, ReplayVerdict.SAME)
    assert (replayed.screen_digest, replayed.inputs_digest) == (seen.digest, authorised.inputs_digest)

    # Even who is whom has changed since, and what was imported before was taken back.
    eva = shop.customer(name="Eva", email="eva@shop.test")
    shop.order(eva, "2026-05-02 12:00", pieces=500)
    for customer in (eva, eldest):
        shop.do(MergeCustomers(customer_id=customer, survivor_id=ana, prefer=("name",)))
    shop.do(RevertImport(import_batch_id=OLD))
    shop.do(ChangeCustomerProfile(customer_id=ana, name="Ana María"))
    now = desk.screen(ana, moment("2026-06-02 12:00"))
    assert now.orders > seen.orders
    replayed = decision_replay(desk.lists, at.position)
    assert replayed.screen == seen
    assert (replayed.screen_verdict, replayed.inputs_verdict) == (ReplayVerdict.SAME, ReplayVerdict.SAME)

    # Somebody who says that they saw another screen is not believed, and a name that is forgotten is not needed.
    for wrong in ({"digest": "0" * 64}, {"position": seen.position // 2}, {"name_position": 1}):
        second = derived("benefit", str(wrong))
        claimed = replace(shown, **wrong)
        at_once = shop.do(replace(asked, benefit_id=second, screen=claimed), "2026-06-02 12:00").position
        verdict = decision_replay(desk.lists, at_once).screen_verdict
        assert verdict is (ReplayVerdict.SAME if "name_position" in wrong else ReplayVerdict.DIFFERENT)
    with shop.log.pool.connection() as db:
        db.execute("set role none")
        db.execute(  # as es.erase does, whose law is tested elsewhere
            "insert into es.erased select position, slot, subject_id, key_id, sha256(nonce || ciphertext), 'ERASED', 1 "
            "  from es.personal where subject_id = any(%(who)s)",
            {"who": [ana, eva, eldest]},
        )
        db.execute("delete from es.personal where subject_id = any(%(who)s)", {"who": [ana, eva, eldest]})
    replayed = decision_replay(desk.lists, at.position)
    assert (replayed.screen_verdict, replayed.inputs_verdict) == (ReplayVerdict.NAME_FORGOTTEN, ReplayVerdict.SAME)
    assert replayed.screen is not None
    assert (replayed.screen.name, replayed.screen.digest) == (None, seen.digest)


def test_scenario_8_gold_near_platinum_is_nudged_and_it_can_be_explained(shop: Shop) -> None:
    desk, customer = Desk(shop), shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    account = enrol(shop, customer, "2026-01-12 12:00")
    accrue(shop, account, 22_000, "2026-03-02 12:00")
    shop.until("2026-03-02 12:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2026", "EARNED")
    trigger = accrue(shop, account, 20_000, "2026-06-01 12:00")
    shop.until("2026-06-01 12:00")

    [mail] = shop.mails()
    assert mail["Subject"] == "Le faltan 8.000 puntos para Platino"
    standing = desk.standing(account, shop.now)
    assert (standing.near_next, standing.next_tier, standing.to_next) == (True, "PLATINUM", 8_000)
    assert standing.reason == f"8000 qualifying points to PLATINUM, with {standing.days_left} days left."
    # The row says because of which points, on which consent, and what was offered.
    row = shop.entry(trigger, "nudge")
    [because] = [each for each in shop.events() if each.at.position == row.trigger_position]
    assert isinstance(because.event, PointsAccrued)
    [consent] = [each.at.position for each in shop.events() if each.at.type == "consent.granted.v1"]
    assert (row.basis, row.relied_on) == ("CONSENT", consent)
    assert [offer.title for offer in offers(shop)] == ["8000 qualifying points to PLATINUM"]


def test_scenario_8_gold_sliding_to_silver_is_offered_points_and_it_can_be_explained(shop: Shop) -> None:
    desk, customer = Desk(shop), shop.customer()
    shop.do(GrantConsent(customer_id=customer, purpose=Purpose.MARKETING))
    shop.do(AssignAccountManager(customer_id=customer, staff_id=REP))
    account = enrol(shop, customer, "2026-01-12 12:00", tier="GOLD")
    accrue(shop, account, 9_000, "2026-06-01 12:00")
    shop.until("2026-10-14 09:00")

    assert [mail["Subject"] for mail in shop.mails()] == ["Conserve su nivel Oro"]
    standing = desk.standing(account, shop.now)
    assert (standing.at_risk, standing.days_left) == (True, 90)
    [task] = tasks(shop, "tier-at-risk")
    assert task.staff_id == REP
    assert f"at this pace {standing.run_rate:f} points on {standing.anniversary}" in task.subject
    assert standing.reason == f"At this pace {standing.run_rate} qualifying points on 2027-01-12; GOLD takes 20000."
    [offer] = offers(shop)
    assert (offer.offer, local(offer.valid_until)) == ("BONUS_POINTS", "2027-01-12 00:00")

    # Nothing helps: Gold goes on for three months after the anniversary, and not a day longer.
    shop.until("2026-11-28 09:00")
    shop.until("2027-01-12 00:00")
    assert tiers(shop, account)[-1] == ("GOLD", "2027", "GRACE")
    shop.until("2027-04-12 00:00")
    assert tiers(shop, account)[-1] == ("SILVER", "2027", "DOWNGRADED")
