"""Mapped: any table and any lines of JSON, read as a mapping file says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

import orjson
from msgspec import UNSET

from api.importers.expressions import Compiler, Holds, Make, Row
from api.importers.importing import Context, Importer, LeftAside, Line, Read, Rejected, Setting
from api.importers.json_lines import json_rows
from api.importers.lines import Source
from api.importers.mapping import MAX_MAPPING_BYTES, Ask, MappingFile, did_you_mean, mapping_of, refuse
from api.importers.tables import rows
from domain import DECIDERS
from domain.kernel import Refused
from eventstore.commands import Commands, camel, moment

MAX_ONCE = 1_000_000
"""How many values of `once_per` are remembered. After so many all are forgotten: what is asked twice is known."""
MAX_GROUP_ROWS = 5_000

NO_COMMAND = "no command of the mapping is for it"
NOTHING_NEW = "it says nothing that a row before it had not said"
IN_DOUBT = "Line {} cannot be read, so these rows may not be the whole group. Correct it and import the file again."
CUT_SHORT = "The file breaks off, so these rows may not be the whole group. Import the whole file."

PLACES = re.compile(r"\[\d+\]")
SHIPPED = ("accounts", "products", "sales-teams", "opportunities", "contacts")
"""The mapping files that come with the house."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command of a mapping, ready to be asked of rows."""

    name: str
    make: Make
    holds: Holds | None
    once_per: Make | None
    at: Make | None
    id: Make | None
    per_row: bool
    columns: Mapping[str, str]
    """The column that a field comes from, by the path of the field."""
    at_column: str | None

    def column_of(self, place: str | None) -> str | None:
        """The column that a field of the command comes from, or the field if it comes from none."""
        return self.columns.get(PLACES.sub("", place or "")) or place


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping, ready to be read by."""

    mapping: MappingFile
    asked: tuple[Asked, ...]
    values: tuple[tuple[str, Make], ...]
    group_by: Make | None
    needed: tuple[tuple[str, ...], ...]
    """Columns of which one each must be in the header, or on every line of JSON."""
    named: Mapping[str, tuple[str, ...]]


def importer_of(path: str | Path) -> Importer:
    """The layout that a mapping file describes. Raises `Refused` with the place in the file that is wrong."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_MAPPING_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise Refused(f"The mapping file {str(path)!r} cannot be read: {why}.", "mapping") from None
    return importer_from(content)


def importer_from(content: bytes) -> Importer:
    """The same from the text of the file."""
    plan = plan_of(mapping_of(content))
    mapping = plan.mapping
    return Importer(
        f"mapped:{mapping.name}",
        mapping.description or f"The layout {mapping.name} of a mapping file.",
        partial(read, plan),
        settings=tuple(Setting(name, said.description, said.default) for name, said in mapping.settings.items()),
        mapping=sha256(content).hexdigest(),
    )


def shipped_text(name: str) -> bytes:
    """A mapping file that comes with the house."""
    if name not in SHIPPED:
        raise Refused(f"There is no mapping {name!r}{did_you_mean(name, SHIPPED)}", "mapping")
    return (resources.files("api.importers") / "mappings" / f"{name}.yaml").read_bytes()


@cache
def shipped(name: str) -> Importer:
    """The layout of a mapping file that comes with the house."""
    return importer_from(shipped_text(name))


# From a mapping to a plan.


def plan_of(mapping: MappingFile) -> Plan:
    """A mapping with every expression compiled. Raises `Refused` with the place in the file that is wrong."""
    compiler = Compiler(mapping)
    values = []
    for name, raw in mapping.values.items():
        values.append((name, compiler.value(raw, f"values.{name}", str).make))
        compiler.computed.add(name)
    group_by = None if mapping.group_by is UNSET else compiler.value(mapping.group_by, "group_by", str).make
    asked = tuple(_asked(ask, f"commands[{n}]", compiler) for n, ask in enumerate(mapping.commands))
    named = {
        name: (column,) if isinstance(column, str) else tuple(column) for name, column in mapping.columns.rename.items()
    }
    for name in mapping.columns.optional:
        if name not in compiler.columns:
            refuse(f"nothing uses the column {name!r}{did_you_mean(name, compiler.columns)}", "columns.optional")
    for name in named:
        if name not in compiler.columns:
            refuse(f"nothing uses the name {name!r}{did_you_mean(name, compiler.columns)}", "columns.rename")
    used = (
        () if mapping.format == "jsonl" else (name for name in compiler.columns if name not in mapping.columns.optional)
    )
    needed = tuple(named.get(name, (name,)) for name in dict.fromkeys((*mapping.columns.required, *used)))
    return Plan(mapping, asked, tuple(values), group_by, needed, named)


