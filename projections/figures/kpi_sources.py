"""Where the figures come from: the facts that measures add up, and by what each can be narrowed down."""

from collections.abc import Mapping

from projections.company import objectives
from projections.company.costs import costs
from projections.customers import suspicions
from projections.customers.profiles import lifecycle_moves
from projections.customers.proofs import proof_moves
from projections.figures.counting import KpiDimension, Narrowing, Source
from projections.marketing import campaign_contacts
from projections.marketing.campaign_members import campaign_steps
from projections.selling import opportunities, pipelines, products
from projections.selling.margins import costed_sales
from projections.selling.sales import sales
from projections.selling.transitions import transitions
from projections.touchpoints import agenda
from projections.touchpoints.deliveries import delivery_notices
from projections.touchpoints.promises import promise_moves
from projections.value.loyalty import points, tier_changes

COMPANY = {KpiDimension.COMPANY: Narrowing("true")}
OF_CUSTOMER = COMPANY | {
    KpiDimension.TERRITORY: Narrowing(
        """
        exists (select from views.profiles_history p
                 where p.customer_id = {row}.customer_id and p.valid_from <= {row}.occurred_at
                   and (p.valid_until is null or p.valid_until > {row}.occurred_at)
                   and (p.territory = {value} or p.territory in (
                     select code from views.territories where territory_id::text = {value})))""",
        "territory",
        coded=True,
    ),
    KpiDimension.SEGMENT: Narrowing(
        """
        exists (select from views.segment_memberships_history m
                 where m.customer_id = {row}.customer_id and m.inside and m.valid_from <= {row}.occurred_at
                   and (m.valid_until is null or m.valid_until > {row}.occurred_at)
                   and m.segment_id in (
                     select segment_id from views.segments where code = {value} or segment_id::text = {value}))""",
        "segment",
        coded=True,
    ),
}
"""By where customers belonged, and in which segments they were, when it happened."""


def by_staff(column: str) -> Mapping[KpiDimension, Narrowing]:
    """By a member of staff, or by all who are in a team now."""
    members = "select jsonb_array_elements_text(members) from views.teams where team_id = {value}"
    return {
        KpiDimension.REP: Narrowing(f"{column} = {{value}}", "staff"),
        KpiDimension.TEAM: Narrowing(f"{column}::text in ({members})", "team"),
    }


# Sales.

SOLD_BY = {
    **OF_CUSTOMER,
    KpiDimension.CHANNEL: Narrowing("channel = {value}"),
    KpiDimension.REP: Narrowing("rep = {value}"),
    KpiDimension.CAMPAIGN: Narrowing("campaign = {value}"),
}
"""A rep is here who orders say it is: a code."""
LINE_SOLD_BY = {**SOLD_BY, KpiDimension.PRODUCT: Narrowing("sku = {value}")}

SALES = Source((sales,), "{sales}", "sales", LINE_SOLD_BY, "base_currency")
FIRST_ORDERS = Source(
    (sales,),
    """(select *, min(known_at) over (
                 partition by customer_id order by occurred_at, position
                 rows between unbounded preceding and 1 preceding) as earlier_known_at
          from {sales} where orders = 1 and customer_id is not null) as first_order""",
    "first_order",
    SOLD_BY,
)
"""The orders, each with when the first of the customer's earlier ones became known."""
CATEGORISED = Source(
    (sales, products.view),
    """(select s.*, p.category,
               min(known_at) over (
                 partition by customer_id, category order by occurred_at, position
                 groups between unbounded preceding and 1 preceding) as category_known_at,
               min(known_at) over (
                 partition by customer_id order by occurred_at, position
                 groups between unbounded preceding and 1 preceding) as customer_known_at
          from (select * from {sales} where kind = 'PLACED' and customer_id is not null) s
          left join (select distinct on (sku) sku, category from {products} order by sku, introduced_at desc) p using (sku)
       ) as line""",
    "line",
    LINE_SOLD_BY,
    "base_currency",
)
"""What customers ordered, with when they were known to have ordered before, at all and in the same category."""
LIFECYCLE = Source((lifecycle_moves,), "{lifecycle_moves}", "lifecycle_moves", OF_CUSTOMER)

# The pipeline, and what was planned.

CLOSED = Source(
    (transitions,),
    """(select t.*, o.opened_at, extract(epoch from t.occurred_at - o.opened_at) as lasted_s,
               min(t.known_at) over (
                 partition by t.owner_id order by t.position
                 rows between 1 following and unbounded following) as replaced_at
          from (select * from {transitions} where kind in ('WON', 'LOST', 'REOPENED')) t
          join (select owner_id, occurred_at as opened_at from {transitions} where kind = 'OPENED') o using (owner_id)
       ) as deal""",
    "deal",
    {**OF_CUSTOMER, **by_staff("staff_after"), KpiDimension.PRODUCT: Narrowing("product = {value}")},
    "base_currency",
)
"""How opportunities ended, with when each was opened, and when another end or a reopening became known, if one did."""
DEALS = Source(
    (opportunities.view, pipelines.stages),
    """(select *, opened_at as occurred_at, known_from as known_at, opportunity_id as owner_id, from_position as position,
               0 as number
          from {opportunities_history}) as deal""",
    "deal",
    {**OF_CUSTOMER, **by_staff("staff_id"), KpiDimension.PRODUCT: Narrowing("product = {value}")},
    "base_currency",
)
"""Every version of the opportunities."""
PLANS = Source(
    (agenda.view,),
    """(select *, coalesce(starts_at, due_at) as occurred_at, known_from as known_at, activity_id as owner_id,
               from_position as position, 0 as number
          from {agenda_history} where coalesce(starts_at, due_at) is not null) as plan""",
    "plan",
    {**OF_CUSTOMER, **by_staff("staff_id")},
)
"""Every version of what is in the agendas, by when it was to be."""
OBJECTIVES = Source(
    (objectives.view,),
    """(select *, known_from as known_at, valid_from as occurred_at, objective_id as owner_id, from_position as position,
               0 as number, null::uuid as customer_id
          from {objectives_history}) as objective""",
    "objective",
    dict.fromkeys(LINE_SOLD_BY, Narrowing("true")),
)
"""Every version of the objectives; which of them are of a scope, who asks finds out."""

