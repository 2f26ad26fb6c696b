"""Mapping files: what the rows of any table or any lines of JSON mean, said in YAML."""

import difflib
import re
from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from api.importers.plain_yaml import plain_yaml
from domain.kernel import Refused
from domain.values import must_be_currency, must_be_zone

MAX_MAPPING_BYTES = 64 * 1024
MAX_COMMANDS = 100
MAX_CONDITIONS = 20
MAX_SETTINGS = 20
MAX_VALUES = 100
MAX_MAP = 2_000
MAX_NAME = 64
MAX_TEMPLATE = 1_000
MAX_PART = 1_000

Scalar = str | int | bool | None
Expression = Any
"""A text, a number, true, false, a list of expressions, or a `Value`."""
Conditions = Annotated[Any, "a [condition](#conditions), or a list of which all must hold"]
S = TypeVar("S", bound=Struct)

Short = Annotated[str, Meta(min_length=1, max_length=60)]
Template = Annotated[str, Meta(max_length=MAX_TEMPLATE)]
Part = Annotated[int, Meta(ge=1, le=MAX_PART)]
Table = Annotated[dict[str, Scalar], Meta(max_length=MAX_MAP)]
Texts = Annotated[list[str], Meta(min_length=1, max_length=MAX_MAP)]


def says(description: str, **limits: Any) -> Meta:
    """What a key means, for the reference, and its limits."""
    return Meta(description=description, **limits)


class NumberForm(Struct, forbid_unknown_fields=True):
    """How numbers are written."""

    decimal: Annotated[Literal[".", ","], says("what stands before the decimals")] = "."
    thousands: Annotated[str, says("what stands between groups of three digits", max_length=1)] = ""
    signs: Annotated[str, says("signs of currencies, percent and the like, which are left out", max_length=20)] = "€$£¥"


class TimeForm(Struct, forbid_unknown_fields=True):
    """How dates and times are written."""

    format: Annotated[Short | None, says("as `%d/%m/%Y %H:%M` (strptime); left out: ISO 8601")] = None
    zone: Annotated[str | None, says("the IANA zone of times that name none; left out: `timezone`")] = None


class Value(Struct, forbid_unknown_fields=True):
    """An expression. It has exactly one of `column`, `setting`, `template`, `object`, `each_row` and `each`.

    What comes of a column, a setting or a template then goes through the other keys in the order of this table. Nothing
    that is empty is asked for: its field is left out.
    """

    column: Annotated[str | None, says("the cell of this column; in the field of an id, the key under `source`")] = None
    setting: Annotated[str | None, says("what the import was told by `--set`, or the default")] = None
    template: Annotated[
        Template | None,
        says(
            "a text with columns in it, as `crm:{account}`. If a column is empty the whole is empty; `{column?}` may be "
            "empty, and `{{` is a brace. A text that stands alone is a template as well"
        ),
    ] = None
    object: Annotated[dict[str, Any] | None, says("an object: an expression for each field. Without a value, none")] = (
        None
    )
    each_row: Annotated[Any, says("a list with this expression for each row of the group")] = UNSET
    each: Annotated[str | None, says("a list with `item` for each entry of the list that a line of JSON has here")] = (
        None
    )
    item: Annotated[
        Any, says("the expression for `each`: columns are those of the entry, or of the line; a plain entry is `item`")
    ] = UNSET
    strip: Annotated[Short | None, says("characters that are taken off both ends, besides blanks")] = None
    split: Annotated[Short | None, says("makes a list of what stands between these; what follows is done to each")] = (
        None
    )
    part: Annotated[Part | None, says("of what was split only this one, counted from 1")] = None
    lower: Annotated[bool, says("in lower case")] = False
    upper: Annotated[bool, says("in upper case")] = False
    map: Annotated[Table | None, says("what a value becomes")] = None
    else_: Annotated[Scalar | UnsetType, says("what `map` makes of all others; left out: they stay as they are")] = (
        field(default=UNSET, name="else")
    )
    number: Annotated[bool | NumberForm, says("reads a number: true, or how it is written")] = False
    date: Annotated[bool | TimeForm, says("reads a date: true, or how it is written")] = False
    moment: Annotated[bool | TimeForm, says("reads a moment: true, or how it is written. A date is its midnight")] = (
        False
    )
    default: Annotated[Any, says("the expression that counts where there is nothing")] = UNSET


