"""Campaign figures in SQL: members, attempts and what came of them, counted for many campaigns in one statement."""

from psycopg import sql

from eventstore.reader import AsOf, Reader
from projections.facts import counted
from projections.history import past
from projections.marketing import campaign_contacts, campaigns
from projections.marketing.campaign_members import campaign_steps
from projections.selling import opportunities
from projections.selling.margins import costed_sales
from projections.selling.sales import sales
from projections.touchpoints.deliveries import delivery_notices

PARTS = sql.SQL("""
with plan as (
  select campaign_id, code, response_days, launched_at from {campaigns} where campaign_id = any(%(ids)s)),
steps as (
  select * from {campaign_steps} where campaign_id = any(%(ids)s)),
members as (
  select campaign_id, customer_id,
         bool_or(kind = 'TARGETED') as targeted,
         bool_or(kind = 'HELD_OUT') and not bool_or(kind = 'TARGETED') as held_out,
         (array_agg(reason order by position desc) filter (where kind = 'SUPPRESSED'))[1] as reason,
         (array_agg(segment_id order by position) filter (where kind in ('TARGETED', 'HELD_OUT')))[1] as segment_id,
         min(occurred_at) filter (where kind in ('TARGETED', 'HELD_OUT')) as chosen_at,
         min(occurred_at) filter (where kind = 'RESPONDED' and within_window) as responded_at,
         bool_or(kind = 'RESPONDED') as responded,
         bool_or(kind = 'RESPONDED' and within_window and response = 'PURCHASE') as purchased,
         bool_or(kind = 'OPTED_OUT') as opted_out
    from steps group by campaign_id, customer_id),
contacts as (
  select p.campaign_id as of_campaign, c.*
    from plan p join {campaign_contacts} on true
    cross join lateral (select campaign_contacts.*) c
   where c.direction = 'OUT' and (c.campaign_id = p.campaign_id or c.campaign = p.code)),
attempts as (
  select s.campaign_id, s.customer_id, s.occurred_at, s.position::text as place, s.channel, c.staff_id, s.delivery_id,
         case when c.contact_id is null then s.delivery_id is null else c.reached_at is not null end as reached
    from steps s left join contacts c on c.of_campaign = s.campaign_id and c.delivery_id = s.delivery_id
   where s.kind = 'DISPATCHED'
   union all
  select c.of_campaign, c.customer_id, c.started_at, c.contact_id::text, c.channel, c.staff_id, c.delivery_id,
         c.reached_at is not null
    from contacts c
   where c.customer_id is not null and not exists (
     select from steps s where s.kind = 'DISPATCHED' and s.campaign_id = c.of_campaign and s.delivery_id = c.delivery_id)),
notices as (
  select owner_id, bool_or(kind in ('DELIVERED', 'OPENED', 'CLICKED')) as delivered,
         bool_or(kind in ('OPENED', 'CLICKED')) as opened, bool_or(kind = 'CLICKED') as clicked,
         bool_or(kind = 'BOUNCED' and bounce <> 'SPAM_REPORT') as bounced
    from {delivery_notices} where owner_id in (select delivery_id from attempts) group by owner_id),
tries as (
  select a.campaign_id, a.customer_id, a.occurred_at, a.place, a.channel, a.staff_id, m.segment_id, m.responded_at,
         row_number() over (partition by a.campaign_id, a.customer_id order by a.occurred_at, a.place) as attempt,
         a.reached or coalesce(n.delivered, false) as delivered, coalesce(n.opened, false) as opened,
         coalesce(n.clicked, false) as clicked, coalesce(n.bounced, false) as bounced
    from attempts a
    join members m on m.campaign_id = a.campaign_id and m.customer_id = a.customer_id and m.targeted
    left join notices n on n.owner_id = a.delivery_id),
touches as (
  select distinct on (campaign_id, customer_id) campaign_id, customer_id, channel, staff_id, attempt
    from tries where responded_at is null or occurred_at <= responded_at
   order by campaign_id, customer_id, attempt desc),
orders as (
  select owner_id, customer_id, min(occurred_at) as placed_at
    from {sales} where customer_id in (select customer_id from members)
   group by owner_id, customer_id having sum(orders) > 0 and sum(quantity) > 0),
bought as (
  select distinct m.campaign_id, m.customer_id
    from members m join plan p on p.campaign_id = m.campaign_id join orders o on o.customer_id = m.customer_id
   where o.placed_at >= greatest(m.chosen_at, p.launched_at)
     and o.placed_at < greatest(m.chosen_at, p.launched_at) + make_interval(days => p.response_days::int)),
outcomes as (
  select m.*, m.purchased or b.customer_id is not null as converted, t.channel, t.staff_id, t.attempt
    from members m
    left join bought b on b.campaign_id = m.campaign_id and b.customer_id = m.customer_id
    left join touches t on t.campaign_id = m.campaign_id and t.customer_id = m.customer_id),
models as (
  select distinct on (campaign_id) campaign_id, model, model_version from steps
   where kind = 'ATTRIBUTED' and (%(model)s::text is null or model = %(model)s)
   order by campaign_id, position desc, number desc),
credits as (
  select s.campaign_id, s.customer_id, s.order_id, s.opportunity_id, sum(s.weight) as weight
    from steps s join models m on m.campaign_id = s.campaign_id and m.model = s.model
   where s.kind = 'ATTRIBUTED' group by s.campaign_id, s.customer_id, s.order_id, s.opportunity_id having sum(s.weight) <> 0),
sold as (
  select owner_id, sum(base_amount) as revenue, sum(coalesce(goods, 0)) as goods,
         coalesce(sum(base_amount) filter (where goods is null), 0) as uncosted
    from ({costed}) priced group by owner_id),
owed as (
  select c.campaign_id, c.customer_id, c.weight * s.revenue as revenue, c.weight * s.goods as goods,
         c.weight * s.uncosted as uncosted
    from credits c join sold s on s.owner_id = c.order_id
   union all
  select c.campaign_id, c.customer_id, c.weight * o.base_amount, 0, c.weight * o.base_amount
    from credits c join {opportunities} on true cross join lateral (select opportunities.*) o
   where o.opportunity_id = c.opportunity_id and o.status = 'WON' and o.base_amount is not null and not exists (
     select from credits also where also.campaign_id = c.campaign_id and also.order_id = o.order_id))
""")