# Marketing, and what it costs.

STEPS = Source(
    (campaign_steps, delivery_notices, campaign_contacts.view),
    "{campaign_steps}",
    "campaign_steps",
    {
        **OF_CUSTOMER,
        KpiDimension.CAMPAIGN: Narrowing("campaign_id = {value}", "campaign"),
        KpiDimension.CHANNEL: Narrowing("channel = {value}"),
    },
)
CREDITED = """(
    select * from (
      select *, first_value(model) over (partition by campaign_id order by position desc, number desc) as last_model
        from {campaign_steps} where kind = 'ATTRIBUTED') attributed
     where model = last_model and weight <> 0)"""
CREDITS = Source(
    (campaign_steps, opportunities.view, transitions),
    f"""(select s.owner_id, s.position, s.number, s.customer_id, s.campaign_id,
                greatest(s.occurred_at, o.occurred_at) as occurred_at, greatest(s.known_at, o.known_at) as known_at,
                s.weight * (o.base_amount - coalesce(o.goods, 0)) as margin, o.base_currency
           from {CREDITED} s join ({{costed_sales}}) o on o.owner_id = s.order_id
          union all
         select s.owner_id, s.position, s.number, s.customer_id, s.campaign_id,
                greatest(s.occurred_at, t.occurred_at), greatest(s.known_at, t.known_at),
                s.weight * coalesce(t.amount_after, 0), t.base_currency
           from {CREDITED} s
           join (select * from {{transitions}} where kind = 'WON') t on t.owner_id = s.opportunity_id
           join {{opportunities}} on opportunities.opportunity_id = s.opportunity_id
            and opportunities.order_id is null and opportunities.status = 'WON') as credit""",
    "credit",
    {**OF_CUSTOMER, KpiDimension.CAMPAIGN: Narrowing("campaign_id = {value}", "campaign")},
    "base_currency",
    {"costed_sales": costed_sales},
)
"""What is owed to campaigns of what was sold, by the model that was asked last."""
COSTS = Source(
    (costs,),
    """(select owner_id, position, number * 100000 + nth_day as number, customer_id, known_at, category, allocation,
               base_currency, campaign_id, staff_id, territory_id,
               (period_from + nth_day - 1)::timestamp at time zone %(zone)s as occurred_at,
               round(amount * nth_day / days, places) - round(amount * (nth_day - 1) / days, places) as amount
          from (select *, period_to - period_from + 1 as days, greatest(scale(amount), 2) as places from {costs}) c
         cross join lateral generate_series(1, days) as nth_day) as cost""",
    "cost",
    {
        **COMPANY,
        KpiDimension.CAMPAIGN: Narrowing("campaign_id = {value}", "campaign"),
        KpiDimension.REP: Narrowing("staff_id = {value}", "staff"),
        KpiDimension.TERRITORY: Narrowing(
            "territory_id in ("
            "  select territory_id from views.territories where code = {value} or territory_id::text = {value})",
            "territory",
            coded=True,
        ),
    },
    "base_currency",
)
"""What was spent on each day of the period of a cost: equal parts, which add up exactly."""

# Loyalty, what is known, and what was promised.

POINTS = Source(
    (points,),
    """(select p.*, v.point_cost, v.currency
          from (select * from {points}) p
          left join (select distinct on (programme) programme, point_cost, currency
                       from views.programmes order by programme, version desc) v using (programme)) as points""",
    "points",
    OF_CUSTOMER,
    "currency",
)
TIERS = Source((tier_changes,), "{tier_changes}", "tier_changes", OF_CUSTOMER)
PROOFS = Source((proof_moves,), "{proof_moves}", "proof_moves", OF_CUSTOMER)
SUSPECTED = Source(
    (suspicions.view,),
    """(select customer_id, duplicate_id as owner_id, from_position as position, 0 as number, valid_from as occurred_at,
               known_from as known_at, 1 as sign, dismissed
          from {suspicions_history}
         union all
        select customer_id, duplicate_id, until_position, 1, valid_to, known_to, -1, dismissed
          from {suspicions_history} where valid_to is not null) as suspicion""",
    "suspicion",
    OF_CUSTOMER,
)
"""Pairs of customers who may be one, from when they are suspected until somebody says that they are two."""
PROMISES = Source(
    (promise_moves,),
    """(select *, min(known_at) filter (where step = 'SETTLED') over (partition by owner_id) as settled_at,
               min(known_at) filter (where step = 'PROMISED') over (
                 partition by owner_id order by position
                 rows between 1 following and unbounded following) as replaced_at
          from {promise_moves}) as promise""",
    "promise",
    OF_CUSTOMER,
)
"""What became of promises, with when they were settled, and when another day took the place of theirs."""