def _asked(ask: Ask, path: str, compiler: Compiler) -> Asked:
    commands = every_command()
    kind = commands.classes.get(ask.command)
    if kind is None:
        refuse(f"there is no command {ask.command!r}{did_you_mean(ask.command, commands.classes)}", f"{path}.command")
    if ask.per == "row" and compiler.mapping.group_by is UNSET:
        refuse("per: row is for rows of a group: say group_by.", f"{path}.per")
    said = dict(ask.input)
    currency = compiler.mapping.currency
    if currency is not None and "currency" in get_type_hints(kind):
        said.setdefault("currency", currency)
    compiler.leaves = {}
    made = compiler.object(said, f"{path}.input", kind, always=True)
    leaves = {place.removeprefix(f"{PLACES.sub('', path)}.input."): name for place, name in compiler.leaves.items()}
    must_be_constant_sense(ask.command, said, path, compiler)

    def of(raw: Any, name: str, hint: Any = str) -> Make | None:
        return None if raw is UNSET else compiler.value(raw, f"{path}.{name}", hint).make

    return Asked(
        name=ask.command,
        make=made.make,
        holds=None if ask.when is UNSET else compiler.when(ask.when, f"{path}.when"),
        once_per=of(ask.once_per, "once_per"),
        at=of(ask.occurred_at, "occurred_at", datetime),
        id=of(ask.command_id, "command_id"),
        per_row=ask.per == "row",
        columns=leaves,
        at_column=compiler.leaves.get(f"{PLACES.sub('', path)}.occurred_at"),
    )


def must_be_constant_sense(command: str, said: Mapping[str, Any], path: str, compiler: Compiler) -> None:
    """Refused if what is the same for every row is nothing that the command takes."""
    commands = every_command()
    hints = get_type_hints(commands.classes[command], include_extras=True)
    nothing, constants = Row(0, {}, {}), {}
    for name, hint in hints.items():
        if camel(name) in said:
            made = compiler.value(said[camel(name)], f"{path}.input.{camel(name)}", hint)
            if made.constant:
                constants[camel(name)] = made.make(nothing)
    try:
        commands.read(command, {name: value for name, value in constants.items() if value is not None})
    except Refused as refused:
        top = re.split(r"[.\[]", refused.field or "")[0]
        if constants.get(top) is not None:
            refuse(refused.reason, f"{path}.input.{refused.field}")


@cache
def every_command() -> Commands:
    """What can be asked, by which a mapping file is checked when it is read."""
    return Commands(DECIDERS)


# From rows to lines.


def read(plan: Plan, source: Source, context: Context) -> Iterator[Read]:
    """What each row, or each group of rows, asks for."""
    reading = Reading(plan, context)
    found = json_rows(source) if plan.mapping.format == "jsonl" else table_rows(plan, source)
    if plan.group_by is None:
        for each in found:
            yield from (each,) if isinstance(each, Rejected) else reading.row(*each)
    else:
        yield from reading.groups(found, source)


Found = Iterator[tuple[int, Mapping[str, str]] | Rejected]


