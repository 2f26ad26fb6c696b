"""Cost shares in SQL: what was sold and what was spent between two days, shared out by the published rules."""

from enum import StrEnum

from psycopg import sql

from eventstore.reader import AsOf, Reader
from projections.company import allocations
from projections.company.costs import costs
from projections.customers import profiles
from projections.facts import counted
from projections.history import past
from projections.marketing import campaigns, segment_memberships, segments
from projections.marketing.campaign_members import campaign_steps
from projections.selling.margins import costed_sales
from projections.selling.sales import sales
from projections.service import cases
from projections.touchpoints.calls import legs as call_legs
from projections.touchpoints.interactions import contacts


class ProfitBy(StrEnum):
    """For whom or what revenue and costs are told apart."""

    CUSTOMER = "CUSTOMER"
    SEGMENT = "SEGMENT"
    TERRITORY = "TERRITORY"
    REP = "REP"
    PRODUCT = "PRODUCT"
    CHANNEL = "CHANNEL"
    CAMPAIGN = "CAMPAIGN"


KEYS = {
    ProfitBy.CUSTOMER: "customer_id::text",
    ProfitBy.SEGMENT: "segment",
    ProfitBy.TERRITORY: "territory",
    ProfitBy.REP: "rep",
    ProfitBy.PRODUCT: "sku",
    ProfitBy.CHANNEL: "channel",
    ProfitBy.CAMPAIGN: "campaign",
}
STAGE = "stage"
"""Whether a customer had bought before the period (RETENTION) or not (ACQUISITION)."""
DIRECT = {
    ProfitBy.TERRITORY: "territory",
    ProfitBy.REP: "rep",
    ProfitBy.CAMPAIGN: "campaign",
}
"""What a cost may name itself, and then bears whole."""

