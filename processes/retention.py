"""Retention: for how long personal values are kept, by their class, and by which law."""

from dataclasses import dataclass
from enum import StrEnum


class CountedFrom(StrEnum):
    """From when the years of a rule count: from the end of the YEAR in which it was so, or from the LAST_EVENT of the person."""

    YEAR = "YEAR"
    LAST_EVENT = "LAST_EVENT"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """The values of a class are destroyed after so many years, counted from then, because of a law."""

    key_class: str
    years: int
    counted_from: CountedFrom
    legal_basis: str


SCHEDULE = (
    RetentionRule(
        "identity", 6, CountedFrom.LAST_EVENT, "Código de Comercio art. 30: books and correspondence, 6 years"
    ),
    RetentionRule("contact", 3, CountedFrom.LAST_EVENT, "LOPDGDD art. 72: infringements that prescribe last, 3 years"),
    RetentionRule("text", 5, CountedFrom.YEAR, "Código Civil art. 1964: personal actions, 5 years"),
    RetentionRule("answer", 3, CountedFrom.YEAR, "LOPDGDD art. 72: infringements that prescribe last, 3 years"),
)
"""The rules, one for each class of personal values. Whoever has counsel that says otherwise changes them here."""