@dataclass(slots=True)
class Reading:
    """One file being read: what was asked for already that is to be asked for once."""

    plan: Plan
    context: Context
    settings: Mapping[str, str] = field(default_factory=dict)
    once: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        defaults = {name: said.default for name, said in self.plan.mapping.settings.items() if said.default is not None}
        self.settings = {**defaults, **self.context.settings}

    def row(self, number: int, cells: Mapping[str, str]) -> Iterator[Read]:
        """What a row asks for by itself: all of it, or if something in it is wrong, nothing."""
        try:
            row = self._named(number, cells)
        except Refused as refused:
            yield self._rejected(number, refused, cells)
        else:
            yield from self._ask(row, (row,))

    def groups(self, found: Found, source: Source) -> Iterator[Read]:
        """What each group of rows asks for. A group that may lack a row is not taken."""
        assert self.plan.group_by is not None
        group: list[Row] = []
        key, doubt, next_doubt = "", "", ""
        for each in found:
            wrong = each if isinstance(each, Rejected) else None
            if not isinstance(each, Rejected):
                try:
                    row = self._named(*each)
                    if (its := self.plan.group_by(row)) is None:
                        raise Refused("What the rows are grouped by is empty.")
                except Refused as refused:
                    wrong = self._rejected(each[0], refused, each[1])
            if wrong is not None:  # it may be one of the group before it, or of the one after it
                yield wrong
                doubt = next_doubt = IN_DOUBT.format(wrong.number)
                continue
            if its != key or not group:
                yield from self._group(group, doubt)
                group, key, doubt = [], its, next_doubt
            if len(group) < MAX_GROUP_ROWS:
                group.append(row)
            else:
                doubt = f"These rows are more than {MAX_GROUP_ROWS:,}, the limit of a group."
            next_doubt = ""
        yield from self._group(group, CUT_SHORT if source.damage is not None else doubt)

    def _group(self, group: Sequence[Row], doubt: str) -> Iterator[Read]:
        if group and doubt:
            yield Rejected(group[0].number, doubt)
        elif group:
            yield from self._ask(replace(group[0], group=tuple(group)), group)

    def _named(self, number: int, cells: Mapping[str, str]) -> Row:
        """A row with its cells under the names of the mapping, and what is computed of them."""
        plan = self.plan
        if plan.mapping.format == "jsonl":
            for names in plan.needed:
                if not any(map(cells.__contains__, names)):
                    raise Refused(f"{names[0]} is missing from this line.", names[0])
        named = dict(cells)
        for name, columns in plan.named.items():
            named[name] = next((cell for column in columns if (cell := cells.get(column))), "")
        row = Row(number, named, self.settings)
        for name, make in plan.values:
            named[name] = make(row) or ""
        return row

    def _ask(self, row: Row, group: Sequence[Row]) -> Iterator[Read]:
        lines: list[Line] = []
        new: set[tuple[int, str]] = set()
        meant = False
        for n, asked in enumerate(self.plan.asked):
            for each in group if asked.per_row else (row,):
                if asked.holds is not None and not asked.holds(each):
                    continue
                try:
                    if asked.once_per is not None:
                        if (value := asked.once_per(each)) is None:
                            continue
                        meant = True
                        if (n, value) in self.once or (n, value) in new:
                            continue
                        new.add((n, value))
                    meant = True
                    lines.append(self._line(asked, each))
                except Refused as refused:
                    yield self._rejected(each.number, refused, each.cells)
                    return
        if len(self.once) + len(new) > MAX_ONCE:
            self.once.clear()
        self.once |= new
        if lines:
            yield from lines
        else:
            yield LeftAside(row.number, NOTHING_NEW if meant else NO_COMMAND)

    def _line(self, asked: Asked, row: Row) -> Line:
        context = self.context
        said = asked.make(row) or {}
        at = None
        if asked.at is not None:
            if (found := asked.at(row)) is None:
                raise Refused(f"It is not said when {asked.name} was so.", asked.at_column)
            at = moment(found, asked.at_column or "occurredAt", now=context.now)
        try:
            command = context.commands.read(asked.name, said)
        except Refused as refused:
            raise Refused(refused.reason, asked.column_of(refused.field)) from None
        meaning: object = None if asked.id is None else asked.id(row)
        if meaning is None:
            meaning = orjson.dumps((said, at), default=str, option=orjson.OPT_SORT_KEYS).decode()
        return context.ask(row.number, command, at, self.plan.mapping.name, asked.name, meaning)

    def _rejected(self, number: int, refused: Refused, cells: Mapping[str, str]) -> Rejected:
        """A refusal with the name that the column has in the file."""
        name = refused.field or ""
        columns = self.plan.named.get(name, (name,))
        return Rejected(number, refused.reason, next((each for each in columns if each in cells), columns[0]) or None)


# From a file to rows.


def table_rows(plan: Plan, source: Source) -> Found:
    """The rows of a table. Raises `Refused` if its header lacks a column."""
    first = True
    for each in rows(source, [names[0] for names in plan.needed if len(names) == 1]):
        if first and not isinstance(each, Rejected):
            first = False
            for names in plan.needed:
                if not any(map(each[1].__contains__, names)):
                    raise Refused(f"None of the columns {', '.join(names)} is in the header.", names[0])
        yield each
