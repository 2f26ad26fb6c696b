"""The GraphQL endpoint, as the GraphQL-over-HTTP specification has it."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import fastapi
import orjson
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from strawberry.fastapi import GraphQLRouter
from strawberry.http import GraphQLHTTPResponse, process_result
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.unset import UNSET

from api.house import House
from api.limits import OPERATION_TIMEOUT_S
from api.schema import Schema
from api.schema.context import ANYBODY, Context
from api.schema.problems import BAD_REQUEST

JSON = "application/json"
PURPOSE_HEADER = "X-Purpose"
"""What personal values are read for, in the words of the client; it goes into the log of reads."""
ACTOR = re.compile(r"[\w.@+-]{1,90}")
"""How a proxy may name a user."""
GRAPHQL_JSON = "application/graphql-response+json"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bitácora</title>
<style>
body { font: 16px/1.5 system-ui; max-width: 44em; margin: 3em auto; padding: 0 1em }
pre { overflow: auto; padding: 1em; background: #f4f4f4 }
</style>
<h1>Bitácora speaks GraphQL here</h1>
<p>Send a query by POST as JSON, with any GraphQL client, or with curl:</p>
<pre>curl -H 'content-type: application/json' \
     -d '{"query": "{ customers(first: 3) { nodes { customerId name revenue } } }"}' URL</pre>
<p>The whole schema, with a sentence for each type, is in <code>schema.graphql</code>, and answers to introspection.</p>
<p>In a terminal: <code>bitacora query '{ views { sentence } }'</code></p></html>"""


class SpecRouter(GraphQLRouter[Context, None]):
    """Strawberry's router with the specification's media types and status codes, and every refusal as GraphQL JSON."""

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def parse_json(self, data: str | bytes) -> Any:
        found = super().parse_json(data)
        if found is not None and not isinstance(found, (dict, list)):
            raise HTTPException(400, "This JSON is not an object")
        return found

    async def parse_http_body(self, request: Any) -> Any:
        """The request. Raises `HTTPException` for a body of null, which Strawberry would stumble over."""
        if request.method == "POST" and (await request.get_body()).strip() == b"null":
            raise HTTPException(400, "This JSON is not an object")
        return await super().parse_http_body(request)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The response; one that never began to execute has no `data` and is the client's mistake."""
        found = process_result(result)
        never_began = result.data is None and all(error.path is None for error in result.errors or ())
        if isinstance(result, PreExecutionError) or (result.errors and never_began):
            cast(dict[str, Any], found).pop("data", None)
            request.state.never_began = True
        return found

    async def run(self, request: Any, context: Any = UNSET, root_value: Any = UNSET) -> Any:
        """Answers a request."""
        accept = request.headers.get("accept", "")
        if request.method == "GET" and "query" not in request.query_params and "text/html" in accept:
            return HTMLResponse(PAGE)
        try:
            response = await super().run(request, context, root_value)
        except HTTPException as refused:
            response = self._refusal(refused)
        if prefers_graphql_json(accept):
            response.headers["content-type"] = f"{GRAPHQL_JSON}; charset=utf-8"
            if getattr(request.state, "never_began", False):
                response.status_code = HTTPStatus.BAD_REQUEST
        response.headers["vary"] = "accept"
        return response

    def should_render_graphql_ide(self, request: Any) -> bool:
        return False

    def _refusal(self, refused: HTTPException) -> Response:
        message = f"{refused.reason.rstrip('.')}. {ADVICE.get(refused.status_code, '')}".strip()
        error = GraphQLError(message, extensions={"code": BAD_REQUEST})
        return Response(self.encode_json({"errors": [error.formatted]}), refused.status_code, media_type=JSON)


ADVICE: Mapping[int, str] = {
    400: 'Send {"query": "...", "variables": {...}} by POST as application/json; mutations always so.',
    405: "Send it by POST.",
}


def prefers_graphql_json(accept: str) -> bool:
    """Whether a client would rather have `application/graphql-response+json` than `application/json`."""
    weights = {GRAPHQL_JSON: 0.0, JSON: 0.0}
    for part in accept.lower().split(","):
        kind, *words = (word.strip() for word in part.split(";"))
        weight = next((word[2:] for word in words if word.startswith("q=")), "1")
        if kind in weights:
            weights[kind] = float(weight) if weight.replace(".", "", 1).isdigit() else 0.0
    return weights[GRAPHQL_JSON] > 0 and weights[GRAPHQL_JSON] >= weights[JSON]


def graphql_router(house: House, schema: Schema) -> SpecRouter:
    """`/graphql` for a house."""

    async def context(request: Request) -> Context:
        named = None if actor_header is None else request.headers.get(actor_header)
        if named is not None and not ACTOR.fullmatch(named):
            raise fastapi.HTTPException(400, f"The header {actor_header} does not name a user.")
        return Context(
            house,
            actor=ANYBODY if named is None else f"user:{named}",
            purpose=request.headers.get(PURPOSE_HEADER),
            timeout_s=OPERATION_TIMEOUT_S,
        )

    actor_header = house.settings.actor_header

    return SpecRouter(schema, path="/graphql", graphql_ide=None, context_getter=context, subscription_protocols=())
