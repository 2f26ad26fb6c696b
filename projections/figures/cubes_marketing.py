"""The cubes of marketing: campaigns, points, tiers, segments, lifecycle and the web."""

from dataclasses import replace

from projections.customers import profiles
from projections.figures.cube import Cube, Measure
from projections.figures.cubes_joins import CAMPAIGNS, CUSTOMER, PRODUCTS
from projections.marketing import campaign_members, segment_memberships
from projections.touchpoints import visits
from projections.value import loyalty

CAMPAIGN_STEPS = Cube(
    "campaignSteps",
    "Campaign steps",
    "How members got on in campaigns: targeted, held out, sent to, answered.",
    campaign_members.campaign_steps,
    measures=(
        Measure("count", "Steps", "count(*)", "steps"),
        Measure("members", "Members, each counted once a kind", "count(*) filter (where {first})", "members"),
        Measure("targeted", "Targeted", "count(*) filter (where {first} and {kind} = 'TARGETED')", "members"),
        Measure("heldOut", "Held out", "count(*) filter (where {first} and {kind} = 'HELD_OUT')", "members"),
        Measure("responded", "Responded", "count(*) filter (where {first} and {kind} = 'RESPONDED')", "members"),
        Measure("weight", "Orders owed to the campaign", "coalesce(sum({weight}), 0)", "orders"),
    ),
    joins=(*CUSTOMER, CAMPAIGNS),
    owner="membership_id",
    hidden=("weight",),
)

POINTS = Cube(
    "points",
    "Points",
    "Points that came to loyalty accounts, and went.",
    loyalty.points,
    measures=(
        Measure("redeemable", "Points to spend", "coalesce(sum({redeemable}), 0)", "points"),
        Measure("qualifying", "Points for tiers", "coalesce(sum({qualifying}), 0)", "points"),
        Measure("worth", "Worth of rewards", "coalesce(sum({worth}), 0)", "base currency", "base_currency"),
        Measure("accounts", "Accounts", "count(distinct {owner_id})", "accounts"),
        Measure("count", "Entries", "count(*)", "entries"),
    ),
    joins=CUSTOMER,
    owner="account_id",
    hidden=("redeemable", "qualifying", "worth"),
)

TIERS = Cube(
    "tierChanges",
    "Tier changes",
    "Members who went from one tier of a programme to another.",
    loyalty.tier_changes,
    measures=(
        Measure("count", "Changes", "count(*)", "changes"),
        Measure("accounts", "Accounts", "count(distinct {owner_id})", "accounts"),
    ),
    joins=CUSTOMER,
    owner="account_id",
)

SEGMENTS = Cube(
    "segmentMoves",
    "Segment moves",
    "Customers who entered segments and left them.",
    segment_memberships.segment_moves,
    measures=(
        Measure("members", "Change of members", "coalesce(sum({members}), 0)::bigint", "customers"),
        Measure("count", "Moves", "count(*)", "moves"),
        Measure("meanStay", "Mean stay of those who left", "avg({stayed_s})", "s"),
    ),
    joins=CUSTOMER,
    owner="membership_id",
    hidden=("members",),
)

LIFECYCLE = Cube(
    "lifecycleMoves",
    "Lifecycle",
    "Customers who went from one stage of their life with the company to another.",
    profiles.lifecycle_moves,
    measures=(
        Measure("count", "Moves", "count(*)", "moves"),
        Measure("customers", "Customers", "count(distinct {customer_id})", "customers"),
        Measure("meanStay", "Mean time at the stage before", "avg({lasted_s})", "s"),
    ),
    joins=CUSTOMER,
)

WEB = Cube(
    "webHits",
    "Web",
    "What visitors of the site did.",
    visits.hits,
    measures=(
        Measure("hits", "Hits", "count(*)", "hits"),
        Measure("visits", "Visits", "coalesce(sum({visits}), 0)::bigint", "visits"),
        Measure("customers", "Known customers", "count(distinct {customer_id})", "customers"),
    ),
    joins=(*CUSTOMER, replace(PRODUCTS, on={"sku": "product"})),
    owner="visit_id",
    hidden=("visits",),
)

CUBES = (CAMPAIGN_STEPS, POINTS, TIERS, SEGMENTS, LIFECYCLE, WEB)
