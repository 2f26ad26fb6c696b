"""The limits of the doors, in one place, and the measure of a query before anything is done for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_object_type,
)

from projections.lists import MAX_PAGE

MAX_BODY_BYTES = 1_048_576
MAX_WEBHOOK_BYTES = 524_288
MAX_DOCUMENT_CHARACTERS = 65_536
MAX_TOKENS = 1_000
MAX_COMMENTS = 200
MAX_OPERATIONS = 10
MAX_FRAGMENTS = 30
MAX_DIRECTIVES = 20
MAX_DEPTH = 10
MAX_FIELDS = 500
MAX_ALIASES = 15
MAX_COST = 5_000
MAX_NESTING = 100
"""Braces within braces, fragments included, whatever they select."""
MAX_VARIABLES_DEPTH = 24
"""Lists and objects within one another; the deepest predicate of a segment takes 19 of them."""
MAX_INTROSPECTION_DEPTH = 20
MAX_INTROSPECTION_COST = 600_000

PAGE_ROWS = 20
"""How many rows a list gives when nobody says."""
INNER_LIST_ROWS = 10
"""How long a list without `first` is taken to be."""
MAX_SORT_TERMS = 5

MAX_CACHED_DOCUMENTS = 256
OPERATION_TIMEOUT_S = 30
AT_LEAST_WAIT_S = 5
WORKER_THREADS = 16

SATURATED = 10**9
"""Counters stop here, so that no sum of a hostile query can grow without end."""

__all__ = ["MAX_PAGE", "Measure", "Meter", "check_document", "check_measure", "check_variables"]


class TooLarge(GraphQLError):
    """A query that asks for more than is given at once. The message says what to ask for instead."""

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message, extensions={"code": "TOO_LARGE", "limit": limit})


class Measure(NamedTuple):
    """What a selection asks for, fragments expanded; `cost` counts objects. Introspection is measured apart."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    cost: int = 0
    meta_depth: int = 0
    meta_cost: int = 0


NOTHING = Measure()


@dataclass(slots=True)
class Meter:
    """Measures one document in one pass: each selection is visited once, and each fragment's measure is remembered.

    `work` counts the visits. It is the number of selections in the document, however often fragments spread each other.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    known: dict[str, Measure]
    work: int = 0

    def operation(self, operation: OperationDefinitionNode) -> Measure:
        """The measure of an operation."""
        return self._selections(operation.selection_set, self.schema.get_root_type(operation.operation), 0, False)

    def _selections(self, chosen: SelectionSetNode | None, parent: Any, nesting: int, paged: bool) -> Measure:
        if nesting > MAX_NESTING:
            raise TooLarge(
                "nesting", f"This query is nested more than {MAX_NESTING} levels deep. Ask for it in several queries."
            )
        depth = fields = aliases = cost = meta_depth = meta_cost = 0
        for selection in chosen.selections if chosen else ():
            self.work += 1
            if isinstance(selection, FieldNode):
                found = self._field(selection, parent, nesting, paged)
            elif isinstance(selection, InlineFragmentNode):
                on = selection.type_condition
                narrowed = self.schema.get_type(on.name.value) if on else parent
                found = self._selections(selection.selection_set, narrowed, nesting + 1, paged)
            else:
                found = self._fragment(selection, nesting, paged)
            depth = max(depth, found.depth)
            fields = min(SATURATED, fields + found.fields)
            aliases = min(SATURATED, aliases + found.aliases)
            cost = min(SATURATED, cost + found.cost)
            meta_depth = max(meta_depth, found.meta_depth)
            meta_cost = min(SATURATED, meta_cost + found.meta_cost)
        return Measure(depth, fields, aliases, cost, meta_depth, meta_cost)

    def _fragment(self, spread: Any, nesting: int, paged: bool) -> Measure:
        assert isinstance(spread, FragmentSpreadNode)
        name = spread.name.value
        if name not in self.known:
            self.known[name] = NOTHING  # a cycle ends here; validation names it afterwards
            fragment = self.fragments.get(name)
            if fragment is not None:
                on = self.schema.get_type(fragment.type_condition.name.value)
                self.known[name] = self._selections(fragment.selection_set, on, nesting + 1, paged)
        return self.known[name]

    def _field(self, field: FieldNode, parent: Any, nesting: int, paged: bool) -> Measure:
        name = field.name.value
        definition = _definition(parent, name)
        kind = get_named_type(definition.type) if definition else None
        has_pages = definition is not None and "first" in definition.args
        below = self._selections(field.selection_set, kind, nesting + 1, has_pages) if field.selection_set else NOTHING
        rows = self._rows(field, definition, paged) if is_composite_type(kind) else 0
        times = max(rows, 1)
        counted = below._replace(
            fields=min(SATURATED, below.fields + 1),
            aliases=min(SATURATED, below.aliases + (field.alias is not None)),
            cost=min(SATURATED, times * below.cost + rows),
            meta_cost=min(SATURATED, times * below.meta_cost),
        )
        if name in ("__schema", "__type") or (is_object_type(parent) and parent.name.startswith("__")):
            meta_cost = min(SATURATED, counted.meta_cost + rows)
            return counted._replace(meta_depth=below.meta_depth + 1, meta_cost=meta_cost, cost=0, depth=0)
        return counted._replace(depth=below.depth + 1)

    def _rows(self, field: FieldNode, definition: GraphQLField | None, paged: bool) -> int:
        """How many objects a field may give; 0 if it is no list, or where its page was counted one level above."""
        if definition is None:
            return 0
        if "first" in definition.args:
            return self._first(field, definition)
        if not is_list_type(get_nullable_type(definition.type)) or paged:
            return 0
        return len(self.schema.type_map) if field.name.value == "types" else INNER_LIST_ROWS

    def _first(self, field: FieldNode, definition: GraphQLField) -> int:
        """The page's size: what `first` or `last` says, whichever is more."""
        given = [self._value(field, definition, name) for name in ("first", "last") if name in definition.args]
        return min(SATURATED, max([size for size in given if type(size) is int], default=PAGE_ROWS))

    def _value(self, field: FieldNode, definition: GraphQLField, name: str) -> Any:
        value: Any = definition.args[name].default_value
        for argument in field.arguments or ():
            if argument.name.value == name:
                if isinstance(argument.value, IntValueNode):
                    value = int(argument.value.value) if len(argument.value.value) < 12 else SATURATED
                elif isinstance(argument.value, VariableNode):
                    value = self.variables.get(argument.value.name.value, MAX_PAGE)
        return max(1, value) if type(value) is int else None


