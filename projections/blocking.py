"""Blocking: what two customers must have in common before anybody takes the time to compare them.

Comparing everybody with everybody takes n(n-1)/2 comparisons. A block is a key that customers share, such as a phone or a
postal code with the sound of a name; only who shares one is compared (P. Christen, Data Matching, Springer 2012, ch. 4).
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache

from jellyfish import soundex

from domain.identifiers import IdentifierType, is_functional
from projections.customers import folded

MAX_TOKENS = 6
"""How many words of a name or a street are looked at."""
SOUNDS_REMEMBERED = 65_536

LEGAL_FORMS = frozenset((
    "sa", "sl", "slu", "sau", "sc", "scp", "coop", "ltd", "limited", "plc", "llc", "llp", "inc", "corp", "co", "company",
    "gmbh", "ag", "kg", "bv", "nv", "srl", "spa", "sas", "sarl", "lda", "ltda", "cia", "de", "del", "la", "el", "los",
    "las", "the", "of", "and", "y", "e", "i", "da", "do", "van", "von", "der", "mr", "mrs", "ms", "dr", "don", "dona",
))  # fmt: skip
"""Words of names that tell nobody from anybody: legal forms, particles, forms of address."""
STREET_WORDS = {
    "c": "calle", "cl": "calle", "av": "avenida", "avd": "avenida", "avda": "avenida", "ave": "avenue",
    "pl": "plaza", "pza": "plaza", "plza": "plaza", "po": "paseo", "pso": "paseo", "ctra": "carretera", "crta":
    "carretera", "st": "street", "str": "street", "rd": "road", "blv": "boulevard", "blvd": "boulevard", "dr": "drive",
    "ln": "lane", "sq": "square", "ct": "court", "crt": "court", "pde": "parade", "cres": "crescent", "hwy": "highway",
    "n": "north", "s": "south", "e": "east", "w": "west",
}  # fmt: skip
"""How the words of streets are written in full."""
KINDS_OF_STREET = frozenset((*STREET_WORDS.values(), "place", "circuit", "close", "way", "terrace", "rua", "rue"))
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


def name_words(name: str | None) -> list[str]:
    """The words of a name that tell, longest ones kept if there are too many."""
    found = words(name)
    telling = [word for word in found if word not in LEGAL_FORMS] or found
    return telling[:MAX_TOKENS]


def street_words(street: str | None) -> list[str]:
    """The words of a street, abbreviations written in full."""
    spaced = WORD.findall(folded(street)) if street else []
    return [STREET_WORDS.get(word, word) for word in spaced]


@lru_cache(SOUNDS_REMEMBERED)
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
    return tuple(sorted({
        *_by_identifier(identifiers), *_by_name(name_words(name), birth_date, postal_code, words(city)),
        *_by_place(birth_date, street_words(street), postal_code, words(city)),
    }))  # fmt: skip


def _by_identifier(identifiers: Iterable[str]) -> Iterator[str]:
    for known in identifiers:
        kind, _, normal = known.partition(":")
        if kind != IdentifierType.EMAIL:
            yield known
        elif not is_functional(normal):
            yield known
            yield f"MAILBOX:{normal.partition('@')[0]}"


def _by_name(names: list[str], born: date | None, postal_code: str | None, city: list[str]) -> Iterator[str]:
    sounds = {sound(word) for word in names if len(word) > 1}
    for each in sounds:
        if born is not None:
            yield f"BORN:{born.isoformat()}:{each}"
        if postal_code:
            yield f"POST:{folded(postal_code)}:{each}"
        if city:
            yield f"CITY:{'/'.join(map(sound, city))}:{each}"


def _by_place(born: date | None, street: list[str], postal_code: str | None, city: list[str]) -> Iterator[str]:
    if born is not None and postal_code:
        yield f"BORN:{born.isoformat()}:{folded(postal_code)}"
    number = next((word for word in street if word.isdecimal()), None)
    named = [word for word in street if word not in KINDS_OF_STREET and not word.isdecimal() and len(word) > 1]
    for word in named[:2]:
        if number is not None:
            yield f"DOOR:{number}:{sound(word)}"
        if postal_code:
            yield f"ROAD:{folded(postal_code)}:{sound(word)}"
