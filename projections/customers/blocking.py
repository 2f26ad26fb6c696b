"""Blocking: what two customers must have in common before anybody takes the time to compare them.

Comparing everybody with everybody takes n(n-1)/2 comparisons. A block is a key that customers share, such as a phone or a
postal code with the sound of a name; only who shares one is compared (P. Christen, Data Matching, Springer 2012, ch. 4).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import combinations

from jellyfish import soundex

from domain.identifiers import IdentifierType, is_functional
from projections.customers.customers import folded

MAX_TOKENS = 6
"""How many words of a name or a street are looked at."""
REMEMBERED = 65_536
"""How many names, streets and sounds are kept at hand."""

PARTICLES = frozenset((
    "de", "del", "la", "el", "los", "las", "the", "of", "and", "y", "e", "i", "da", "do", "van", "von", "der",
))  # fmt: skip
NAMED_ANYHOW = PARTICLES.union((
    "sa", "sl", "slu", "sau", "sc", "scp", "coop", "ltd", "limited", "plc", "llc", "llp", "inc", "corp", "co", "company",
    "gmbh", "ag", "kg", "bv", "nv", "srl", "spa", "sas", "sarl", "lda", "ltda", "cia", "mr", "mrs", "ms", "dr", "don",
    "dona",
))  # fmt: skip
"""Words of names that tell nobody from anybody: particles, legal forms, forms of address."""
STREET_WORDS = {
    "c": "calle", "cl": "calle", "av": "avenida", "avd": "avenida", "avda": "avenida", "ave": "avenue",
    "pl": "plaza", "pza": "plaza", "plza": "plaza", "po": "paseo", "pso": "paseo", "ctra": "carretera", "crta":
    "carretera", "st": "street", "str": "street", "rd": "road", "blv": "boulevard", "blvd": "boulevard", "dr": "drive",
    "ln": "lane", "sq": "square", "ct": "court", "crt": "court", "pde": "parade", "cres": "crescent", "hwy": "highway",
    "n": "north", "s": "south", "e": "east", "w": "west",
}  # fmt: skip
"""How the words of streets are written in full."""
OF_ANY_STREET = PARTICLES.union(STREET_WORDS.values(), ("place", "circuit", "close", "way", "terrace", "rua", "rue"))
"""Words of streets that tell no street from another."""
WORD = re.compile(r"[^\W_]+")
SPANISH = (
    ("ll", "y"),
    ("qu", "k"),
    ("ce", "se"),
    ("ci", "si"),
    ("ge", "je"),
    ("gi", "ji"),
    ("v", "b"),
    ("z", "s"),
    ("h", ""),
)


def words(text: str | None) -> list[str]:
    """The words of a text in small letters without accents; what stands after an apostrophe belongs to the word."""
    return WORD.findall(folded(text).replace("'", "").replace("’", "").replace(".", "")) if text else []


@lru_cache(REMEMBERED)
def name_words(name: str | None) -> tuple[str, ...]:
    """The words of a name that tell, the first ones if there are many."""
    found = words(name)
    telling = [word for word in found if word not in NAMED_ANYHOW] or found
    return tuple(telling[:MAX_TOKENS])


@lru_cache(REMEMBERED)
def street_words(street: str | None) -> tuple[str, ...]:
    """The words of a street, abbreviations written in full."""
    spaced = WORD.findall(folded(street)) if street else []
    return tuple([STREET_WORDS.get(word, word) for word in spaced])


@lru_cache(REMEMBERED)
def sound(word: str) -> str:
    """How a word sounds: Soundex (R. C. Russell, US patent 1,261,167, 1918), letters that Spanish says alike being one.

    Those are b and v, c, s and z, g and j, ll and y, and the mute h, after Amón, Moreno and Echeverri, "Algoritmo
    fonético para detección de cadenas de texto duplicadas en el idioma español", 2012.
    """
    for written, said in SPANISH:
        word = word.replace(written, said)
    return soundex(word) if word.isascii() and word.isalpha() else word


def blocks_of(
    *,
    identifiers: Iterable[str],
    name: str | None,
    birth_date: date | None,
    street: str | None,
    postal_code: str | None,
    city: str | None,
) -> tuple[str, ...]:
    """The blocks that a customer falls into, each once and in order; `identifiers` are `TYPE:normal form`.

    A name alone makes none, nor does the mailbox of an office.
    """
    found = {block for known in identifiers for block in of_identifier(known)}
    if birth_date is not None or postal_code or city:
        names = name_words(name)
        found.update(_by_name(names, birth_date, postal_code, words(city)))
        found.update(_by_place(names, birth_date, street_words(street), postal_code))
    return tuple(sorted(found))


def of_identifier(known: str) -> Iterator[str]:
    """The blocks of one identifier: itself, and for an e-mail its mailbox whatever the domain, unless it is an office's."""
    kind, _, normal = known.partition(":")
    if kind != IdentifierType.EMAIL:
        yield known
    elif not is_functional(normal):
        yield known
        yield f"MAILBOX:{normal.partition('@')[0]}"


def _by_name(names: Sequence[str], born: date | None, postal_code: str | None, city: Sequence[str]) -> Iterator[str]:
    sounds = sorted({sound(word) for word in names if len(word) > 1})
    for each in sounds:
        if born is not None:
            yield f"BORN:{born.isoformat()}:{each}"
        if postal_code:
            yield f"POST:{folded(postal_code)}:{each}"
    if city:
        town = "/".join(map(sound, city))
        for both in combinations(sounds, 2) if len(sounds) > 1 else [sounds]:
            yield f"CITY:{town}:{'/'.join(both)}"


def _by_place(names: Sequence[str], born: date | None, street: Sequence[str], postal_code: str | None) -> Iterator[str]:
    if born is not None and postal_code:
        yield f"BORN:{born.isoformat()}:{folded(postal_code)}"
    number = next((word for word in street if word.isdecimal()), None)
    named = [word for word in street if word not in OF_ANY_STREET and word.isalpha() and len(word) > 1]
    for word in named[:2] if number is not None else ():
        if postal_code:
            yield f"DOOR:{number}:{sound(word)}:{folded(postal_code)}"
        for name in names:
            yield f"DOOR:{number}:{sound(word)}:{sound(name)}"