class Condition(Struct, forbid_unknown_fields=True):
    """A condition on a column, or on a setting. It has one of `equals`, `in`, `empty` and `not_empty`, or only `not`."""

    column: Annotated[str | None, says("the column")] = None
    setting: Annotated[str | None, says("or the setting")] = None
    equals: Annotated[str | None, says("is this text")] = None
    in_: Annotated[Texts | None, says("is one of these texts")] = field(default=None, name="in")
    empty: Annotated[bool, says("has no value")] = False
    not_empty: Annotated[bool, says("has a value")] = False
    not_: Annotated[Conditions, says("what must not hold")] = field(default=UNSET, name="not")


class Ask(Struct, forbid_unknown_fields=True):
    """A command that rows ask for."""

    command: Annotated[str, says("the name of the command, as in docs/events.md")]
    input: Annotated[dict[str, Any], says("an expression for each of its fields")]
    when: Annotated[Conditions, says("when it is asked; left out: always")] = UNSET
    once_per: Annotated[
        Any,
        says("ask only the first time that a row has this value; never if it is empty. `file`: once"),
    ] = UNSET
    occurred_at: Annotated[Any, says("when it was so; left out: now")] = UNSET
    per: Annotated[
        Literal["group", "row"], says("with `group_by`: whether it is asked once of a group or of each row")
    ] = "group"
    command_id: Annotated[Any, says("what makes two equal commands two facts, such as the number of an entry")] = UNSET


class SettingForm(Struct, forbid_unknown_fields=True):
    """Something that the import can be told by `--set name=value`."""

    description: Annotated[str, says("what it is, in a sentence", min_length=1, max_length=500)]
    default: Annotated[str | None, says("its value if nothing is told; left out: it must be told")] = None


class Columns(Struct, forbid_unknown_fields=True):
    """The columns of the file. In a table every column that is used must be there, unless it is `optional`."""

    rename: Annotated[
        dict[str, str | list[str]],
        says("a name of yours: the column, or several, of which the first that has a value counts"),
    ] = {}
    required: Annotated[list[str], says("columns that must be there, or on every line of JSON")] = []
    optional: Annotated[list[str], says("columns that are used and may be missing: they are empty then")] = []


