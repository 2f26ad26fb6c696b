"""The cubes of service: contacts, cases, queues, calls, agents' time and surveys."""

from dataclasses import replace

from projections.figures.cube import Cube, Measure, Segment
from projections.figures.cubes_joins import CAMPAIGNS, CUSTOMER, PRODUCTS, STAFF
from projections.service import case_milestones, shifts, surveys, work_items
from projections.touchpoints import calls, interactions

CONTACTS = Cube(
    "contacts",
    "Contacts",
    "Contacts with customers, by whichever channel.",
    interactions.contacts,
    measures=(
        Measure("contacts", "Contacts", "coalesce(sum({contacts}), 0)::bigint", "contacts"),
        Measure("customers", "Customers", "count(distinct {customer_id})", "customers"),
        Measure("meanAnswer", "Mean time to the answer", "avg({answered_s})", "s"),
        Measure("meanDuration", "Mean duration", "avg({duration_s})", "s"),
        Measure(
            "onlineShare", "Share online", "(sum({contacts}) filter (where {online}))::numeric / nullif(sum({contacts}), 0)"
        ),
    ),
    joins=(*CUSTOMER, STAFF),
    owner="interaction_id",
    hidden=("contacts",),
)  # fmt: skip

CASES = Cube(
    "caseMilestones",
    "Case milestones",
    "What cases came to: opened, answered, resolved, reopened, closed. A reopening begins a new cycle.",
    case_milestones.milestones,
    measures=(
        Measure("count", "Milestones", "count(*)", "milestones"),
        Measure("cases", "Cases", "count(distinct {owner_id})", "cases"),
        Measure("openChange", "Change of open cases", "coalesce(sum({open_change}), 0)::bigint", "cases"),
        Measure("meanElapsed", "Mean time in the cycle", "avg({elapsed_s} - {waiting_s})", "s"),
        Measure("meanSinceOpened", "Mean time since the opening", "avg({since_opened_s} - {waiting_total_s})", "s"),
        Measure(
            "medianElapsed", "Median time in the cycle",
            "(percentile_cont(0.5) within group (order by {elapsed_s} - {waiting_s}))::numeric", "s",
        ),
    ),
    joins=(*CUSTOMER, STAFF, replace(PRODUCTS, on={"sku": "product"})),
    segments=(Segment("pingPong", "Back to who had it before", "{ping_pong}"),),
    owner="case_id",
    hidden=("open_change",),
)  # fmt: skip

QUEUES = Cube(
    "queueEvents",
    "Queue events",
    "What became of what waited in queues, of every channel.",
    work_items.moves,
    measures=(
        Measure("count", "Events", "count(*)", "events"),
        Measure("items", "Work items", "count(distinct {owner_id})", "items"),
        Measure("waitingChange", "Change of those waiting", "coalesce(sum({waiting_change}), 0)::bigint", "items"),
        Measure("meanWait", "Mean wait of those taken", "avg({waited_s}) filter (where {move} = 'ACCEPTED')", "s"),
        Measure("meanHandling", "Mean handling", "avg({handled_s}) filter (where {move} = 'COMPLETED')", "s"),
    ),
    joins=(*CUSTOMER, STAFF),
    owner="work_item_id",
    hidden=("waiting_change",),
)

CALLS = Cube(
    "callLegs",
    "Calls",
    "What became of calls, leg by leg.",
    calls.legs,
    measures=(
        Measure("count", "Events", "count(*)", "events"),
        Measure("calls", "Calls", "count(distinct {owner_id})", "calls"),
        Measure("answered", "Answered", "count(*) filter (where {move} = 'ANSWERED')", "legs"),
        Measure("abandoned", "Abandoned", "count(*) filter (where {move} = 'ABANDONED')", "legs"),
        Measure("meanWait", "Mean wait of those answered", "avg({waited_s}) filter (where {move} = 'ANSWERED')", "s"),
        Measure("talk", "Talk", "coalesce(sum({talk_s}), 0)::bigint", "s"),
        Measure("hold", "Hold", "coalesce(sum({hold_s}), 0)::bigint", "s"),
        Measure("afterCall", "Work after calls", "coalesce(sum({acw_s}), 0)::bigint", "s"),
    ),
    joins=(*CUSTOMER, STAFF, CAMPAIGNS),
    owner="call_id",
)

TIME = Cube(
    "agentTime",
    "Agents' time",
    "How long agents did what.",
    shifts.times,
    measures=(
        Measure("seconds", "Time in the status before", "coalesce(sum({lasted_s}), 0)::bigint", "s"),
        Measure("agents", "Agents", "count(distinct {staff_id})", "agents"),
        Measure("count", "Changes", "count(*)", "changes"),
    ),
    joins=(STAFF,),
    owner="shift_id",
)

SURVEYS = Cube(
    "surveyAnswers",
    "Surveys",
    "What became of invitations to surveys.",
    surveys.answers,
    measures=(
        Measure("sent", "Sent", "count(*) filter (where {move} = 'SENT')", "invitations"),
        Measure("answered", "Answered", "count(*) filter (where {move} = 'ANSWERED')", "answers"),
        Measure("meanCsat", "Mean satisfaction", "avg({csat})", "1 to 5"),
        Measure(
            "nps", "Net promoter score",
            "100 * (count(*) filter (where {nps} >= 9) - count(*) filter (where {nps} <= 6))::numeric / nullif(count({nps}), 0)",
            "-100 to 100",
        ),
        Measure("meanWait", "Mean time to the answer", "avg({waited_s})", "s"),
    ),
    joins=CUSTOMER,
    owner="invitation_id",
    hidden=("nps",),
)  # fmt: skip

CUBES = (CONTACTS, CASES, QUEUES, CALLS, TIME, SURVEYS)
