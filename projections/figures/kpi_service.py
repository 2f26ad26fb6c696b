"""The KPIs of service: how soon customers are answered and helped, what it costs, and how content they are."""

from collections.abc import Sequence
from decimal import Decimal

from domain.kpi import KpiDirection
from projections.figures.counting import Part, Tally, Timing
from projections.figures.kpi_business_time import business_resolutions
from projections.figures.kpi_marketing import SPENT
from projections.figures.kpi_questions import acquisition_costs
from projections.figures.kpi_service_sources import (
    ARRIVALS,
    CALLS,
    CASES,
    CONTACTS,
    DUTY,
    FIRST_CONTACTS,
    HANDLING,
    PROMISED,
    RESOLUTIONS,
    SURVEYS,
)
from projections.figures.measures import MONEY, PERCENT, Answered, Measure, Quotient

HIGHER, LOWER = KpiDirection.HIGHER_IS_BETTER, KpiDirection.LOWER_IS_BETTER
IN_TIME_S, SHORT_S = 20, 5
HOUR_S = Decimal(3_600)
ONLINE = "channel in ('EMAIL', 'CHAT', 'WEB_COLLABORATION', 'WEB', 'MOBILE', 'SOCIAL')"
"""The channels that go over the internet."""
CENTRE = "Cleveland, Call Center Management on Fast Forward, 2012, ch. 4"

# Arrivals count in the period in which they came to the queue.

OFFERED = Part("offered", ARRIVALS, where="queued and move = 'ENTERED'", at="came_at")
ANSWERED = Part("answered", ARRIVALS, where="queued and move = 'ACCEPTED'", at="came_at")
WAITED = Part("waited_s", ARRIVALS, "waited_s", "queued and move = 'ACCEPTED'", at="came_at")
IN_TIME = Part("in_time", ARRIVALS, where=f"queued and move = 'ACCEPTED' and waited_s <= {IN_TIME_S}", at="came_at")
ABANDONED = Part("abandoned", ARRIVALS, where="queued and move = 'ABANDONED'", at="came_at")
SHORT = Part("short", ARRIVALS, where=f"queued and move = 'ABANDONED' and waited_s <= {SHORT_S}", at="came_at")
HANDLED = Part("handled", HANDLING, "handled")
ON_DUTY = Part("on_duty_s", DUTY, "lasted_s", "previous in ('AVAILABLE', 'BUSY')")

FIRST_RESPONSE = "milestone = 'FIRST_RESPONSE'"
RESOLVED = "milestone = 'RESOLVED'"
ACTIVE_S = "elapsed_s - waiting_s"
FIRST_EVER = f"{FIRST_RESPONSE} and cycle = 1"
OPENED = Part("cases", CASES, where="milestone = 'OPENED'")
RESOLUTION = Part("resolutions", CASES, where=RESOLVED)
RESOLVED_S = Part("worked_s", CASES, ACTIVE_S, RESOLVED)
WHOLE_S = "since_opened_s - waiting_total_s"
ENDED = "milestone in ('RESOLVED', 'CLOSED') and open_change < 0"
LAST = "(replaced_at is null or replaced_at > {known})"
RESPONDED_S = Part("waited_s", CASES, ACTIVE_S, FIRST_RESPONSE)
FIRST_RESPONDED_S = Part("waited_s", CASES, WHOLE_S, FIRST_EVER)
LAST_RESOLVED_S = Part("worked_s", RESOLUTIONS, WHOLE_S, LAST)
HOLDS = "(replaced_known_at is null or replaced_known_at > {known} or reached_at <= replaced_at and reached_known_at <= {known})"
KEPT = "reached_at <= due_at and reached_known_at <= {known}"
SCORED = "move = 'ANSWERED' and nps is not null"


def _level(amounts: Sequence[Decimal]) -> Quotient:
    in_time, offered, short = amounts
    return in_time, offered - short


def _net(amounts: Sequence[Decimal]) -> Quotient:
    promoters, detractors, answers = amounts
    return promoters - detractors, answers