FIGURES = sql.SQL("""
, by_member as (
  select campaign_id, {member_key} as key,
         count(*) filter (where targeted) as targeted,
         count(*) filter (where held_out) as held_out,
         count(*) filter (where reason is not null) as suppressed,
         count(*) filter (where targeted and responded_at is not null) as responded,
         count(*) filter (where targeted and responded and responded_at is null) as responded_late,
         count(*) filter (where targeted and converted) as converted,
         count(*) filter (where held_out and converted) as control_converted,
         count(*) filter (where opted_out) as opted_out
    from outcomes group by 1, 2),
by_try as (
  select campaign_id, {try_key} as key, count(*) as attempts,
         count(distinct customer_id) as sent,
         count(distinct customer_id) filter (where delivered) as delivered,
         count(distinct customer_id) filter (where opened) as opened,
         count(distinct customer_id) filter (where clicked) as clicked,
         count(distinct customer_id) filter (where bounced) as bounced
    from tries group by 1, 2),
by_credit as (
  select o.campaign_id, {credit_key} as key, sum(o.revenue) as revenue, sum(o.goods) as goods, sum(o.uncosted) as uncosted
    from owed o left join outcomes t on t.campaign_id = o.campaign_id and t.customer_id = o.customer_id
   group by 1, 2),
keys as (
  select campaign_id, key from by_member union select campaign_id, key from by_try union
  select campaign_id, key from by_credit)
select k.campaign_id, k.key,
       {counts},
       coalesce(c.revenue, 0), coalesce(c.goods, 0), coalesce(c.uncosted, 0)
  from keys k
  left join by_member m on m.campaign_id = k.campaign_id and m.key is not distinct from k.key
  left join by_try t on t.campaign_id = k.campaign_id and t.key is not distinct from k.key
  left join by_credit c on c.campaign_id = k.campaign_id and c.key is not distinct from k.key
 order by k.campaign_id, k.key nulls last
""")

OF_MEMBERS = (
    "targeted", "held_out", "suppressed", "responded", "responded_late", "converted", "control_converted", "opted_out",
)  # fmt: skip
OF_TRIES = ("attempts", "sent", "delivered", "opened", "clicked", "bounced")


def parts(as_of: AsOf, reader: Reader) -> sql.Composed:
    """The parts of a question on the campaigns `ids`: `members`, `tries`, `outcomes`, `models`, `credits` and `owed`."""
    return PARTS.format(
        campaigns=past(campaigns.view, as_of, reader),
        campaign_steps=counted(campaign_steps, as_of, reader),
        campaign_contacts=past(campaign_contacts.view, as_of, reader),
        delivery_notices=counted(delivery_notices, as_of, reader),
        sales=counted(sales, as_of, reader),
        costed=costed_sales(as_of, reader, sql.SQL("sales.owner_id in (select order_id from credits)")),
        opportunities=past(opportunities.view, as_of, reader),
    )


def figures(key: str | None) -> sql.Composed:
    """The figures of each campaign by a column of its members or attempts; without one, for each as a whole."""
    column = sql.SQL("null::text") if key is None else sql.SQL("{}::text").format(sql.Identifier(key))
    of_credit = sql.SQL("null::text") if key is None else sql.SQL("t.{}::text").format(sql.Identifier(key))
    counts = [sql.SQL("coalesce(m.{}, 0)").format(sql.Identifier(name)) for name in OF_MEMBERS]
    counts += [sql.SQL("coalesce(t.{}, 0)").format(sql.Identifier(name)) for name in OF_TRIES]
    return FIGURES.format(member_key=column, try_key=column, credit_key=of_credit, counts=sql.SQL(", ").join(counts))
