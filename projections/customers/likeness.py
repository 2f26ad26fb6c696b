"""Likeness: how surely two customers are one, from what is alike and what differs, each part shown.

The model is that of I. P. Fellegi and A. B. Sunter, "A Theory for Record Linkage", Journal of the American Statistical
Association 64 (1969): each comparison adds log2(m / u) bits, m being how often it comes out so for one and the same
customer, u how often for two. From the bits and the odds before any comparison follows the probability. Names are
compared by Jaro-Winkler (W. E. Winkler, 1990), streets by their sets of words.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import log2
from typing import NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from domain import duplicate
from domain.customer import CustomerKind
from domain.identifiers import MAILBOX, IdentifierType, is_functional
from projections.customers.blocking import name_words, street_words, words

PRIOR_BITS = log2(1 / 20_000)
"""The odds that two customers who came to be compared are one, before any comparison."""
NONE = Decimal(0)
PLACES = Decimal("0.0001")
SURE = Decimal("0.9999")
ONE_WORD = 0.9
"""A name of one word is never more than this like another one."""
SAME_MAILBOX = 0.9
"""Two e-mail addresses are at least this alike if only their domains differ."""
OTHER_DOOR = 0.84
"""Two streets are never more than this alike if no number is in both."""
MAX_COMPARED = 20
"""How many e-mails, or phones, of one customer are compared with those of another."""


class Level(NamedTuple):
    """An outcome of a comparison: from which similarity on, and how often for one customer (m) and for two (u)."""

    at_least: float
    m: float
    u: float

    @property
    def bits(self) -> float:
        """log2(m / u): what this outcome says for their being one, or against it if negative."""
        return log2(self.m / self.u)


LEVELS: Mapping[str, tuple[Level, ...]] = {
    "NAME": (Level(0.99, 0.55, 0.0005), Level(0.92, 0.27, 0.002), Level(0.84, 0.12, 0.01), Level(0, 0.06, 0.9875)),
    "BIRTH_DATE": (Level(1, 0.85, 0.0001), Level(0.8, 0.1, 0.003), Level(0, 0.05, 0.9969)),
    "TAX_ID": (Level(1, 0.9, 0.000001), Level(0.8, 0.07, 0.0002), Level(0, 0.03, 0.9998)),
    "EMAIL": (Level(1, 0.75, 0.00001), Level(0.9, 0.1, 0.001), Level(0, 0.15, 0.999)),
    "PHONE": (Level(1, 0.7, 0.0001), Level(0.9, 0.1, 0.001), Level(0, 0.2, 0.999)),
    "STREET": (Level(0.95, 0.6, 0.002), Level(0.8, 0.22, 0.01), Level(0, 0.18, 0.988)),
    "POSTAL_CODE": (Level(1, 0.8, 0.005), Level(0.75, 0.1, 0.02), Level(0, 0.1, 0.975)),
    "CITY": (Level(0.92, 0.9, 0.2), Level(0, 0.1, 0.8)),
}  # fmt: skip
"""The outcomes of each comparison, the most alike first."""
BITS = {feature: tuple((level.at_least, level.bits) for level in levels) for feature, levels in LEVELS.items()}
HELD: Mapping[str, Level] = {
    "LOYALTY_CARD": Level(1, 0.9, 0.000001),
    "EXTERNAL_ID": Level(1, 0.9, 0.00001),
    "SOCIAL": Level(1, 0.5, 0.00001),
    "DEVICE": Level(1, 0.5, 0.005),
    "COOKIE": Level(1, 0.5, 0.005),
}
"""Identifiers of which one has several: to hold the same one says something, to hold others nothing."""
TELLING = frozenset({"BIRTH_DATE", "TAX_ID", "EMAIL", "PHONE", "STREET", "POSTAL_CODE", *HELD})
"""One of these must agree: names alone, in whichever city, and the mailbox of an office never make anybody one."""


PLACED = frozenset({"PHONE", "STREET", "POSTAL_CODE", "CITY"})
"""What a family or the firms of one house have in common: these are not independent, as the model would have them."""
MOST_BITS_OF_A_PLACE = 16.0
"""So much at most do they say together: less than it takes where the names differ."""


jaro_winkler = JaroWinkler.similarity


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """A comparison of two customers: `similarity` from 0 to 1, and the bits that it adds for their being one."""

    feature: str
    similarity: Decimal
    bits: Decimal


class Compared(NamedTuple):
    """What came out of a comparison."""

    feature: str
    similarity: float
    bits: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """How surely two customers are one, what they hold in common, and what came out of each comparison."""

    score: Decimal
    shared: frozenset[str]
    compared: tuple[Compared, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """What speaks for their being one, as codes: SAME_EMAIL, SIMILAR_NAME ..."""
        alike = (
            f"{'SAME' if each.similarity == 1 else 'SIMILAR'}_{each.feature}" for each in self.compared if each.bits > 0
        )
        return tuple(sorted({*(f"SAME_{kind}" for kind in self.shared), *alike}))

    @property
    def comparisons(self) -> tuple[FeatureComparison, ...]:
        """The comparisons, to be shown."""
        return tuple(
            FeatureComparison(each.feature, rounded(each.similarity), rounded(each.bits)) for each in self.compared
        )


class Traits(NamedTuple):
    """A customer in the form in which two are compared: in words, and identifiers by kind, without offices' mailboxes."""

    kind: CustomerKind | None
    identifiers: frozenset[str]
    names: tuple[str, ...]
    birth_date: date | None
    tax_ids: tuple[str, ...]
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    street: tuple[str, ...]
    postal_code: str
    city: str