PARTS = sql.SQL("""
with reps as (
  select distinct on ("user") "user", staff_id::text as rep from views.staff where "user" is not null
   order by "user", staff_id),
inside as (
  select distinct on (customer_id) customer_id, segments.code as segment
    from {segment_memberships} join {segments} on segments.segment_id = segment_memberships.segment_id
   where inside and retired_at is null order by customer_id, entered_at desc, segments.code),
firsts as (
  select customer_id, min(occurred_at) as first_order_at from {sales} where orders = 1 group by customer_id),
who as materialized (
  select coalesce(p.customer_id, f.customer_id, i.customer_id) as customer_id, p.territory, i.segment,
         case when f.first_order_at < %(start)s then 'RETENTION' else 'ACQUISITION' end as stage
    from (select profiles.* from {profiles}) p
    full join firsts f on f.customer_id = p.customer_id
    full join inside i on i.customer_id = coalesce(p.customer_id, f.customer_id)),
things as (
  select 'SOLD' as what, s.customer_id, coalesce(reps.rep, s.rep) as rep, s.sku, s.channel, s.campaign,
         s.owner_id, s.kind = 'PLACED' as placed, s.orders, s.base_amount, s.goods, 0::bigint as contacts
    from ({costed}) s left join reps on reps."user" = s.rep
   union all
  select 'MET', customer_id, staff_id::text, null, channel, campaign, owner_id, false, 0, 0, 0, contacts
    from {contacts} where occurred_at >= %(start)s and occurred_at < %(end)s
   union all
  select 'MET', call_legs.customer_id, call_legs.staff_id::text, null, 'PHONE', campaigns.code, owner_id, false, 0, 0, 0, 1
    from {call_legs} left join {campaigns} on campaigns.campaign_id = call_legs.campaign_id
   where move = 'ANSWERED' and occurred_at >= %(start)s and occurred_at < %(end)s
   union all
  select 'SERVED', customer_id, staff_id::text, product, channel, null, case_id, false, 0, 0, 0, 0
    from {cases} where opened_at >= %(start)s and opened_at < %(end)s
   union all
  select distinct 'MEMBER', campaign_steps.customer_id, null, null, null, campaigns.code, campaign_steps.campaign_id,
         false, 0, 0, 0, 0::bigint
    from {campaign_steps} left join {campaigns} on campaigns.campaign_id = campaign_steps.campaign_id
   where campaign_steps.kind = 'TARGETED'),
known as materialized (
  select t.*, w.territory, w.segment, coalesce(w.stage, 'ACQUISITION') as stage
    from things t left join who w on w.customer_id = t.customer_id),
keyed as materialized (
  select *, {key} as key from known),
drivers as (
  select 'BY_REVENUE' as basis, key, customer_id, territory, segment, rep, channel, campaign, sum(base_amount) as weight
    from keyed where what = 'SOLD' group by 2, 3, 4, 5, 6, 7, 8
   union all
  select 'BY_ORDERS', key, customer_id, territory, segment, rep, channel, campaign,
         round(1::numeric / count(*) over (partition by owner_id), 12)
    from (select distinct owner_id, key, customer_id, territory, segment, rep, channel, campaign
            from keyed where placed) o
   union all
  select 'BY_CONTACTS', key, customer_id, territory, segment, rep, channel, campaign, sum(contacts)
    from keyed where what = 'MET' group by 2, 3, 4, 5, 6, 7, 8
   union all
  select 'BY_CASES', key, customer_id, territory, segment, rep, channel, campaign, count(*)
    from keyed where what = 'SERVED' group by 2, 3, 4, 5, 6, 7, 8
   union all
  select 'BY_MEMBERS', key, customer_id, territory, segment, rep, channel, campaign, 1
    from keyed where what = 'MEMBER'),
spent as (
  select (max(category) = 'SUPPORT') as support, allocation, campaign_id, staff_id, territory_id,
         round(sum(amount) * (least(period_to, %(to)s) - period_from + 1) / (period_to - period_from + 1), decimals)
       - round(sum(amount) * (greatest(period_from, %(from)s) - period_from) / (period_to - period_from + 1), decimals)
         as amount
    from (select *, greatest(2, max(scale(amount)) over (partition by owner_id)) as decimals
            from {costs} where base_currency = %(currency)s) c
   where period_from <= %(to)s and period_to >= %(from)s
   group by owner_id, allocation, campaign_id, staff_id, territory_id, period_from, period_to, decimals),
pools as materialized (
  select row_number() over () as pool, c.*, coalesce(campaigns.code, c.campaign_id::text) as campaign,
         coalesce(territories.code, c.territory_id::text) as territory, c.staff_id::text as rep
    from (select support or r.basis is not distinct from 'BY_CASES' as service, allocation, campaign_id, staff_id,
                 territory_id, r.scope, coalesce(r.basis, case when campaign_id is not null then 'BY_MEMBERS'
                   when staff_id is not null or territory_id is not null then 'BY_REVENUE' end) as basis,
                 sum(amount) as amount
            from spent left join (select allocation_rules.* from {allocation_rules}) r on r.code = allocation
           group by 1, 2, 3, 4, 5, 6, 7) c
    left join {campaigns} on campaigns.campaign_id = c.campaign_id
    left join views.territories on territories.territory_id = c.territory_id),
eligible as (
  select p.pool, p.basis = 'EQUALLY' as equally, d.key, d.weight, case p.scope
           when 'SEGMENT' then d.segment when 'CAMPAIGN' then d.campaign when 'TERRITORY' then d.territory
           when 'REP' then d.rep when 'CHANNEL' then d.channel else d.customer_id::text end as unit
    from pools p join drivers d on d.basis = p.basis or (p.basis = 'EQUALLY' and
           d.basis = any (case when p.campaign_id is null then array['BY_ORDERS', 'BY_CONTACTS', 'BY_CASES']
                          else array['BY_MEMBERS'] end))
   where {direct} is null and (p.rep is null or d.rep = p.rep) and (p.territory is null or d.territory = p.territory)
     and (p.campaign_id is null or exists (
       select from known m where m.what = 'MEMBER' and m.owner_id = p.campaign_id and m.customer_id = d.customer_id))),
weights as (
  select pool, key, sum(weight) as weight from eligible where not equally and unit is not null group by 1, 2
   union all
  select pool, key, sum(weight) from (
    select pool, key, round(1::numeric / count(*) over (partition by pool, unit), 12) as weight
      from (select distinct pool, unit, key from eligible where equally and unit is not null) u) e group by 1, 2
   union all
  select pool, {direct}, 1 from pools p where {direct} is not null),
reached as (
  select p.pool, p.service, w.key, round(p.amount * sum(w.weight) over (upto rows unbounded preceding)
           / sum(w.weight) over (partition by p.pool), greatest(2, scale(p.amount))) as reached
    from pools p join weights w on w.pool = p.pool and w.weight > 0
  window upto as (partition by p.pool order by w.key collate "C" nulls last)),
parts as materialized (
  select pool, service, key, reached - coalesce(lag(reached) over (
           partition by pool order by key collate "C" nulls last), 0) as part from reached)
""")


def cost_parts(by: ProfitBy | None, as_of: AsOf, reader: Reader, *, stage: bool = False) -> sql.Composed:
    """The parts of a question on the days %(from)s to %(to)s, which are the moments from %(start)s up to %(end)s.

    `keyed` is what was sold, with its key; `pools` are the costs of the period, each for its days, pooled by what they say
    of how they are shared out; `parts` is what each key bears of each pool. A part is `round(A W_k / W) -
    round(A W_(k-1) / W)` as in `projections.company.sharing`, in the order of the keys, so that the parts of a pool are the pool.
    An n-th part of an order, or of one of a scope, weighs 1/n to 12 decimals.
    """
    key = STAGE if stage else "null::text" if by is None else KEYS[by]
    return PARTS.format(
        key=sql.SQL(key),
        direct=sql.SQL("null::text") if by not in DIRECT else sql.SQL("p.{}").format(sql.Identifier(DIRECT[by])),
        segment_memberships=past(segment_memberships.view, as_of, reader),
        segments=past(segments.view, as_of, reader),
        profiles=past(profiles.view, as_of, reader),
        sales=counted(sales, as_of, reader),
        costed=costed_sales(
            as_of,
            reader,
            sql.SQL("occurred_at >= %(start)s and occurred_at < %(end)s and base_currency = %(currency)s"),
        ),
        contacts=counted(contacts, as_of, reader),
        call_legs=counted(call_legs, as_of, reader),
        cases=past(cases.view, as_of, reader),
        campaign_steps=counted(campaign_steps, as_of, reader),
        campaigns=past(campaigns.view, as_of, reader),
        costs=counted(costs, as_of, reader),
        allocation_rules=past(allocations.view, as_of, reader),
    )
