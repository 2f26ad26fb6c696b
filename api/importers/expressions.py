"""Expressions of mapping files: what each makes of a row, by the type of the field that it is for."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, cast, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from api.importers.mapping import (
    MAX_CONDITIONS,
    Condition,
    Expression,
    MappingFile,
    NumberForm,
    TimeForm,
    Value,
    did_you_mean,
    refuse,
    taken,
)
from api.importers.readings import BLANKS, FINISH, constant_moment, must_be_readable, number_reader, time_reader
from domain.kernel import Ref, Refused
from domain.values import must_be_zone
from eventstore.commands import camel

MAX_LISTED = 5_000
"""How many entries of a list are looked at, as many as a command takes."""

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
ITEM = "item"
"""The column of an entry that is no object."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row by their columns, with the rows of its group and the settings."""

    number: int
    cells: Mapping[str, str]
    settings: Mapping[str, str]
    group: Sequence["Row"] = ()


Make = Callable[[Row], Any]
Holds = Callable[[Row], bool]


class Made(NamedTuple):
    """A compiled expression. None is what it makes of nothing; `constant` says that it is the same for every row."""

    make: Make
    constant: bool = False


@dataclass(slots=True)
class Compiler:
    """Compiles the expressions of one mapping, and notes which columns they use and where."""

    mapping: MappingFile
    computed: set[str] = field(default_factory=set)
    columns: dict[str, str] = field(default_factory=dict)
    """Where each column was used first."""
    leaves: dict[str, str] = field(default_factory=dict)
    """The column of a field, by the path of the field; empty if several make one list."""

    def value(self, raw: Expression, path: str, hint: Any = None) -> Made:
        """An expression for a field of this type; None: it is not for a field."""
        given = hint
        hint, _ = bare(hint)
        if isinstance(raw, str) and PLACEHOLDER.search(raw):
            raw = {"template": raw}
        if isinstance(raw, list):
            return self._list(raw, path, hint)
        if not isinstance(raw, dict):
            constant = raw
            if hint is datetime and isinstance(raw, str):
                constant = constant_moment(raw, ZoneInfo(self.mapping.timezone), path)
            return Made(lambda _: constant, constant=True)
        value = taken(Value, raw, path)
        sources = [name for name in SOURCES if getattr(value, name) not in (None, UNSET)]
        if len(sources) != 1:
            refuse(f"give exactly one of {', '.join(SOURCES)}.", path)
        if sources[0] in ("object", "each_row", "each"):
            if extra := raw.keys() - {*sources, "item"}:
                refuse(f"{min(extra)} is for a column, a setting or a template.", path)
            if (value.item is not UNSET) != (value.each is not None):
                refuse("item is the expression for each entry of each: give both.", path)
            return self._nested(value, path, hint)
        return self._plain(value, path, given)

    def when(self, raw: Any, path: str) -> Holds:
        """A condition, or a list of conditions that must all hold."""
        if not isinstance(raw, list):
            return self._condition(raw, path)
        if not 1 <= len(raw) <= MAX_CONDITIONS:
            refuse(f"give from 1 to {MAX_CONDITIONS} conditions.", path)
        all_of = [self._condition(each, f"{path}[{n}]") for n, each in enumerate(raw)]
        return lambda row: all(holds(row) for holds in all_of)

    def _condition(self, raw: Any, path: str) -> Holds:
        said = taken(Condition, raw, path)
        if said.not_ is not UNSET:
            if len(raw) > 1:
                refuse("not stands alone, with a condition of its own.", path)
            inner = self.when(said.not_, f"{path}.not")
            return lambda row: not inner(row)
        if (said.column is None) == (said.setting is None):
            refuse("give a column or a setting.", path)
        if (said.equals is not None) + (said.in_ is not None) + said.empty + said.not_empty != 1:
            refuse("give one of equals, in, empty: true and not_empty: true.", path)
        get = self._cell(said.column, path) if said.column is not None else self._setting(said.setting, path)
        if said.empty or said.not_empty:
            return lambda row: bool(get(row)) is said.not_empty
        among = frozenset(said.in_ if said.in_ is not None else (said.equals,))
        return lambda row: get(row) in among

    # Where texts come from.

    def _cell(self, name: str, path: str) -> Callable[[Row], str]:
        if not name:
            refuse("the name of the column is missing.", path)
        if name not in self.computed:
            self.columns.setdefault(name, path)
        return lambda row: row.cells.get(name, "")

    def _setting(self, name: str | None, path: str) -> Callable[[Row], str]:
        known = self.mapping.settings
        if name is None or name not in known:
            refuse(f"there is no setting {name!r}{did_you_mean(name or '', known)}", path)
        return lambda row: row.settings[name].strip()

    def _template(self, text: str, path: str) -> tuple[Callable[[Row], str], list[str]]:
        parts: list[tuple[str, Callable[[Row], str] | None, bool]] = []
        names, end = [], 0
        for found in PLACEHOLDER.finditer(text):
            parts.append((text[end : found.start()], None, False))
            end = found.end()
            if found[0] in ("{{", "}}"):
                parts.append((found[0][0], None, False))
            elif found[1] is None:
                refuse(f"a brace stands alone in {text[:60]!r}. Write two of them if one is meant.", path)
            else:
                name = found[1].removesuffix("?")
                names.append(name)
                parts.append(("", self._cell(name, path), found[1].endswith("?")))
        parts.append((text[end:], None, False))

        def make(row: Row) -> str:
            made, any_value, left_out = [], not names, False
            for constant, get, optional in parts:
                if get is None:
                    made.append(constant)
                elif cell := get(row):
                    made.append(cell)
                    any_value = True
                elif optional:
                    left_out = True
                else:
                    return ""
            whole = "".join(made) if any_value else ""
            return BLANKS.sub(" ", whole).strip() if left_out else whole

        return make, names

    # What is made of them.

    def _plain(self, value: Value, path: str, given: Any) -> Made:
        hint, ref = bare(given)
        names: list[str] = []
        if value.template is not None:
            get, names = self._template(value.template, path)
        elif value.column is not None:
            get, names = self._cell(value.column, path), [value.column]
            if ref:
                get = prefixed(get, f"{self.mapping.source}:")
        else:
            get = self._setting(value.setting, path)
        name = names[0] if names else value.setting
        if names:
            place = re.sub(r"\[\d+\]|\.(item|each_row|object)\b", "", path)
            if self.leaves.setdefault(place, names[0]) != names[0]:
                self.leaves[place] = ""
        item = bare(get_args(hint)[0])[0] if get_origin(hint) is tuple else hint
        if value.part is not None and value.split is None:
            refuse("part needs split.", path)
        several = value.split is not None and value.part is None
        if get_origin(hint) is tuple and not several:
            refuse("this field is a list: give split, each, each_row or a list of expressions.", path)
        if several and hint is not None and get_origin(hint) is not tuple:
            refuse("this field is no list: give the part that is meant, or leave split out.", path)
        one = self._steps(value, path, item, name)
        default = None if value.default is UNSET else self.value(value.default, f"{path}.default", given).make
        strip, separator, part = value.strip, value.split, value.part

        def make(row: Row) -> Any:
            text = get(row)
            if strip:
                text = text.strip(strip + " ")
            found: Any
            if separator is None:
                found = one(text)
            else:
                texts = [each.strip() for each in text.split(separator) if each.strip()]
                if part is not None:
                    found = one(texts[part - 1] if part <= len(texts) else "")
                else:
                    found = [made for each in texts[:MAX_LISTED] if (made := one(each)) is not None] or None
            return default(row) if found is None and default is not None else found

        return Made(make)

    def _steps(self, value: Value, path: str, hint: Any, column: str | None) -> Callable[[str], Any]:
        """What is done to one text, step after step."""
        if sum(map(bool, (value.number, value.date, value.moment))) > 1:
            refuse("give one of number, date and moment.", path)
        if value.lower and value.upper:
            refuse("give lower or upper, not both.", path)
        if value.else_ is not UNSET and value.map is None:
            refuse("else needs map.", path)
        change = str.lower if value.lower else str.upper if value.upper else None
        table, other = value.map, value.else_
        reading = self._reading(value, path)
        finish = FINISH.get(hint)
        zone = ZoneInfo(self.mapping.timezone)

        def one(text: str) -> Any:
            changed = change(text) if change else text
            found: Any = changed
            if table is not None:
                found = table.get(changed, changed if isinstance(other, UnsetType) else other)
            if found is None or found == "":
                return None
            try:
                if reading is not None:
                    found = reading(str(found))
                return found if finish is None else finish(found, zone)
            except Refused as refused:
                raise Refused(refused.reason, column) from None

        return one

    def _reading(self, value: Value, path: str) -> Callable[[str], Any] | None:
        if value.number:
            return number_reader(value.number if isinstance(value.number, NumberForm) else NumberForm(), path)
        said = value.date or value.moment
        if not said:
            return None
        form = said if isinstance(said, TimeForm) else TimeForm()
        zone = self.mapping.timezone if form.zone is None else form.zone
        try:
            must_be_zone(zone)
        except Refused as refused:
            refuse(refused.reason, f"{path}.{'date' if value.date else 'moment'}.zone")
        must_be_readable(form.format, f"{path}.{'date' if value.date else 'moment'}.format")
        read = time_reader(form.format, ZoneInfo(zone))
        return (lambda text: read(text)[0].date()) if value.date else (lambda text: read(text)[1])

    # Lists and objects.

    def _list(self, raw: list[Any], path: str, hint: Any) -> Made:
        if hint is not None and get_origin(hint) is not tuple:
            refuse("this field is no list.", path)
        item = get_args(hint)[0] if hint is not None else None
        all_of = [self.value(each, f"{path}[{n}]", item) for n, each in enumerate(raw)]
        return Made(
            lambda row: [made for each in all_of if (made := each.make(row)) is not None],
            all(each.constant for each in all_of),
        )

    def _nested(self, value: Value, path: str, hint: Any) -> Made:
        if value.object is not None:
            if hint is not None and not is_dataclass(hint) and not is_mapping(hint):
                refuse("this field is no object.", path)
            return self.object(value.object, f"{path}.object", hint)
        if hint is not None and get_origin(hint) is not tuple:
            refuse("this field is no list.", path)
        item = get_args(hint)[0] if hint is not None else None
        if value.each is None:
            if self.mapping.group_by is UNSET:
                refuse("each_row is for rows of a group: say group_by.", path)
            each_row = self.value(value.each_row, f"{path}.each_row", item).make
            return Made(lambda row: [made for each in row.group if (made := each_row(each)) is not None] or None)
        if self.mapping.format != "jsonl":
            refuse("each is for lines of JSON. A cell becomes a list by split.", path)
        place = value.each
        entry = self.value(value.item, f"{path}.item", item).make
        return Made(lambda row: [made for each in entries(row, place) if (made := entry(each)) is not None] or None)

    def object(self, raw: Mapping[str, Any], path: str, hint: Any, *, always: bool = False) -> Made:
        """An object by its fields; refused if the type has no such field, or needs one that is not given.

        Where only its constants have a value there is none, but `always`.
        """
        all_of = [(key, self.value(raw[key], f"{path}.{key}", of)) for key, of in self._fields(raw, path, hint)]
        varies = not all(each.constant for _, each in all_of)

        def make(row: Row) -> dict[str, Any] | None:
            found, filled = {}, always or not varies
            for key, each in all_of:
                if (made := each.make(row)) is not None:
                    found[key] = made
                    filled = filled or not each.constant
            return found if filled else None

        return Made(make, not varies)

    def _fields(self, raw: Mapping[str, Any], path: str, hint: Any) -> Iterator[tuple[str, Any]]:
        if hint is None or is_mapping(hint):
            of = None if hint is None else get_args(hint)[1]
            yield from ((key, of) for key in raw)
            return
        hints = get_type_hints(hint, include_extras=True)
        known = {camel(each.name): each for each in fields(cast(Any, hint))}
        for key in raw:
            if key not in known:
                refuse(f"there is no field {key[:60]!r}{did_you_mean(key, known)}", f"{path}.{key[:60]}")
            yield key, hints[known[key].name]
        for key, each in known.items():
            if raw.get(key) is None and each.default is MISSING and each.default_factory is MISSING:
                refuse(f"the field {key} is missing.", path)


