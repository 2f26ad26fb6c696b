"""A cube: facts, what is measured of them, and by what they are told apart. A cube is declared, and then asked anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, TypeVar

from domain.kernel import Refused
from eventstore.commands import camel
from projections.facts import Facts
from projections.view import Column, View

T = TypeVar("T")

SHOWN = 60
"""How many characters of a name that is not known are repeated."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something measured: an expression of SQL that aggregates, in which `{column}` is a column of the facts.

    `unit` says of what it is a number. `currency` is the column that says in which currency it is: it does not add up over
    several. A count of things is whole; anything else is an exact decimal.
    """

    name: str
    title: str
    expression: str
    unit: str = ""
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A named condition on the facts."""

    name: str
    title: str
    condition: str


@dataclass(frozen=True)
class Join:
    """Rows of a view that say more of a fact: `on` gives for a column of theirs the column of the fact that is the same.

    With `then` they are as they were when the fact happened, from the versions that the view keeps, as today's knowledge has
    it; otherwise as they are as of the moment of the question, or today if the view keeps no versions. If several rows fit,
    the first by `latest` descending counts. `columns` are those that are shown: all that can be compared, if none are named.
    """

    name: str
    title: str
    view: View[Any]
    on: Mapping[str, str]
    then: bool = False
    latest: str | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert not self.then or self.view.history

    @property
    def shown(self) -> list[Column]:
        """The columns by which facts can be told apart."""
        columns = [
            column for column in self.view.columns if not column.is_json and column.name not in self.view.personal
        ]
        return [column for column in columns if not self.columns or column.name in self.columns]


@dataclass(frozen=True, slots=True)
class Dimension:
    """By what facts are told apart: a column of theirs, or of what they are joined with."""

    member: str
    title: str
    column: Column
    join: Join | None = None

    @property
    def type(self) -> str:
        """Its type in the words of Cube: `time`, `number`, `boolean` or `string`."""
        inner = self.column.inner
        if inner in (datetime, date):
            return "time"
        if inner is bool:
            return "boolean"
        return "number" if self.column.sql_type in ("bigint", "numeric", "double precision") else "string"


@dataclass(frozen=True)
class Cube:
    """Facts that can be asked. Members are called `cube.member`; those of a join `join.member`.

    `owner` is what the facts are of, by which their `owner_id` goes. A `version` is a meaning: it is raised when a measure or
    a dimension comes to mean something else.
    """

    name: str
    title: str
    words: str
    facts: Facts[Any]
    measures: tuple[Measure, ...]
    joins: tuple[Join, ...] = ()
    segments: tuple[Segment, ...] = ()
    owner: str = "owner_id"
    version: int = 1
    hidden: tuple[str, ...] = ()
    """Columns by which nobody tells facts apart."""

    def __post_init__(self) -> None:
        both = self.dimensions.keys() & self.measured.keys()
        assert not both, f"{both} are measures and dimensions at once"

    @cached_property
    def dimensions(self) -> Mapping[str, Dimension]:
        """Every dimension by its member."""
        found = {}
        left_out = ("number", *self.hidden)
        own = [column for column in self.facts.columns if not column.is_json and column.name not in left_out]
        for column in own:
            name = self.owner if column.name == "owner_id" else column.name
            found[f"{self.name}.{camel(name)}"] = Dimension(f"{self.name}.{camel(name)}", titled(name), column)
        for join in self.joins:
            for column in join.shown:
                member = f"{join.name}.{camel(column.name)}"
                found[member] = Dimension(member, f"{join.title}: {titled(column.name)}", column, join)
        return found

    @cached_property
    def measured(self) -> Mapping[str, Measure]:
        """Every measure by its member."""
        return {f"{self.name}.{measure.name}": measure for measure in self.measures}

    @cached_property
    def segmented(self) -> Mapping[str, Segment]:
        """Every segment by its member."""
        return {f"{self.name}.{segment.name}": segment for segment in self.segments}

    def dimension(self, member: str, path: str = "dimensions") -> Dimension:
        """A dimension by its member. Raises `Refused`, with the nearest one, if there is none."""
        return known(member, self.dimensions, path)

    def measure(self, member: str, path: str = "measures") -> Measure:
        """A measure by its member. Raises `Refused`, with the nearest one, if there is none."""
        return known(member, self.measured, path)

    def segment(self, member: str) -> Segment:
        """A segment by its member. Raises `Refused`, with the nearest one, if there is none."""
        return known(member, self.segmented, "segments")


def known(name: str, among: Mapping[str, T], path: str) -> T:
    """What goes by this name. Raises `Refused`, with the nearest name, if nothing does."""
    if name in among:
        return among[name]
    near = get_close_matches(name[:SHOWN], among, n=1, cutoff=0.4)
    raise Refused(f"There is no {name[:SHOWN]!r}. {f'Did you mean {near[0]}?' if near else ''}".strip(), path)


def titled(name: str) -> str:
    """The title of a column: `occurred_at` is `Occurred at`."""
    return re.sub(r"\bid\b", "", name.replace("_", " ")).strip().capitalize() or "Id"
