"""Problems: what a client is told when something cannot be answered, and what the log is told instead."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError

from domain.kernel import Refused
from eventstore.database import Unavailable

BAD_REQUEST = "BAD_REQUEST"
UNAVAILABLE = "UNAVAILABLE"
INTERNAL = "INTERNAL"

logger = logging.getLogger(__name__)

_UNDERSCORE = re.compile(r"_([a-z0-9])")


def camel_path(path: str | None) -> str | None:
    """`lines[0].unit_price` -> `lines[0].unitPrice`: a field as the client wrote it."""
    return None if path is None else _UNDERSCORE.sub(lambda found: found[1].upper(), path)


def away(error: Unavailable, command_id: object | None = None) -> GraphQLError:
    """The database is away: what was asked may be asked again, a command with the same id."""
    extensions: dict[str, Any] = {"code": UNAVAILABLE, "retryable": True}
    message = str(error)
    if command_id is not None:
        extensions["commandId"] = str(command_id)
        message += f" Its commandId is {command_id}."
    return GraphQLError(message, extensions=extensions, original_error=error)


def explained(error: GraphQLError, request_id: str) -> GraphQLError:
    """The error as the client sees it: with a code, and without anything that is none of the client's business."""
    cause = error.original_error
    message, extensions = error.message, dict(error.extensions or {})
    if isinstance(cause, Refused):
        message = cause.reason
        extensions = {"code": BAD_REQUEST, "field": camel_path(cause.field)}
    elif isinstance(cause, Unavailable) and "code" not in extensions:
        extensions = dict(away(cause).extensions or {})
    elif is_ours(error):
        message = f"Something went wrong on our side. Try again; if it stays, tell us the request {request_id}."
        extensions = {"code": INTERNAL, "requestId": request_id}
    extensions.setdefault("code", BAD_REQUEST)
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=extensions)


def is_ours(error: GraphQLError) -> bool:
    """Whether an error is a defect of ours, rather than a question that has no answer."""
    return error.original_error is not None and not isinstance(
        error.original_error, (GraphQLError, Refused, Unavailable)
    )


def note(error: GraphQLError, request_id: str) -> None:
    """Logs a defect with all there is; of any other error its code and place, never a value that somebody sent."""
    place = ".".join(map(str, error.path or ())) or "the request"
    if is_ours(error):
        logger.error("request %s: %s failed.", request_id, place, exc_info=error.original_error)
    else:
        extensions: Mapping[str, Any] = explained(error, request_id).extensions or {}
        logger.info("request %s: %s was not answered: %s.", request_id, place, extensions.get("code"))
