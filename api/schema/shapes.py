"""Shapes: how a Python type hint becomes a GraphQL type, for what is asked and for what is shown."""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from inspect import Parameter, Signature, cleandoc
from typing import Annotated, Any, ForwardRef, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types import get_object_definition
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

import domain.kernel
from api.schema.context import Info
from api.schema.scalars import Json, Long, Position, Ref
from domain.values import EMPTY
from eventstore.commands import camel


class Namespace(dict[str, Any]):
    """The types that are made, by name: they may mention each other before all of them are there."""

    def __init__(self, known: Mapping[str, Any] = EMPTY) -> None:
        super().__init__(known)
        self._annotations: dict[Any, StrawberryAnnotation] = {}

    def annotation(self, shape: Any) -> StrawberryAnnotation:
        """The annotation of a shape. It is one for all fields of this shape, because working one out takes long."""
        if shape not in self._annotations:
            self._annotations[shape] = StrawberryAnnotation(shape, namespace=self)
        return self._annotations[shape]


SIMPLE = (str, bool, float, Decimal, datetime, date)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a field. Without a default it must be given; UNSET is one that may be left out."""

    name: str
    hint: Any
    description: str
    default: Any = strawberry.UNSET


REQUIRED = Parameter.empty


QUOTED = re.compile(r"`[a-z]+(_[a-z]+)+`")


def sentence_of(made: type) -> str:
    """The docstring of a class as a description; the fields that it names are called as GraphQL calls them."""
    return QUOTED.sub(lambda found: camel(found[0]), cleandoc(made.__doc__ or "").replace("\n", " "))


def answered(
    name: str,
    shape: Any,
    description: str,
    resolver: Callable[..., Any],
    arguments: tuple[Argument, ...] = (),
    *,
    within: Namespace,
) -> StrawberryField:
    """A field that a function answers, at once or later: `resolver(root, info, **arguments)`.

    `shape` may name types that are made afterwards.

    An underscore at the end of a name, which tells it from a column or a word of Python, is not shown.
    """

    def resolve(root: Any, info: Any, **asked: Any) -> Any:
        return resolver(root, info, **asked)

    places = [
        Parameter("root", Parameter.POSITIONAL_OR_KEYWORD),
        Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
    ]
    for argument in arguments:
        words = strawberry.argument(description=argument.description, name=camel(argument.name.rstrip("_")))
        hint = cast(Any, Annotated)[argument.hint, words]  # a hint that is made at run time
        places.append(Parameter(argument.name, Parameter.KEYWORD_ONLY, default=argument.default, annotation=hint))
    resolve.__signature__ = Signature(places)  # type: ignore[attr-defined]  # what Strawberry reads the arguments from
    return StrawberryField(
        python_name=name,
        graphql_name=camel(name.rstrip("_")),
        type_annotation=within.annotation(shape),
        description=description,
        base_resolver=StrawberryResolver(resolve),
    )


def shown(
    name: str, shape: Any, description: str | None = None, *, as_: str | None = None, within: Namespace
) -> StrawberryField:
    """A field that is an attribute of what is shown."""
    return StrawberryField(
        python_name=name,
        graphql_name=as_ or camel(name),
        type_annotation=within.annotation(shape),
        description=description,
    )


def output(name: str, description: str, made: list[StrawberryField]) -> type:
    """An object type of these fields. It is defined as it is: making a dataclass of each takes twice as long."""
    done = types.new_class(name)
    found = list({field.python_name: field for field in made}.values())
    for field in found:
        field.origin = done
    done.__strawberry_definition__ = StrawberryObjectDefinition(  # type: ignore[attr-defined]  # how Strawberry knows it
        name=name,
        description=description,
        fields=found,
        origin=done,
        is_input=False,
        is_interface=False,
        interfaces=[],
        extend=False,
        directives=None,
        is_type_of=None,
        resolve_type=None,
    )
    return done


def output_of_itself(name: str, description: str, made: list[StrawberryField]) -> type:
    """An object type of these fields, of which some may show the same type again."""
    body = {field.python_name: field for field in made}
    shapes = {name: field.type_annotation for name, field in body.items()}
    done = strawberry.type(
        types.new_class(name, (), {}, lambda room: room.update(body)), name=name, description=description
    )
    for field in get_object_definition(done, strict=True).fields:
        field.type_annotation = shapes[field.python_name]  # making a dataclass of it lost where its names are looked up
    return done


def asked(
    name: str,
    description: str,
    made: Mapping[str, tuple[Any, Any]],
    *,
    names: Mapping[str, str] | None = None,
    within: Namespace | None = None,
) -> type:
    """An input type of these fields, each with its hint and its default; `within` are the types that hints name."""
    body: dict[str, Any] = {"__annotations__": {key: hint for key, (hint, _) in made.items()}}
    for key, (_, default) in made.items():
        shown_as = (names or {}).get(key) or camel(key)
        body[key] = (
            strawberry.field(name=shown_as) if default is REQUIRED else strawberry.field(name=shown_as, default=default)
        )
    done = strawberry.input(
        types.new_class(name, (), {}, lambda room: room.update(body)), name=name, description=description
    )
    if within is not None:
        for field in get_object_definition(done, strict=True).fields:
            field.type_annotation = within.annotation(made[field.python_name][0])
    return done


class Shapes:
    """Makes each type once, whoever mentions it."""

    def __init__(self) -> None:
        self.types = Namespace()
        self._inputs: dict[type, Any] = {}

    def input(self, hint: Any) -> Any:
        """The type in which a value of this hint is asked for."""
        return self._shape(hint, self.input, self.input_of, UUID, int)

    def output(self, hint: Any, name: str = "") -> Any:
        """The type in which a value of this hint is shown; a whole number named `position` is one."""
        whole = Position if name == "relied_on" or name.endswith("position") else Long
        return self._shape(hint, lambda inner: self.output(inner, name), self.output_of, Ref, whole)

    def _shape(self, hint: Any, again: Callable[[Any], Any], made: Callable[[type], type], id_: Any, whole: Any) -> Any:
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            if any(isinstance(word, domain.kernel.InLog) for word in args[1:]):
                return Position
            return Ref if any(isinstance(word, domain.kernel.Ref) for word in args[1:]) else again(args[0])
        if origin in (Union, types.UnionType):
            return again(next(arg for arg in args if arg is not type(None))) | None
        if origin in (tuple, list):
            return types.GenericAlias(list, (again(args[0]),))
        if hint is UUID:
            return id_
        if hint is int:
            return whole
        if hint in SIMPLE:
            return hint
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self.enum(hint)
        return made(cast(type, hint)) if is_dataclass(hint) else Json

    def enum(self, kind: type[Enum]) -> Any:
        """The enumeration of this class."""
        return strawberry.enum(kind, description=sentence_of(kind))

    def input_of(self, made: type, name: str | None = None) -> type:
        """The input type of a dataclass: its fields, with its defaults."""
        if made not in self._inputs:
            called = name or f"{made.__name__}Input"
            self._inputs[made] = ForwardRef(called)  # until it is there: it may hold itself
            hints = get_type_hints(made, include_extras=True)
            parts = {field.name: _asked(self.input(hints[field.name]), field) for field in fields(cast(Any, made))}
            self._inputs[made] = self.types[called] = asked(called, sentence_of(made), parts, within=self.types)
        return cast(type, self._inputs[made])

    def output_of(self, made: type, *by_hand: StrawberryField) -> type:
        """The object type of a dataclass; the first who asks may add fields to it that are made by hand."""
        if made.__name__ not in self.types:
            self.types[made.__name__] = ForwardRef(made.__name__)  # until it is there: it may hold itself
            hints = get_type_hints(made, include_extras=True)
            parts = [
                shown(field.name, self.output(hints[field.name], field.name), within=self.types)
                for field in fields(cast(Any, made))
            ]
            self.types[made.__name__] = output_of_itself(made.__name__, sentence_of(made), [*parts, *by_hand])
        return cast(type, self.types[made.__name__])


def _asked(hint: Any, field: "Field[Any]") -> tuple[Any, Any]:
    """How a field is asked for, and with which default; what has a default that GraphQL cannot write may be left out."""
    if field.default_factory is not MISSING:
        return hint | None, strawberry.UNSET
    if field.default is MISSING:
        return hint, REQUIRED
    return hint, strawberry.UNSET if field.default is None else field.default
