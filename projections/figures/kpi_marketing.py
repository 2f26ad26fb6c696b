"""The KPIs of marketing: who responds, what campaigns bring, and what it costs to win a customer and to keep one."""

from collections.abc import Sequence
from decimal import Decimal

from domain.kpi import KpiDirection
from projections.figures.counting import Part, Tally, Timing
from projections.figures.kpi_questions import acquisition_costs, lifetime_values
from projections.figures.kpi_sales import NET, NEW_CUSTOMERS, ORDERS
from projections.figures.kpi_sources import COSTS, CREDITS, LIFECYCLE, STEPS
from projections.figures.measures import MONEY, Answered, Measure, Quotient

HIGHER, LOWER = KpiDirection.HIGHER_IS_BETTER, KpiDirection.LOWER_IS_BETTER

ACTIVE = "('CUSTOMER', 'LOYAL', 'AT_RISK', 'WON_BACK')"
DELIVERED = (
    "kind = 'DISPATCHED' and (delivery_id is null or exists ("
    "  select from {delivery_notices} where delivery_notices.owner_id = fact.delivery_id"
    "   and delivery_notices.kind <> 'BOUNCED' and delivery_notices.known_at <= {known}) or exists ("
    "  select from {campaign_contacts} where campaign_contacts.delivery_id = fact.delivery_id"
    "   and campaign_contacts.reached_at is not null))"
)
RESPONDED = (
    "exists (select from {campaign_steps} where campaign_steps.owner_id = fact.owner_id"
    " and campaign_steps.kind = 'RESPONDED' and campaign_steps.within_window and campaign_steps.known_at <= {known})"
)

ACTIVE_AT_START = Part(
    "active_at_start", LIFECYCLE,
    f"(stage in {ACTIVE})::int - coalesce((previous in {ACTIVE})::int, 0)", timing=Timing.AT_START,
)  # fmt: skip
CHURNED = Part("churned", LIFECYCLE, "customer_id", "stage = 'CHURNED'", tally=Tally.DISTINCT)
SPENT = Part("spent", COSTS, "amount", money=True)
CAMPAIGN_COST = Part("cost", COSTS, "amount", "campaign_id is not null", money=True)


def _return(amounts: Sequence[Decimal]) -> Quotient:
    margin, cost = amounts
    return margin - cost, cost


def _uplift(amounts: Sequence[Decimal]) -> Quotient:
    responded, targeted, control_responded, control = amounts
    return responded * control - control_responded * targeted, targeted * control


def _ratio(amounts: Sequence[Decimal]) -> Quotient:
    acquisition, new, retention, retained = amounts
    return acquisition * retained, new * retention


MEASURES = (
    Measure(
        "campaign_response_rate",
        {"en": "Campaign response rate", "es": "Tasa de respuesta de campañas"},
        "Members who responded within the days that count ÷ members to whom a message got through, each by the day of that, in"
        " %. What nobody tells of, such as a letter, is taken to have got through.",
        "%", HIGHER, "S0; Iberia Plus (S4), about 15 %",
        (
            Part("responded", STEPS, "owner_id", "kind = 'RESPONDED' and within_window", tally=Tally.DISTINCT),
            Part("delivered", STEPS, "owner_id", DELIVERED, tally=Tally.DISTINCT),
        ),
    ),
    Measure(
        "campaign_roi",
        {"en": "Return on campaigns", "es": "Retorno de campañas"},
        "(Margin of the orders and opportunities that are owed to campaigns, by their share − cost of campaigns) ÷ cost of"
        " campaigns, in %. Goods of which nobody said what they cost count in full.",
        "%", HIGHER, "S1 S2",
        (Part("margin", CREDITS, "margin", money=True), CAMPAIGN_COST),
        combined=_return,
    ),
    Measure(
        "campaign_uplift",
        {"en": "Uplift against control", "es": "Incremento frente a control"},
        "Share of the members addressed in the period who responded − share of those held out in it who did, in percentage"
        " points.",
        "%", HIGHER, "S1 S2",
        (
            Part("responded", STEPS, where=f"kind = 'TARGETED' and first and {RESPONDED}"),
            Part("targeted", STEPS, where="kind = 'TARGETED' and first"),
            Part("control_responded", STEPS, where=f"kind = 'HELD_OUT' and first and {RESPONDED}"),
            Part("control", STEPS, where="kind = 'HELD_OUT' and first"),
        ),
        combined=_uplift,
    ),
    Measure(
        "cac",
        {"en": "Customer acquisition cost", "es": "Coste de captación por cliente"},
        "Cost of winning customers ÷ customers whose first order was placed in the period. It is what the published rules let"
        " those bear of the commercial cost who had not ordered before.",
        MONEY, LOWER, "S1 S3; Farris, Bendle, Pfeifer & Reibstein, Marketing Metrics, 2nd ed., 5.5",
        (Answered("acquisition_cost", acquisition_costs, SPENT), Answered("new_customers", acquisition_costs, NEW_CUSTOMERS)),
    ),
    Measure(
        "retention_cost_ratio",
        {"en": "Acquisition cost to retention cost", "es": "Coste de captación frente a fidelización"},
        "Cost of winning a customer ÷ cost of keeping one: what the published rules let those bear of the commercial cost who"
        " had ordered before ÷ those of them who ordered again.",
        "times", LOWER, "S4 (claim: 10); Marketing Metrics, 2nd ed., 5.5",
        (
            Answered("acquisition_cost", acquisition_costs, SPENT),
            Answered("new_customers", acquisition_costs, NEW_CUSTOMERS),
            Answered("retention_cost", acquisition_costs, SPENT),
            Answered("retained_customers", acquisition_costs, ORDERS),
        ),
        combined=_ratio,
    ),
    Measure(
        "clv",
        {"en": "Customer lifetime value", "es": "Valor de vida del cliente"},
        "The mean, over the customers who had ordered when the period ended, of the margin until then and the discounted margin"
        " that is expected of the next 12 months: by BG/NBD and gamma-gamma, or, with fewer than 100 repeat buyers, by what"
        " those of the same first month spent.",
        MONEY, HIGHER, "S1 S4; Fader, Hardie & Lee 2005",
        (Answered("value", lifetime_values, NET), Answered("customers", lifetime_values, ORDERS)),
    ),
    Measure(
        "churn_rate",
        {"en": "Churn rate", "es": "Tasa de abandono de clientes"},
        "Customers who became CHURNED in the period ÷ customers who were active when it began, in %.",
        "%", LOWER, "S1", (CHURNED, ACTIVE_AT_START),
    ),
)  # fmt: skip