class MappingFile(Struct, forbid_unknown_fields=True):
    """The file as a whole."""

    name: Annotated[str, says("the name of the layout", pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    source: Annotated[
        str, says("the short name of the system that it comes from, for ids", pattern=r"^[a-z][a-z0-9_.-]{0,63}$")
    ]
    commands: Annotated[list[Ask], says("what a row asks for, in this order", min_length=1, max_length=MAX_COMMANDS)]
    format: Annotated[
        Literal["csv", "jsonl"], says("a table with a header, or lines of JSON, with columns as `customer.name`")
    ] = "csv"
    description: Annotated[str, says("a sentence on what it is", max_length=500)] = ""
    timezone: Annotated[str, says("the IANA zone of times that name none")] = "UTC"
    currency: Annotated[str | None, says("the currency of every command that has one and is not given any")] = None
    settings: Annotated[dict[str, SettingForm], says("what the import can be told", max_length=MAX_SETTINGS)] = {}
    columns: Annotated[Columns, says("the columns")] = field(default_factory=Columns)
    values: Annotated[
        dict[str, Any],
        says("names for expressions: what follows uses them as columns", max_length=MAX_VALUES),
    ] = {}
    group_by: Annotated[Any, says("rows that follow one another and have this value in common are one group")] = UNSET


STRUCTS: tuple[type[Struct], ...] = (
    MappingFile, Columns, SettingForm, Ask, Condition, Value, NumberForm, TimeForm,
)  # fmt: skip


def mapping_of(content: bytes) -> MappingFile:
    """The mapping that a file holds. Raises `Refused` with the place in the file that is wrong."""
    if len(content) > MAX_MAPPING_BYTES:
        raise Refused(f"A mapping file has at most {MAX_MAPPING_BYTES:,} bytes.", "file")
    raw = plain_yaml(content)
    if not isinstance(raw, dict):
        raise Refused("A mapping file is an object with the keys name, source, commands and others.", "file")
    mapping = taken(MappingFile, raw, "")
    must_be_zone(mapping.timezone, "timezone")
    if mapping.currency is not None:
        must_be_currency(mapping.currency, "currency")
    return mapping


# Refusing in sentences.


def taken(kind: type[S], raw: Any, path: str) -> S:
    """A part of the file. Raises `Refused` with the path of what is wrong."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        inner = place.rstrip("`").replace("[...]", "").removeprefix("key in ").removeprefix("$").removeprefix(".")
        refuse(_sentence(message), f"{path}.{inner}".strip(".") if not inner.startswith("[") else path + inner)


def refuse(sentence: str, path: str) -> NoReturn:
    """Refuses what stands at a place of the file."""
    raise Refused(f"{path}: {sentence}" if path else sentence, path or "file")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is not known."""
    near = difflib.get_close_matches(word[:MAX_NAME], sorted(known), n=1)
    return f". Did you mean {near[0]}?" if near else "."


def _sentence(message: str) -> str:
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", message):
        keys = {each.encode_name for struct in STRUCTS for each in msgspec.structs.fields(struct)}
        return f"there is no key {unknown[1][:MAX_NAME]!r}{did_you_mean(unknown[1], keys)}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", message):
        return f"the key {missing[1]} is missing."
    if wrong := re.fullmatch(r"Expected `([^`]*)`, got `(\w+)`", message):
        kinds = " or ".join(WORDS.get(each.strip(), each.strip()) for each in wrong[1].split("|"))
        return f"{kinds} is expected, not {WORDS.get(wrong[2], wrong[2])}."
    if wrong := re.fullmatch(r"Invalid enum value '(.*)'", message):
        return f"{wrong[1][:MAX_NAME]!r} is none of the words that may stand here."
    if wrong := re.fullmatch(r"Expected `(\w+)` matching regex '(.*)'", message):
        return f"a short name is expected, of lower-case letters, digits and dashes ({wrong[2]})."
    if wrong := re.fullmatch(r"Expected `int` (..) (\d+)", message):
        return f"a whole number of {'at most' if wrong[1] == '<=' else 'at least'} {wrong[2]} is expected."
    if wrong := re.fullmatch(r"Expected `(\w+)` of length (..) (\d+)", message):
        bound = "at most" if wrong[2] == "<=" else "at least"
        of = "characters" if wrong[1] == "str" else "entries"
        return f"{WORDS.get(wrong[1], wrong[1])} of {bound} {wrong[3]} {of} is expected."
    return f"{message[0].lower()}{message[1:]}.".replace("`", "")


WORDS = {
    "str": "a text", "int": "a whole number", "bool": "true or false", "null": "nothing", "object": "an object",
    "array": "a list",
}  # fmt: skip


# The reference.


def describe() -> str:
    """The language of mapping files, as Markdown, from the classes that read them."""
    return "\n".join(line for struct in STRUCTS for line in _described(struct))


def _described(struct: type[Struct]) -> Iterable[str]:
    hints = get_type_hints(struct, include_extras=True)
    yield f"### {TITLES[struct]}\n"
    yield " ".join((struct.__doc__ or "").split()) + "\n"
    yield "| key | takes | meaning |\n|---|---|---|"
    for each in msgspec.structs.fields(struct):
        *_, meta = (word for word in hints[each.name].__metadata__ if isinstance(word, Meta))
        needed = " (needed)" if each.required else ""
        yield f"| `{each.encode_name}` | {_kind(hints[each.name])}{needed} | {meta.description} |"
    yield ""


def _kind(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return next((word for word in get_args(hint) if isinstance(word, str)), None) or _kind(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return " or ".join(f"`{each}`" for each in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        kinds = [_kind(each) for each in get_args(hint) if each not in (type(None), UnsetType)]
        return " or ".join(dict.fromkeys(kinds))
    if get_origin(hint) in (list, dict):
        inner = _kind(get_args(hint)[-1])
        return f"a list: {inner}" if get_origin(hint) is list else f"an object of names: {inner}"
    if hint is Any:
        return "an [expression](#expressions)"
    return f"[{TITLES[hint]}](#{TITLES[hint].lower().replace(' ', '-')})" if hint in TITLES else WORDS[hint.__name__]


TITLES: dict[Any, str] = {
    MappingFile: "The file", Columns: "Columns", SettingForm: "Settings", Ask: "Commands", Condition: "Conditions",
    Value: "Expressions", NumberForm: "Numbers", TimeForm: "Dates and times",
}  # fmt: skip