MEASURES = (
    Measure(
        "asa_s",
        {"en": "Average speed of answer", "es": "Tiempo medio de respuesta en cola"},
        "Seconds waited by what was answered ÷ what was answered, by when it came to the queue.",
        "s", LOWER, f"Prochemex (S4); {CENTRE}", (WAITED, ANSWERED), spread=WAITED.median("wait"),
    ),
    Measure(
        "service_level",
        {"en": "Service level", "es": "Nivel de servicio"},
        "Answered within 20 s ÷ (offered − abandoned within 5 s), by when it came to the queue, in %.",
        "%", HIGHER, f"80/20; {CENTRE}", (IN_TIME, OFFERED, SHORT), combined=_level,
    ),
    Measure(
        "service_level",
        {"en": "Service level, abandons missed", "es": "Nivel de servicio, abandonos fallados"},
        "Answered within 20 s ÷ offered, so that whoever gives up counts as missed, by when it came to the queue, in %.",
        "%", HIGHER, f"80/20; {CENTRE}", (IN_TIME, OFFERED), version=2,
    ),
    Measure(
        "abandon_rate",
        {"en": "Abandon rate", "es": "Tasa de abandono de llamadas"},
        "Abandoned ÷ offered, by when it came to the queue, in %.",
        "%", LOWER, f"S4; {CENTRE}", (ABANDONED, OFFERED),
    ),
    Measure(
        "aht_s",
        {"en": "Average handling time", "es": "Tiempo medio de gestión"},
        "Seconds of talk, hold and work after it ÷ what was handled, by when it was over.",
        "s", LOWER, f"S4; {CENTRE}", (Part("handling_s", HANDLING, "seconds"), HANDLED),
    ),
    Measure(
        "acw_s",
        {"en": "After-call work", "es": "Trabajo posterior a la llamada"},
        "Seconds of work after calls ÷ calls that were written up.",
        "s", LOWER, f"S4; {CENTRE}", (Part("acw_s", HANDLING, "acw_s"), Part("wrapped_up", HANDLING, "wrapped_up")),
    ),
    Measure(
        "occupancy",
        {"en": "Occupancy", "es": "Ocupación"},
        "Time spent with live contacts ÷ time on duty (available or busy), each counted when it was over, in %.",
        "%", HIGHER, f"S4; {CENTRE}",
        (Part("live_s", HANDLING, "seconds", "channel in ('PHONE', 'CHAT', 'WEB_COLLABORATION')"), ON_DUTY),
    ),
    Measure(
        "contacts_per_agent_hour",
        {"en": "Contacts per agent hour", "es": "Contactos por hora de agente"},
        "Contacts handled ÷ hours on duty (available or busy).",
        "contacts/h", HIGHER, "S4", (HANDLED, ON_DUTY), scale=HOUR_S,
    ),
    Measure(
        "fcr_7d",
        {"en": "First contact resolution", "es": "Resolución en el primer contacto"},
        "Answered first contacts that no other contact of the customer followed within 7 days ÷ answered first contacts, by"
        " when the 7 days are over, in %. A first contact is one that none preceded in 7 days.",
        "%", HIGHER, "S3 S4; Cleveland 2012, ch. 10",
        (
            Part("resolved", FIRST_CONTACTS, where=(
                "answered_known_at <= {known} and (preceded_known_at is null or preceded_known_at > {known})"
                " and (followed_known_at is null or followed_known_at > {known})"
            ), at="judged_at"),
            Part("first_contacts", FIRST_CONTACTS, where=(
                "answered_known_at <= {known} and (preceded_known_at is null or preceded_known_at > {known})"
            ), at="judged_at"),
        ),
    ),
    Measure(
        "conversion_per_operator",
        {"en": "Conversion per operator", "es": "Conversión por operador"},
        "Calls of campaigns that an operator got through with, and whose customer responded within the days that count"
        " ÷ calls of campaigns that got through, in %.",
        "%", HIGHER, "S4",
        (
            Part("converted", CALLS, where=(
                "move = 'ANSWERED' and direction = 'OUT' and campaign_id is not null and exists ("
                "  select from {campaign_steps} where campaign_steps.campaign_id = fact.campaign_id"
                "   and campaign_steps.customer_id = fact.customer_id and campaign_steps.kind = 'RESPONDED'"
                "   and campaign_steps.within_window and campaign_steps.occurred_at >= fact.occurred_at"
                "   and campaign_steps.known_at <= {known})"
            )),
            Part("reached", CALLS, where="move = 'ANSWERED' and direction = 'OUT' and campaign_id is not null"),
        ),
    ),
    Measure(
        "first_response_s",
        {"en": "First response", "es": "Primera respuesta"},
        "The median of the seconds from the opening or reopening of a case to its first response, without those in which it"
        " waited on the customer: a reopening is a new cycle.",
        "s", LOWER, "S3 S4",
        (RESPONDED_S, Part("responses", CASES, where=FIRST_RESPONSE)), spread=RESPONDED_S.median("wait"), by_median=True,
    ),
    Measure(
        "first_response_s",
        {"en": "First response ever", "es": "Primera respuesta de todas"},
        "The median of the seconds from the opening of a case to its first response ever, without those in which it waited on"
        " the customer: a reopened case is the same case.",
        "s", LOWER, "S3 S4",
        (FIRST_RESPONDED_S, Part("responses", CASES, where=FIRST_EVER)),
        version=2, spread=FIRST_RESPONDED_S.median("wait"), by_median=True,
    ),
    Measure(
        "resolution_s",
        {"en": "Resolution time", "es": "Tiempo de resolución"},
        "The median of the business seconds from the opening or reopening of a case to its resolution, without those in which"
        " it waited on the customer: a reopening is a new cycle. The company is open as its first calendar says.",
        "s", LOWER, "S3",
        (
            Answered("worked_s", business_resolutions, RESOLUTION, narrowed=True),
            Answered("resolutions", business_resolutions, RESOLUTION, narrowed=True),
        ),
        spread=Answered("work", business_resolutions, RESOLUTION, narrowed=True), by_median=True,
    ),
    Measure(
        "resolution_s",
        {"en": "Resolution time by the clock", "es": "Tiempo de resolución natural"},
        "The median of the seconds from the opening or reopening of a case to its resolution, without those in which it"
        " waited on the customer: a reopening is a new cycle.",
        "s", LOWER, "S3",
        (RESOLVED_S, RESOLUTION), version=2, spread=RESOLVED_S.median("work"), by_median=True,
    ),
    Measure(
        "resolution_s",
        {"en": "Resolution time of the whole case", "es": "Tiempo de resolución del caso entero"},
        "The median of the seconds from the opening of a case to its last resolution, without those in which it waited on the"
        " customer: a reopened case is the same case.",
        "s", LOWER, "S3",
        (LAST_RESOLVED_S, Part("resolutions", RESOLUTIONS, where=LAST)),
        version=3, spread=LAST_RESOLVED_S.median("work"), by_median=True,
    ),
    Measure(
        "backlog",
        {"en": "Backlog", "es": "Casos pendientes"},
        "Cases that were open when the period ended.",
        "cases", LOWER, "S3", (Part("open", CASES, "open_change", timing=Timing.AT_END),),
    ),
    Measure(
        "reopen_rate",
        {"en": "Reopening rate", "es": "Tasa de reapertura"},
        "Reopenings ÷ endings, each in the period in which it happened, in %: every reopening begins a new cycle.",
        "%", LOWER, "S3",
        (Part("reopened", CASES, where="milestone = 'REOPENED'"), Part("ended", CASES, where=ENDED)),
    ),
    Measure(
        "reopen_rate",
        {"en": "Cases that were reopened", "es": "Casos reabiertos"},
        "Different cases that were reopened ÷ different cases that ended, in %: a reopened case is the same case.",
        "%", LOWER, "S3",
        (
            Part("reopened", CASES, "owner_id", "milestone = 'REOPENED'", tally=Tally.DISTINCT),
            Part("ended", CASES, "owner_id", ENDED, tally=Tally.DISTINCT),
        ),
        version=2,
    ),
    Measure(
        "sla_attainment",
        {"en": "Service levels kept", "es": "Cumplimiento de niveles de servicio"},
        "Promises on cases that fell due in the period and were kept in time ÷ promises that fell due in it, in %; one that"
        " another took the place of before it was kept does not count.",
        "%", HIGHER, "S3",
        (Part("kept", PROMISED, where=f"{HOLDS} and {KEPT}", at="due_at"), Part("due", PROMISED, where=HOLDS, at="due_at")),
    ),
    Measure(
        "online_contact_share",
        {"en": "Online share of contacts", "es": "Cuota de contactos en línea"},
        "Contacts by channels that go over the internet ÷ contacts, in %.",
        "%", HIGHER, "S0",
        (
            Part("online", CONTACTS, "contacts", "contacts <> 0 and online", at="began_at"),
            Part("contacts", CONTACTS, "contacts", "contacts <> 0", at="began_at"),
        ),
    ),
    Measure(
        "online_incident_share",
        {"en": "Online share of cases", "es": "Cuota de incidencias en línea"},
        "Cases that were opened by channels that go over the internet ÷ cases that were opened, in %.",
        "%", HIGHER, "S0", (Part("online", CASES, where=f"milestone = 'OPENED' and {ONLINE}"), OPENED),
    ),
    Measure(
        "csat",
        {"en": "Customer satisfaction", "es": "Satisfacción del cliente"},
        "Answers of 4 or 5 out of 5 ÷ answers, in %.",
        "%", HIGHER, "S1",
        (
            Part("content", SURVEYS, where="move = 'ANSWERED' and csat >= 4"),
            Part("answers", SURVEYS, where="move = 'ANSWERED' and csat is not null"),
        ),
    ),
    Measure(
        "nps",
        {"en": "Net promoter score", "es": "Índice de recomendación (NPS)"},
        "100 × (answers of 9 or 10 − answers of 0 to 6) ÷ answers from 0 to 10.",
        "points", HIGHER, "S1; Reichheld 2003",
        (
            Part("promoters", SURVEYS, where=f"{SCORED} and nps >= 9"),
            Part("detractors", SURVEYS, where=f"{SCORED} and nps <= 6"),
            Part("answers", SURVEYS, where=SCORED),
        ),
        combined=_net, scale=PERCENT,
    ),
    Measure(
        "survey_response_rate",
        {"en": "Survey response rate", "es": "Tasa de respuesta a encuestas"},
        "Surveys that were sent in the period and answered ÷ surveys that were sent in it, in %.",
        "%", HIGHER, "S1",
        (
            Part("answered", SURVEYS, where="move = 'ANSWERED'", at="sent_at"),
            Part("sent", SURVEYS, where="move = 'SENT'", at="sent_at"),
        ),
    ),
    Measure(
        "undocumented_contact_rate",
        {"en": "Calls that nobody wrote up", "es": "Llamadas sin documentar"},
        "Calls that were answered and ended in the period, and were not written up ÷ calls that were answered and ended in it,"
        " in %.",
        "%", LOWER, "S2",
        (
            Part("undocumented", CALLS, where=(
                "move = 'ENDED' and not exists (select from {call_legs} where call_legs.owner_id = fact.owner_id"
                " and call_legs.move = 'WRAPPED_UP' and call_legs.known_at <= {known})"
            )),
            Part("ended", CALLS, where="move = 'ENDED'"),
        ),
    ),
    Measure(
        "cost_per_case",
        {"en": "Cost per case", "es": "Coste por caso"},
        "Cost of service, of support or shared out by cases, by the days that it is for ÷ cases opened.",
        MONEY, LOWER, "S0 S1",
        (Answered("service_cost", acquisition_costs, SPENT), Answered("cases", acquisition_costs, OPENED)),
    ),
    Measure(
        "cost_to_serve",
        {"en": "Cost to serve", "es": "Coste de servir a un cliente"},
        "Cost of service, of support or shared out by cases, by the days that it is for ÷ different customers who had a case or"
        " a contact.",
        MONEY, LOWER, "S0 S1",
        (Answered("service_cost", acquisition_costs, SPENT), Answered("served_customers", acquisition_costs, OPENED)),
    ),
)  # fmt: skip