def traits_of(
    kind: CustomerKind | None,
    name: str | None,
    birth_date: date | None,
    street: str | None,
    postal_code: str | None,
    city: str | None,
    identifiers: Sequence[str],
) -> Traits:
    """What a customer is compared by; `identifiers` are `TYPE:normal form`."""
    parted = [known.partition(":") for known in identifiers]
    tax_ids, emails, phones = (
        tuple([normal for each, _, normal in parted if each == type][:MAX_COMPARED])
        for type in (IdentifierType.TAX_ID, IdentifierType.EMAIL, IdentifierType.PHONE)
    )
    return Traits(
        kind,
        frozenset(identifiers),
        name_words(name),
        birth_date,
        tax_ids,
        tuple([email for email in emails if not is_functional(email)]),
        phones,
        street_words(street),
        "".join(words(postal_code)),
        " ".join(words(city)),
    )


def liken(one: Traits, other: Traits) -> Likeness:
    """Compares two customers. What they hold in common counts as `domain.duplicate.likeness` says, at least.

    A person and an organisation are alike by what both hold, and by nothing else.
    """
    shared = shared_kinds(one, other)
    compared = tuple(comparisons(one, other, shared)) if one.kind is other.kind else ()
    score = NONE if shared <= {MAILBOX} else duplicate.likeness(f"SAME_{kind}" for kind in sorted(shared))
    if any(each.bits > 0 and each.feature in TELLING for each in compared):
        score = max(score, probability(total(compared)))
    return Likeness(score, shared, compared)


def shared_kinds(one: Traits, other: Traits) -> frozenset[str]:
    """Of which kinds they hold the same identifier; an address that an office reads is a MAILBOX."""
    both = one.identifiers & other.identifiers
    if not both:
        return frozenset()
    return frozenset(
        MAILBOX if kind == IdentifierType.EMAIL and is_functional(normal) else kind
        for kind, _, normal in (known.partition(":") for known in both)
    )


def comparisons(one: Traits, other: Traits, shared: frozenset[str]) -> Iterator[Compared]:
    """Each comparison that can be made. What is not known of one of the two says nothing."""
    for feature, similarity in _similarities(one, other):
        if similarity is not None:
            for at_least, bits in BITS[feature]:
                if similarity >= at_least:
                    yield Compared(feature, similarity, bits)
                    break
    for kind in sorted(shared):
        if kind in HELD:
            yield Compared(kind, 1.0, HELD[kind].bits)


