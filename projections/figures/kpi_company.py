"""The KPIs of the company: what commerce and service cost, points and tiers, quotas, and how sound the records are."""

from decimal import Decimal
from typing import Any

from domain.kpi import KpiDirection
from domain.values import EXACT
from projections.figures.counting import ZERO, KpiDimension, Look, Part, Tallied, Tally, Timing
from projections.figures.kpi_sales import NET
from projections.figures.kpi_sources import COSTS, OBJECTIVES, POINTS, PROMISES, PROOFS, SUSPECTED, TIERS
from projections.figures.measures import MONEY, Measure, Quotient, Worked
from projections.periods import CalendarPeriod

HIGHER, LOWER = KpiDirection.HIGHER_IS_BETTER, KpiDirection.LOWER_IS_BETTER
QUOTA = "revenue"
"""The figure whose objectives are quotas."""
QUOTA_PLACES = Decimal(1).scaleb(-6)

PROMISED = "step = 'PROMISED' and (replaced_at is null or replaced_at > {known})"
TARGETS = Part("targets", OBJECTIVES, "target", f"kpi = '{QUOTA}' and (known_to is null or known_to > {{known}})")


def _quota(look: Look) -> Tallied:
    """The targets of the same scope, each by how many of its days lie in a period, rounded to QUOTA_PLACES."""
    rows = look.ask(
        look.fill(
            OBJECTIVES,
            "select target, starts_on, ends_on, scope, known_at, known_to from "
            + OBJECTIVES.rows
            + " where kpi = %(quota)s",
        ),
        quota=QUOTA,
    )
    wanted = _as_set({"dimension": scope.dimension, "value": scope.value} for scope in look.scope)
    ours = [row for row in rows if _as_set(row[3]) == wanted]
    found = Tallied.of(ZERO, len(look.periods))
    for nth, period in enumerate([*look.periods, look.whole]):
        for target, starts_on, ends_on, _, known_at, known_to in ours:
            share = _share(target, starts_on, ends_on, period)
            if known_to is None:
                found.restated[nth] = EXACT.add(found.restated[nth], share)
            if known_at <= period.ends_at and (known_to is None or known_to > period.ends_at):
                found.reported[nth] = EXACT.add(found.reported[nth], share)
    return found


def _as_set(scopes: Any) -> set[tuple[str, str | None]]:
    return {(each["dimension"], each.get("value")) for each in scopes if each["dimension"] != KpiDimension.COMPANY}


def _share(target: Decimal, starts_on: Any, ends_on: Any, period: CalendarPeriod) -> Decimal:
    days = (min(ends_on, period.ends_on) - max(starts_on, period.starts_on)).days + 1
    if days <= 0:
        return ZERO
    share = EXACT.divide(EXACT.multiply(target, days), Decimal((ends_on - starts_on).days + 1))
    return share.quantize(QUOTA_PLACES, context=EXACT)


def _more_than_once(amounts: Any) -> Quotient:
    sendings, promises = amounts
    return sendings - promises, None


MEASURES = (
    Measure(
        "quota_attainment",
        {"en": "Quota attainment", "es": "Cumplimiento de cuota"},
        "Revenue ÷ the targets that objectives set for revenue in the same scope, by the share of their days that lie in the"
        " period, in %.",
        "%", HIGHER, "S2", (NET, Worked("targets", _quota, TARGETS)),
    ),
    Measure(
        "commercial_cost_structure",
        {"en": "Commercial cost to revenue", "es": "Coste comercial sobre ingresos"},
        "Costs of marketing and sales, which are all but those of support, by the days that they are for ÷ revenue, in %.",
        "%", LOWER, "S0 S1",
        (Part("commercial_cost", COSTS, "amount", "category <> 'SUPPORT'", money=True), NET),
    ),
    Measure(
        "tier_migration",
        {"en": "Tier migration", "es": "Cambios de nivel"},
        "Members who went from one tier to another, each time counted.",
        "moves", HIGHER, "S4",
        (Part("moves", TIERS, where="previous is not null and tier is not null and previous <> tier"),),
    ),
    Measure(
        "points_liability",
        {"en": "Points liability", "es": "Pasivo por puntos"},
        "Points that could be spent when the period ended × what a point costs the company by the last version of their"
        " programme.",
        MONEY, LOWER, "S4; IFRS 15 B39-B43 (customer options)",
        (Part("liability", POINTS, "redeemable * point_cost", "point_cost is not null", timing=Timing.AT_END, money=True),),
    ),
    Measure(
        "identifier_verified_rate",
        {"en": "Identifiers verified", "es": "Identificadores verificados"},
        "Identifiers that had been proved when the period ended ÷ identifiers that were known then, in %.",
        "%", HIGHER, "S2",
        (
            Part("verified", PROOFS, "verified", timing=Timing.AT_END),
            Part("identifiers", PROOFS, "identifiers", timing=Timing.AT_END),
        ),
    ),
    Measure(
        "duplicate_rate",
        {"en": "Duplicate rate", "es": "Tasa de duplicados"},
        "Pairs that were suspected to be one customer when the period ended ÷ records of customers that there were then, in %.",
        "%", LOWER, "S2",
        (
            Part("suspected", SUSPECTED, "sign", "not dismissed", timing=Timing.AT_END),
            Part("customers", PROOFS, "records", timing=Timing.AT_END),
        ),
    ),
    Measure(
        "followup_completeness",
        {"en": "Follow-ups kept", "es": "Seguimientos cumplidos"},
        "Follow-ups that fell due in the period and were sent, done or called off for a reason ÷ those that fell due in it,"
        " in %; it must be 100.",
        "%", HIGHER, "S3",
        (
            Part("settled", PROMISES, where=f"{PROMISED} and settled_at <= {{known}}", at="due_at"),
            Part("due", PROMISES, where=PROMISED, at="due_at"),
        ),
    ),
    Measure(
        "followup_duplicates",
        {"en": "Follow-ups sent twice", "es": "Seguimientos duplicados"},
        "Times that follow-ups were let go − different follow-ups that were; it must be 0.",
        "follow-ups", LOWER, "S3",
        (
            Part("let_go", PROMISES, where="step = 'LET_GO'"),
            Part("follow_ups", PROMISES, "owner_id", "step = 'LET_GO'", tally=Tally.DISTINCT),
        ),
        combined=_more_than_once,
    ),
)  # fmt: skip