SOURCES = ("column", "setting", "template", "object", "each_row", "each")


def bare(hint: Any) -> tuple[Any, bool]:
    """A type without its words and without None, and whether it is that of an id."""
    ref = False
    while True:
        if get_origin(hint) is Annotated:
            ref = ref or any(isinstance(word, Ref) for word in get_args(hint)[1:])
            hint = get_args(hint)[0]
        elif get_origin(hint) in (Union, UnionType):
            hint = next(each for each in get_args(hint) if each is not type(None))
        else:
            return hint, ref


def is_mapping(hint: Any) -> bool:
    """Whether a type is one of objects with keys of anybody's."""
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def prefixed(get: Callable[[Row], str], prefix: str) -> Callable[[Row], str]:
    """The same with something before it, if there is anything."""

    def make(row: Row) -> str:
        key = get(row)
        return prefix + key if key else ""

    return make


def entries(row: Row, place: str) -> Iterator[Row]:
    """The entries of a list on a line of JSON, as rows that know their own columns and those of the line."""
    prefix = f"{place}."
    found: dict[int, dict[str, str]] = {}
    for key, cell in row.cells.items():
        if key.startswith(prefix):
            number, _, rest = key[len(prefix) :].partition(".")
            if number.isdecimal():
                found.setdefault(int(number), {})[rest or ITEM] = cell
    for place_of in sorted(found)[:MAX_LISTED]:
        yield Row(row.number, {**row.cells, **found[place_of]}, row.settings, row.group)