def _definition(parent: Any, name: str) -> GraphQLField | None:
    if name == "__schema":
        return SchemaMetaFieldDef
    if name == "__type":
        return TypeMetaFieldDef
    return parent.fields.get(name) if isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)) else None


def check_document(document: DocumentNode) -> None:
    """Raises `TooLarge` for a document with too many parts, which costs one look at each of its nodes."""
    operations = sum(isinstance(part, OperationDefinitionNode) for part in document.definitions)
    fragments = sum(isinstance(part, FragmentDefinitionNode) for part in document.definitions)
    if operations > MAX_OPERATIONS:
        raise TooLarge(
            "operations", f"This document has {operations} operations; {MAX_OPERATIONS} is the limit. Send fewer."
        )
    if fragments > MAX_FRAGMENTS:
        raise TooLarge(
            "fragments", f"This document has {fragments} fragments; {MAX_FRAGMENTS} is the limit. Use fewer."
        )
    directives = 0
    waiting: list[Any] = list(document.definitions)
    while waiting:
        node = waiting.pop()
        directives += len(node.directives or ())
        waiting += getattr(node, "variable_definitions", None) or ()
        if getattr(node, "selection_set", None):
            waiting += node.selection_set.selections
    if directives > MAX_DIRECTIVES:
        raise TooLarge(
            "directives", f"This document has {directives} directives; {MAX_DIRECTIVES} is the limit. Use fewer."
        )


def measure(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> tuple[Measure, int]:
    """What the document's largest operation asks for, part by part, and the work that it took to find out."""
    fragments = {part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)}
    largest, known, work = NOTHING, dict[str, Measure](), 0
    for part in document.definitions:
        if isinstance(part, OperationDefinitionNode):
            meter = Meter(schema, fragments, {**_defaults(part), **variables}, known)
            largest = Measure(*map(max, largest, meter.operation(part)))
            work += meter.work
    return largest, work


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable in operation.variable_definitions or ():
        if isinstance(variable.default_value, IntValueNode) and len(variable.default_value.value) < 12:
            found[variable.variable.name.value] = int(variable.default_value.value)
    return found


def check_measure(found: Measure) -> None:
    """Raises `TooLarge` with what to ask for instead."""
    if found.depth > MAX_DEPTH:
        raise TooLarge(
            "depth",
            f"This query is {found.depth} levels deep; {MAX_DEPTH} is the limit. Ask for it in several queries.",
        )
    if found.fields > MAX_FIELDS:
        raise TooLarge(
            "fields", f"This query has {_many(found.fields)} fields, its fragments expanded; {MAX_FIELDS} is the limit."
        )
    if found.aliases > MAX_ALIASES:
        raise TooLarge(
            "aliases",
            f"This query has {_many(found.aliases)} aliases; {MAX_ALIASES} is the limit. Send several queries.",
        )
    if found.cost > MAX_COST:
        raise TooLarge(
            "cost",
            f"This asks for up to {_many(found.cost)} objects; {MAX_COST:,} is the limit. Give a smaller `first`.",
        )
    if found.meta_depth > MAX_INTROSPECTION_DEPTH or found.meta_cost > MAX_INTROSPECTION_COST:
        raise TooLarge(
            "introspection", "This asks for too much of the schema at once. Ask for one type by __type(name:)."
        )


def _many(count: int) -> str:
    return "countless" if count >= SATURATED else f"{count:,}"


def check_variables(variables: Mapping[str, Any] | None) -> None:
    """Raises `TooLarge` for values that are nested too deeply."""
    level: Sequence[Any] = [variables or {}]
    for _ in range(MAX_VARIABLES_DEPTH + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        if not inner:
            return
        level = inner
    raise TooLarge(
        "variables", f"The variables are nested more than {MAX_VARIABLES_DEPTH} levels deep. Send them flatter."
    )
