"""Where the figures of service come from: what customers wanted, how it was dealt with, and how they found it."""

from projections.figures.counting import KpiDimension, Narrowing, Source
from projections.figures.kpi_sources import OF_CUSTOMER, by_staff
from projections.marketing.campaign_members import campaign_steps
from projections.service.case_milestones import milestones
from projections.service.case_slas import events as sla_events
from projections.service.shifts import times
from projections.service.surveys import answers
from projections.service.work_items import moves
from projections.touchpoints.calls import legs
from projections.touchpoints.interactions import contacts

CHANNEL, QUEUE = Narrowing("channel = {value}"), Narrowing("queue = {value}")
CAMPAIGN = Narrowing("campaign_id = {value}", "campaign")
HANDLED_BY = {**OF_CUSTOMER, **by_staff("staff_id"), KpiDimension.CHANNEL: CHANNEL, KpiDimension.QUEUE: QUEUE}

CASES = Source(
    (milestones,),
    "{case_milestones}",
    "case_milestones",
    {
        **HANDLED_BY,
        KpiDimension.TEAM: Narrowing("team_id = {value}", "team"),
        KpiDimension.PRODUCT: Narrowing("product = {value}"),
    },
)
PROMISED = Source(
    (sla_events, milestones),
    """(select s.*, lead(known_at) over later as replaced_known_at, lead(occurred_at) over later as replaced_at,
               r.reached_at, r.reached_known_at
          from (select * from {sla_events} where word = 'SET') s
          left join lateral (
            select m.occurred_at as reached_at, m.known_at as reached_known_at
              from (select * from {case_milestones}) m
             where m.owner_id = s.case_id and m.occurred_at >= s.occurred_at
               and m.milestone in ('RESOLVED', 'CLOSED', case s.milestone when 'FIRST_RESPONSE' then 'FIRST_RESPONSE' end)
             order by m.occurred_at, m.position limit 1) r on true
        window later as (partition by case_id, milestone order by position)) as promise""",
    "promise",
    OF_CUSTOMER,
)
"""What was promised of a case, with when another promise took its place, and when what was promised was reached."""
RESOLUTIONS = Source(
    (milestones,),
    """(select *, lead(known_at) over (partition by owner_id order by position) as replaced_at
          from {case_milestones} where milestone = 'RESOLVED') as resolution""",
    "resolution",
    CASES.scopes,
)
"""The resolutions of cases, with when another one of the same case became known."""

# The contact centre.

ARRIVALS = Source(
    (moves, legs),
    """(select owner_id, position, number, customer_id, occurred_at, known_at, entered_at as came_at, move, queue, channel,
               staff_id, waited_s, queued
          from {queue_events}
         union all
        select owner_id, position, number, customer_id, occurred_at, known_at, rang_at,
               case move when 'RANG' then 'ENTERED' when 'ANSWERED' then 'ACCEPTED' else move end, queue, 'PHONE',
               staff_id, waited_s, queued
          from {call_legs}
         where direction = 'IN'
           and not exists (select from {queue_events} where queue_events.call_id = call_legs.owner_id)) as arrival""",
    "arrival",
    HANDLED_BY,
)
"""What came to a queue: work items of any channel, and incoming calls that are none."""
FIRST_CONTACTS = Source(
    (moves, legs),
    f"""(select c.*, came_at + interval '7 days' as judged_at, a.known_at as answered_known_at,
                min(c.known_at) over before as preceded_known_at, min(c.known_at) over after as followed_known_at
           from (select distinct on (owner_id) arrival.* from {ARRIVALS.rows}
                  where move = 'ENTERED' and customer_id <> owner_id order by owner_id, position, number) c
           left join (select owner_id, min(known_at) as known_at from {ARRIVALS.rows}
                       where move = 'ACCEPTED' group by owner_id) a using (owner_id)
         window before as (partition by c.customer_id order by c.came_at
                           range between interval '7 days' preceding and interval '1 microsecond' preceding),
                after as (partition by c.customer_id order by c.came_at
                          range between interval '1 microsecond' following and interval '7 days' following)
        ) as first_contact""",
    "first_contact",
    HANDLED_BY,
)
"""The contacts of customers, with when it became known that one came in the 7 days before and in those after."""
HANDLING = Source(
    (moves, legs),
    """(select owner_id, position, number, customer_id, occurred_at, known_at, queue, channel, staff_id,
               null::uuid as campaign_id, 1 as handled, handled_s as seconds, 0 as acw_s, 0 as wrapped_up
          from {queue_events}
         where (move = 'COMPLETED' or move = 'LEFT' and waiting_change = 0) and call_id is null
         union all
        select owner_id, position, number, customer_id, occurred_at, known_at, queue, 'PHONE', staff_id, campaign_id,
               (move in ('ENDED', 'TRANSFERRED'))::int, talk_s + hold_s + acw_s, acw_s, (move = 'WRAPPED_UP')::int
          from {call_legs} where move in ('ENDED', 'TRANSFERRED', 'WRAPPED_UP')) as handling""",
    "handling",
    {**HANDLED_BY, KpiDimension.CAMPAIGN: CAMPAIGN},
)
"""What agents dealt with, when it was over; of a call what its legs say, of anything else what the queue says."""
CALLS = Source(
    (legs, campaign_steps),
    "{call_legs}",
    "call_legs",
    {**OF_CUSTOMER, **by_staff("staff_id"), KpiDimension.QUEUE: QUEUE, KpiDimension.CAMPAIGN: CAMPAIGN},
)
DUTY = Source((times,), "{agent_time}", "agent_time", {**OF_CUSTOMER, **by_staff("staff_id")})
CONTACTS = Source(
    (contacts,), "{contacts}", "contacts", {**HANDLED_BY, KpiDimension.CAMPAIGN: Narrowing("campaign = {value}")}
)
SURVEYS = Source((answers,), "{survey_answers}", "survey_answers", {**OF_CUSTOMER, KpiDimension.CHANNEL: CHANNEL})
