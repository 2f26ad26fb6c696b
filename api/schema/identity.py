"""Who customers are and how well that is known: consent, profiles, relationships, entitlements, and what is missing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.context import Info, Shown
from api.schema.customer import customer_of, shown_customer
from api.schema.moments import AS_OF, AT_LEAST, AsOf, moment_of, reached
from api.schema.noun import Noun
from api.schema.relation import told
from api.schema.shapes import Argument, answered
from api.schema.views import Lists
from domain.values import must_know_zone
from eventstore.reader import NOW
from projections.customers import (
    consent_coverage,
    consents,
    data_quality,
    entitlements,
    erasures,
    profiles,
    relationships,
    suspicions,
)
from projections.customers.consent_coverage import ConsentCoverage
from projections.customers.data_quality import CustomerQuality, QualityDimension, customer_quality
from projections.customers.duplicates import DuplicateRate, duplicate_rate
from projections.customers.relationships import RelationshipEntry
from projections.customers.suspicions import Suspicion
from projections.selecting import Order
from projections.view import View

INNER = {"profiles": ("assigned", "own"), "data_quality": ("held", "proved")}
"""What a row remembers in order to be folded, and is nobody's business."""


def _consent(lists: Lists) -> list[StrawberryField]:
    words = "How the agreement can be shown."
    return [customer_of(lists), told(lists, "evidence", str | None, "granted_position", words)]


def _both(lists: Lists) -> list[StrawberryField]:
    async def other(root: Shown[RelationshipEntry | Suspicion], info: Info) -> Shown[Any] | None:
        return await shown_customer(info, root.row.other_id, root)

    return [customer_of(lists), answered("other", "Customer | None", "The other one.", other, within=lists.types)]


def _whose(lists: Lists) -> list[StrawberryField]:
    return [customer_of(lists)]


def _versions(view: View[Any], type: str) -> Noun:
    assert view.versions is not None
    return Noun(view.versions, type, hidden=INNER[view.name])


NOUNS = (
    Noun(consents.view, "ConsentEntry", order=(Order("position", True),), fields=_consent),
    Noun(consents.consent_words, "ConsentWord", order=(Order("position", True),), fields=_whose),
    Noun(profiles.view, "CustomerProfile", hidden=INNER["profiles"], fields=_whose),
    Noun(profiles.lifecycle_moves, "LifecycleMove", order=(Order("position", True),), fields=_whose),
    _versions(profiles.view, "CustomerProfileVersion"),
    Noun(relationships.view, "RelationshipEntry", order=(Order("established_at", True),), fields=_both),
    Noun(erasures.view, "Erasure", order=(Order("deadline_at"),), fields=_whose),
    Noun(entitlements.view, "EntitlementEntry", order=(Order("ends_on"),), fields=_whose),
    Noun(suspicions.view, "Suspicion", order=(Order("score", True),), fields=_both),
    Noun(
        data_quality.view, "QualityEntry", hidden=INNER["data_quality"], order=(Order("completeness"),), fields=_whose
    ),
    _versions(data_quality.view, "QualityEntryVersion"),
)
"""How these views are shown."""


def questions(lists: Lists) -> list[StrawberryField]:
    """`customerQuality(by)`, `consentCoverage(from, to)` and `duplicateRate`."""
    shapes, within = lists.shapes, lists.types
    by = Argument("by", shapes.output(QualityDimension) | None, "By what to put customers together.", None)
    dispatched = (
        Argument("from_", datetime | None, "Of what was dispatched from this moment on.", None),
        Argument("to", datetime | None, "And before this one.", None),
    )
    return [
        answered(
            "customer_quality", shapes.output(tuple[CustomerQuality, ...]),
            "How well customers are known, all of them or by what they have in common, the most numerous first.",
            _quality, (by, AS_OF, AT_LEAST), within=within,
        ),
        answered(
            "consent_coverage", shapes.output(ConsentCoverage),
            "Whether everything that went out on somebody's consent, from a moment up to another, had it then.",
            _coverage, (*dispatched, AT_LEAST), within=within,
        ),
        answered(
            "duplicate_rate", shapes.output(DuplicateRate), "How many customers may be one with another.",
            _duplicate_rate, (AS_OF,), within=within,
        ),
    ]  # fmt: skip


async def _quality(
    root: None,
    info: Info,
    *,
    by: QualityDimension | None = None,
    as_of: AsOf | None = None,
    at_least: int | None = None,
) -> Sequence[CustomerQuality]:
    context, moment = info.context, moment_of(as_of)
    if moment == NOW:
        await reached(context, (data_quality.view,), at_least)
    return await context.ask(customer_quality, context.house.lists, by, as_of=moment)


async def _coverage(
    root: None,
    info: Info,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    at_least: int | None = None,
) -> ConsentCoverage:
    _must_know_zones(from_, to)
    await reached(info.context, consent_coverage.VIEWS, at_least)
    return await info.context.ask(consent_coverage.consent_coverage, info.context.house.lists, from_, to)


def _must_know_zones(start: datetime | None, end: datetime | None) -> None:
    for given, field in ((start, "from"), (end, "to")):
        if given is not None:
            must_know_zone(given, field)


async def _duplicate_rate(root: None, info: Info, *, as_of: AsOf | None = None) -> DuplicateRate:
    return await info.context.ask(duplicate_rate, info.context.house.lists, as_of=moment_of(as_of))
