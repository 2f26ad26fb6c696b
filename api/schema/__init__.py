"""The GraphQL schema: made from the commands and the views, with relations and questions written by hand."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import strawberry
from graphql import DocumentNode, GraphQLError, GraphQLSchema, GraphQLSyntaxError, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import validate_document
from strawberry.types import ExecutionContext, ExecutionResult

from api.house import House
from api.limits import (
    MAX_CACHED_DOCUMENTS,
    MAX_COMMENTS,
    MAX_DOCUMENT_CHARACTERS,
    MAX_TOKENS,
    Measure,
    TooLarge,
    check_document,
    check_measure,
    check_variables,
    measure,
)
from api.operator import operator
from api.schema.commands import mutations
from api.schema.context import Context, Shown
from api.schema.noun import Noun
from api.schema.problems import explained, note
from api.schema.questions import NOUNS, PARTS, QUESTIONS
from api.schema.scalars import SCALARS
from api.schema.shapes import Shapes, output
from api.schema.views import Lists
from domain import DECIDERS
from domain.kernel import Command
from eventstore.commands import Commands
from eventstore.envelope import Happened
from projections import VIEWS
from projections.parts import uncollected
from projections.view import View

PARSER_LIMITS = {
    "tokens": f"Document contains more than {MAX_TOKENS} tokens",
    "comments": f"Document contains more than {MAX_COMMENTS} comments",
    "nesting": "Document is nested too deeply",
}
"""How the parser says which of its limits a document is beyond."""


class Schema(strawberry.Schema):
    """The schema, with our own limits, timeout and words for what goes wrong."""

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Executes within the context's time. Every error has a code, and none tells what is nobody's business."""
        context: Context = kwargs["context_value"]
        context.document, context.operation = args[0], kwargs.get("operation_name")
        try:
            async with asyncio.timeout(context.timeout_s):
                result = await _noted(context, await super().execute(*args, **kwargs))
        except TimeoutError:
            result = ExecutionResult(data=None, errors=[_too_slow(context)])
        finally:
            context.let_go()
        if result.errors:
            result.errors = [explained(error, context.request_id) for error in result.errors]
        return result

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Logs them, without values that clients sent."""
        context = execution_context.context if execution_context is not None else None
        for error in errors:
            note(error, getattr(context, "request_id", "-"))


class Limited(SchemaExtension):
    """Refuses what is too large before anything is done for it, and remembers the documents that were seen lately."""

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.query:
            context.graphql_document = _parsed(context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None
        assert context.query is not None
        schema: GraphQLSchema = context.schema._schema
        check_variables(context.variables)
        counts = {
            name: value for name, value in (context.variables or {}).items() if value is None or type(value) is int
        }
        check_measure(_measured(schema, context.query, tuple(sorted(counts.items()))))
        context.pre_execution_errors = list(_validated(schema, context.query, tuple(context.validation_rules)))
        yield


@lru_cache(MAX_CACHED_DOCUMENTS)
def _parsed(text: str) -> DocumentNode:
    if len(text) > MAX_DOCUMENT_CHARACTERS:
        raise TooLarge(
            "document",
            f"This document has {len(text):,} characters; {MAX_DOCUMENT_CHARACTERS:,} is the limit. Use variables.",
        )
    try:
        document = parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS)
    except GraphQLSyntaxError as error:
        limit = next((limit for limit, words in PARSER_LIMITS.items() if error.description.startswith(words)), None)
        if limit is None:
            raise
        raise TooLarge(limit, f"{error.description} Ask in several queries, and give values by variables.") from None
    check_document(document)
    return document


@lru_cache(MAX_CACHED_DOCUMENTS)
def _measured(schema: GraphQLSchema, text: str, counts: tuple[tuple[str, int | None], ...]) -> Measure:
    """What a document asks for, which depends on its variables only by the whole numbers among them."""
    return measure(schema, _parsed(text), dict(counts))[0]


@lru_cache(MAX_CACHED_DOCUMENTS)
def _validated(schema: GraphQLSchema, text: str, rules: tuple[Any, ...]) -> list[GraphQLError]:
    return validate_document(schema, _parsed(text), rules)


async def _noted(context: Context, result: ExecutionResult) -> ExecutionResult:
    """The result, once it stands in the log of reads whose personal values it shows; else an error."""
    try:
        await context.noting.finish()
    except Exception as failure:
        error = GraphQLError("That it is read could not be noted.", original_error=failure)
        note(error, context.request_id)
        return ExecutionResult(data=None, errors=[error])
    return result


def _too_slow(context: Context) -> GraphQLError:
    extensions: dict[str, Any] = {"code": "TIMEOUT", "retryable": True}
    message = f"This took longer than {context.timeout_s} seconds and was given up. Ask for less at once."
    if context.command_id is not None:
        extensions["commandId"] = str(context.command_id)
        message = (
            f"This took longer than {context.timeout_s} seconds. Send it again with this commandId: it is done once."
        )
    return GraphQLError(message, extensions=extensions)


def _attribute(source: Any, name: str) -> Any:
    """A field that nobody answers by hand is an attribute of the row that is shown."""
    if type(source) is Shown:
        source = source.row
    return getattr(source.at if type(source) is Happened else source, name)


def build_schema(
    commands: Mapping[str, type[Command]], views: Iterable[View[Any]], *, to_print: bool = False
) -> Schema:
    """The schema of these commands and views. The house is in the context of each request.

    `to_print` sorts it. Such a one cannot answer: Strawberry does not find the members of its unions again.
    """
    shapes = Shapes()
    by_hand = {noun.view.name: noun for noun in NOUNS}
    shown = [
        table
        for view in views
        if view.name not in PARTS
        for table in view.tables
        if table is not view.versions or table.name in by_hand  # other versions are seen by asOf
    ]
    nouns = {table.name: by_hand.get(table.name) or Noun(table, table.row.__name__) for table in shown}
    lists = Lists(shapes, nouns)
    questions = [*lists.make(), *lists.parts(QUESTIONS)]
    return Schema(
        query=output("Query", "Everything that can be asked.", questions),
        mutation=mutations(shapes, commands),
        extensions=[Limited],
        config=StrawberryConfig(default_resolver=_attribute, scalar_map=SCALARS, sort_schema=to_print),
    )


_building = Lock()


def schema() -> Schema:
    """The schema of the whole house, built once, whoever asks for it first."""
    with _building:
        return _whole()


@cache
def _whole() -> Schema:
    with (
        uncollected()
    ):  # tens of thousands of objects that stay: walking them again and again takes a quarter of the time
        return build_schema(Commands(DECIDERS).classes, VIEWS)


def print_sdl() -> str:
    """The schema in GraphQL's own language, sorted: what `schema.graphql` holds."""
    return build_schema(Commands(DECIDERS).classes, VIEWS, to_print=True).as_str() + "\n"


async def answer(context: Context, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Answers in this process: `{"data": ..., "errors": [...]}`, as the endpoint would."""
    result = await schema().execute(query, variable_values=dict(variables or {}), context_value=context)
    found: dict[str, Any] = {"data": result.data}
    if result.errors:
        found["errors"] = [error.formatted for error in result.errors]
    return found


def execute(house: House, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same for a program that is not asynchronous, such as the command line."""
    return asyncio.run(answer(Context(house, actor=operator(), door="cli"), query, variables))


__all__ = ["Schema", "answer", "build_schema", "execute", "print_sdl", "schema"]