def total(compared: Sequence[Compared]) -> float:
    """All bits together. Those for the same place count up to a limit: who shares a door shares the rest of it, too."""
    placed = sum(each.bits for each in compared if each.bits > 0 and each.feature in PLACED)
    return sum(each.bits for each in compared) - max(placed - MOST_BITS_OF_A_PLACE, 0.0)


def probability(bits: float) -> Decimal:
    """The probability that two are one after so many bits: odds / (1 + odds), where odds = prior odds x 2^bits."""
    odds = 2.0 ** min(bits + PRIOR_BITS, 60.0)
    return min(rounded(odds / (1 + odds)), SURE)


def rounded(value: float) -> Decimal:
    """To four decimals."""
    return Decimal(value).quantize(PLACES)


def _similarities(one: Traits, other: Traits) -> Iterator[tuple[str, float | None]]:
    yield "NAME", name_similarity(one.names, other.names)
    if one.birth_date is not None and other.birth_date is not None:
        yield "BIRTH_DATE", date_similarity(one.birth_date, other.birth_date)
    yield "TAX_ID", most_similar(one.tax_ids, other.tax_ids, edits)
    yield "EMAIL", most_similar(one.emails, other.emails, email_similarity)
    yield "PHONE", most_similar(one.phones, other.phones, edits)
    yield "STREET", street_similarity(one.street, other.street)
    if one.postal_code and other.postal_code:
        yield "POSTAL_CODE", edits(one.postal_code, other.postal_code)
    if one.city and other.city:
        yield "CITY", jaro_winkler(one.city, other.city)


def name_similarity(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Each word of the shorter name with the most similar word of the longer that is left, by Jaro-Winkler, the mean by
    their lengths: so the order of given and family names does not count, nor does a second family name that one lacks.
    """
    if not one or not other:
        return None
    shorter, longer = (one, other) if (len(one), one) <= (len(other), other) else (other, one)
    left, matched = list(longer), 0.0
    for word in sorted(shorter, key=lambda word: (-len(word), word)):
        best = max(left, key=lambda each: (jaro_winkler(word, each), each))
        matched += jaro_winkler(word, best) * len(word)
        left.remove(best)
    mean = matched / sum(map(len, shorter))
    return min(mean, ONE_WORD) if len(shorter) == 1 and len(longer) > 1 else mean


def date_similarity(one: date, other: date) -> float:
    """1 for the same day, 0.875 if a digit differs or two are exchanged, or day and month are; less the more differs."""
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return 1.0 if one == other else 0.875
    return edits(f"{one:%Y%m%d}", f"{other:%Y%m%d}")


def street_similarity(one: Sequence[str], other: Sequence[str]) -> float | None:
    """How much the words have in common, whatever their order (token set ratio), held down if no number is in both."""
    if not one or not other:
        return None
    similarity = fuzz.token_set_ratio(" ".join(one), " ".join(other)) / 100
    numbers = [{word for word in each if any(map(str.isdecimal, word))} for each in (one, other)]
    return min(similarity, OTHER_DOOR) if all(numbers) and not numbers[0] & numbers[1] else similarity


def edits(one: str, other: str) -> float:
    """1 less the share of characters that are wrong, missing or exchanged with their neighbour (Damerau-Levenshtein)."""
    return DamerauLevenshtein.normalized_similarity(one, other)


def email_similarity(one: str, other: str) -> float:
    """The same by its characters, and 0.9 at least if only what stands after the @ differs."""
    same_mailbox = one.partition("@")[0] == other.partition("@")[0]
    return max(edits(one, other), SAME_MAILBOX if same_mailbox else 0.0)


def most_similar(one: Sequence[str], other: Sequence[str], compare: Callable[[str, str], float]) -> float | None:
    """How like the two most similar ones are. None if either has none."""
    if not one or not other:
        return None
    return 1.0 if set(one) & set(other) else max(compare(a, b) for a in one for b in other)
