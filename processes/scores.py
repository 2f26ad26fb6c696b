"""Scores: how well each of the reps suits a lead or an opportunity (rule P03).

The score of a rep is `40 t + 25 s + 15 l + 15 (1 - load / capacity) + 5 w`, where

- `t` is 1 if a territory of the customer's (or one that it is within) is the rep's own, or one that they answer for;
- `s` is 1 if the rep has a skill, at whatever level, that is called as what it is about (the product of an opportunity,
  the interest of a lead) or as the customer's sector;
- `l` is 1 if the rep speaks the customer's language, of whatever country;
- `load` is how many open leads and opportunities the rep has, and `capacity` how many points of work at once, where that
  was said, or else `ASSUMED_CAPACITY`; who has more than that has 0 for it, never less;
- `w` is the percentile rank of the rep's win rate, won / (won + lost), among the reps who work here and closed anything in
  the same segment: `(b + e / 2) / n`, with `b` of `n` below and `e` equal, oneself among them (Roscoe, Fundamental Research
  Statistics for the Behavioral Sciences, 1975). A segment is what opportunities are about; where nobody has closed any
  about it, all of them are one. Who closed nothing has 1/2.

It is reckoned in fractions and rounded half to even to `DECIMALS`. Only reps are eligible, who work here, are not absent at
that moment, and whose capacity is not 0. The most points win; of equals who was given something least recently (never at
all comes first), by the order of the log; and then the lowest id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from domain.lead import MAX_CANDIDATES, AssignmentCandidate, LeadCaptured
from domain.staff import StaffRole
from processes.calendar import country_code
from processes.places import NOWHERE, Place
from processes.sales_floor import SalesFloor

RULE = "assignment"
RULE_VERSION = 1
"""The formula above: another one is another version."""

TERRITORY, SKILL, LANGUAGE, FREE, WINNING = 40, 25, 15, 15, 5
ASSUMED_CAPACITY = 100
DECIMALS = 4
HALF = Fraction(1, 2)
NEVER = 0
"""The position before every other one."""


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to assign: where and what it is about (a code), and in which language."""

    place: Place = NOWHERE
    topic: str | None = None
    language: str | None = None


def work_of(lead: LeadCaptured, place: Place) -> Work:
    """A lead as something to assign: it says itself what it speaks, and its country where none is known of its customer."""
    country = place.country or (country_code(lead.country) if lead.country else None)
    return Work(replace(place, country=country), lead.interest, lead.language)


def candidates(
    work: Work, at: datetime, floor: SalesFloor, apart_from: Collection[UUID] = ()
) -> tuple[AssignmentCandidate, ...]:
    """Everybody who is eligible at a moment with their score, the best first, but for those who are named."""
    reps = [each for each in eligible(at, floor) if each not in apart_from]
    territories = floor.company.territories_of(work.place)
    rates = {who: rate for who, rate in floor.sales.win_rates(work.topic).items() if floor.company.works_here(who)}
    found = [AssignmentCandidate(staff_id=who, score=score(who, work, territories, rates, floor)) for who in reps]
    last = floor.sales.assigned
    found.sort(key=lambda each: (-each.score, last.get(each.staff_id, NEVER), each.staff_id))
    return tuple(found[:MAX_CANDIDATES])


def eligible(at: datetime, floor: SalesFloor) -> list[UUID]:
    """The reps who can be given work at a moment."""
    company = floor.company
    reps = company.with_role(StaffRole.REP)
    return [each for each in reps if company.capacity(each) != 0 and not company.is_absent(each, at)]


def score(
    staff_id: UUID, work: Work, territories: Collection[UUID], rates: Mapping[UUID, Fraction], floor: SalesFloor
) -> Decimal:
    """How well a rep suits, from 0 to 100."""
    company, load = floor.company, floor.sales.load(staff_id)
    capacity = company.capacity(staff_id) or ASSUMED_CAPACITY
    points = (
        TERRITORY * company.works_in(staff_id, territories)
        + SKILL * (company.level(staff_id, work.topic, work.place.sector) > 0)
        + LANGUAGE * (work.language is not None and company.speaks(staff_id, work.language))
        + FREE * max(Fraction(0), 1 - Fraction(load, capacity))
        + WINNING * percentile_rank(staff_id, rates)
    )
    return Decimal(round(points * 10**DECIMALS)).scaleb(-DECIMALS)


def percentile_rank(staff_id: UUID, rates: Mapping[UUID, Fraction]) -> Fraction:
    """The share of the reps whose win rate is lower than somebody's, and half of those whose is the same."""
    if (own := rates.get(staff_id)) is None:
        return HALF
    below, equal = sum(rate < own for rate in rates.values()), sum(rate == own for rate in rates.values())
    return (below + HALF * equal) / len(rates)
