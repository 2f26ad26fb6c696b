"""A shop that plans visits, and customers who answer to its letters."""

from pathlib import Path
from typing import Any
from uuid import UUID

from domain.activity import (
    ActivityKind,
    ActivityScheduled,
    ScheduleActivity,
)
from domain.campaign import PlanCampaign
from domain.campaign_member import (
    CampaignResponseKind,
    RecordCampaignResponse,
    TargetMember,
)
from domain.campaign_plan import CampaignKind
from domain.kernel import derived
from eventstore.envelope import Origin
from processes import first_visit
from tests.conftest import House
from tests.processes.sales import happened, id_of, person, territory
from tests.processes.shop import Shop, local, moment

LETTERS, MAILS = derived("campaign", "letters"), derived("campaign", "mails")
FRIDAY = "2026-01-16 17:00"


def visiting(house: House, tmp_path: Path) -> Shop:
    """A shop that only plans visits, on a Friday at five; Eva answers for Spain."""
    shop = Shop(house.log, tmp_path / "mail", policies=(first_visit.policy,), now=moment(FRIDAY))
    territory(shop, "spain", person(shop, "eva"), countries=("ES",))
    for campaign, kind in ((LETTERS, CampaignKind.DIRECT_MAIL), (MAILS, CampaignKind.EMAIL)):
        shop.do(
            PlanCampaign(
                campaign_id=campaign,
                key=f"c{kind}",
                title="Winter letters",
                kind=kind,
                starts_at=moment("2026-01-10 09:00"),
            )
        )
    return shop


def answer(
    shop: Shop, customer: UUID | None = None, on: str = FRIDAY, campaign: UUID = LETTERS, origin: Origin = Origin.LIVE,
    kind: CampaignResponseKind = CampaignResponseKind.REPLY,
) -> UUID:  # fmt: skip
    """A customer answers to a campaign."""
    customer = customer or shop.customer()
    shop.do(TargetMember(campaign_id=campaign, customer_id=customer), origin=origin)
    shop.do(RecordCampaignResponse(campaign_id=campaign, customer_id=customer, kind=kind, response_ref=on), on, origin)
    return customer


def planned(shop: Shop) -> list[ActivityScheduled]:
    """The visits that the policy planned."""
    shop.worker.run()
    return [each for each in happened(shop, ActivityScheduled) if each.origin_policy == "first-visit"]


def slots(shop: Shop) -> list[str | None]:
    return [local(each.starts_at) for each in planned(shop)]


def outcomes(shop: Shop) -> list[tuple[str, str | None]]:
    shop.worker.run()
    return [(each.status.value, each.reason) for each in shop.ledger()]


def busy(shop: Shop, start: str, hours: float = 1, key: str = "", who: str = "eva", **said: Any) -> UUID:
    """Somebody has something to do."""
    id = derived("activity", start, key)
    asked = {"kind": ActivityKind.MEETING, "subject": "Meeting", "duration_s": int(hours * 3600), **said}
    shop.do(ScheduleActivity(activity_id=id, staff_id=id_of(who), starts_at=moment(start), **asked))
    return id
