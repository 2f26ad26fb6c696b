"""The rules of the policies of sales, as they are shown to people: what sets each off, what ends it, and what it does."""

from domain.campaign_member import CampaignResponded, MemberOptedOut
from domain.consent import ConsentWithdrawn
from domain.deal import OpportunityCloseDateMoved
from domain.kernel import Event
from domain.lead import (
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadRecycled,
)
from domain.opportunity import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityStageChanged,
    OpportunityWon,
)
from domain.quote import QuoteAccepted, QuoteExpired, QuoteIssued, QuoteRejected, QuoteRevised
from domain.restriction import ContactRestrictionSet
from domain.rules import Occurrence, RuleAction, RuleActionKind, Rules

LEAD_IS_OVER: tuple[type[Event], ...] = (LeadDisqualified, LeadRecycled, LeadConverted)
SALE_IS_OVER: tuple[type[Event], ...] = (OpportunityWon, OpportunityLost)


def rules(triggers: tuple[type[Event], ...], cancelled_by: tuple[type[Event], ...], note: str) -> Rules:
    """The rules of a policy that does what the note says."""
    return Rules(
        triggers=tuple(Occurrence(event=each.stored_as) for each in triggers),
        action=RuleAction(kind=RuleActionKind.OTHER),
        cancelled_by=tuple(Occurrence(event=each.stored_as) for each in cancelled_by),
        note=note,
    )


FIRST_VISIT = rules(
    (CampaignResponded,),
    (MemberOptedOut, ConsentWithdrawn, ContactRestrictionSet),
    "Who answers to a campaign of letters is visited by who answers for their territory: in the first free hour from two to "
    "ten business days later, unless they opted out, or another visit is within fourteen days.",
)
ASSIGNMENT = rules(
    (LeadCaptured, OpportunityOpened),
    (LeadAssigned, OpportunityAssigned, *LEAD_IS_OVER, *SALE_IS_OVER),
    "What nobody has goes at once to the rep with most points: 40 for the territory, 25 for a skill in the product or the "
    "sector, 15 for the language, up to 15 for free capacity and up to 5 for the win rate. Who is absent gets nothing; of "
    "equals it is who was given something least recently. If nobody is eligible, it waits, and a manager has a task.",
)
LEAD_RESPONSE = rules(
    (LeadAssigned,),
    (LeadContacted, *LEAD_IS_OVER),
    "If nobody has spoken with a lead, whoever has it is warned after 1 business hour, their manager is told after 4, and "
    "after 8 the lead goes to the rep with most points who has not had it yet; three times at most.",
)
OPPORTUNITY_HYGIENE = rules(
    (OpportunityOpened, OpportunityStageChanged, OpportunityCloseDateMoved, OpportunityReopened),
    SALE_IS_OVER,
    "What is at its stage for as long as that allows, of whose customer nobody heard for 14 days, or whose close date has "
    "passed, is a task for whoever has it, and 7 days later for their manager, unless it moved to another stage or somebody "
    "spoke with the customer. 30 days after its close date it is left out of the forecast.",
)
QUOTE_FOLLOW_UP = rules(
    (QuoteIssued,),
    (QuoteAccepted, QuoteRejected, QuoteRevised, QuoteExpired),
    "Whoever has the sale is to call after 3 business days; the customer is written to 2 days before the last day; at the "
    "end of that day the quote expires.",
)
