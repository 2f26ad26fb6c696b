"""Mutations: every command that a person may give, under its own name, with its own words."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Union
from uuid import uuid4

import strawberry

from api.schema.context import Context, Info
from api.schema.evidence import leaf_at
from api.schema.problems import away, camel_path
from api.schema.scalars import Position, Ref
from api.schema.shapes import REQUIRED, Argument, Shapes, answered, output, sentence_of
from domain.case_sla import BreachSla, SetSlaTarget, WarnSla
from domain.erasure import BlockSubject, CompleteErasure, RecordKeysDestroyed, RecordProjectionsPurged
from domain.follow_up import (
    AttemptFollowUp,
    CompleteFollowUp,
    DispatchFollowUp,
    PostponeFollowUp,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    RecordFollowUpUncertain,
    ScheduleFollowUp,
    SuppressFollowUp,
)
from domain.invitation import ExpireInvitation, RemindInvitation, SendInvitation
from domain.kernel import Command, Refused
from domain.policy import RegisterPolicy
from domain.retention import ApplyRetention
from domain.segment_membership import EnterSegment, ExitSegment
from domain.subject_access import RecordSubjectAccess
from eventstore.commands import camel
from eventstore.database import Unavailable
from eventstore.envelope import Origin
from eventstore.envelope import Receipt as Recorded
from eventstore.log import Conflict

INTERNAL: tuple[type[Command], ...] = (
    ScheduleFollowUp,
    SuppressFollowUp,
    PostponeFollowUp,
    DispatchFollowUp,
    AttemptFollowUp,
    RecordFollowUpDelivered,
    RecordFollowUpFailed,
    RecordFollowUpUncertain,
    CompleteFollowUp,
    RegisterPolicy,
    SendInvitation,
    RemindInvitation,
    ExpireInvitation,
    EnterSegment,
    RecordSubjectAccess,
    ApplyRetention,
    ExitSegment,
    SetSlaTarget,
    WarnSla,
    BreachSla,
    BlockSubject,
    RecordProjectionsPurged,
    RecordKeysDestroyed,
    CompleteErasure,
)
"""Commands that only our own processes give: said by anybody else they would be untrue."""


@strawberry.enum(
    description="INVALID: it could not be read. REFUSED: it may not be. CONFLICT: somebody else was faster."
)
class RefusalCode(StrEnum):
    """Why a command was refused."""

    INVALID = "INVALID"
    REFUSED = "REFUSED"
    CONFLICT = "CONFLICT"


async def _leaf(root: strawberry.Parent["Appended"], info: Info) -> str | None:
    return await leaf_at(info, root.position)


@strawberry.type(description="An event that a command led to.")
class Appended:
    """Where an event came to stand, and under which name it is stored."""

    position: Position
    type: str
    version: int
    leaf: str | None = strawberry.field(
        resolver=_leaf,
        description="The hash of its leaf in the sealed tree, in base64. Keep it: it can be proven later.",
    )


@strawberry.type(description="The command was done. The same commandId again gives the same receipt and does nothing.")
class Receipt:
    """What a command led to; no events if there was nothing new to say."""

    command_id: Ref
    stream_id: Ref
    position: Position = strawberry.field(
        description="The last position, for `atLeast`; 0 if there was nothing new to say."
    )
    events: list[Appended]
    duplicate: bool = strawberry.field(description="Whether this commandId had been done before.")


@strawberry.type(description="The command was not done, and nothing has changed.")
class Refusal:
    """Why not, in a sentence that may be shown to people."""

    reason: str
    field: str | None = strawberry.field(description="What to correct, as in `lines[0].unitPrice`.")
    code: RefusalCode


CommandResult = Annotated[
    Union[Receipt, Refusal],  # noqa: UP007  # Strawberry wants the annotated union as one object
    strawberry.union("CommandResult", description="What became of a command."),
]

ENVELOPE = (
    Argument("command_id", strawberry.ID | None, "Makes a repetition harmless: a UUID, or any text of yours."),
    Argument("occurred_at", datetime | None, "When it was so; now, if left out."),
    Argument("expected_version", int | None, "Refuse with CONFLICT unless the stream is at this version."),
)


def mutations(shapes: Shapes, commands: Mapping[str, type[Command]]) -> type:
    """The type of all mutations."""
    made = [
        answered(
            name,
            CommandResult,
            sentence_of(command),
            _doing(name),
            (Argument("input", shapes.input_of(command), "What is asked.", REQUIRED), *ENVELOPE),
            within=shapes.types,
        )
        for name, command in commands.items()
        if command not in INTERNAL
    ]
    return output("Mutation", "Everything that can be asked for.", made)


def _doing(name: str) -> Callable[..., Any]:
    async def do(_: None, info: Info, *, input: Any, **envelope: Any) -> Receipt | Refusal:
        context = info.context
        raw = {camel(key): value for key, value in envelope.items() if value is not None}
        return await context.ask(_do, context, name, written(input), raw)

    return do


def _do(context: Context, name: str, raw: dict[str, Any], envelope: dict[str, Any]) -> Receipt | Refusal:
    house = context.house
    # An id in any case, so that the one who asked can ask again after an answer that never came.
    envelope.setdefault("commandId", str(uuid4()))
    try:
        request = house.commands.request(envelope, actor=context.actor, origin=Origin.LIVE, now=datetime.now(UTC))
        command = house.commands.read(name, raw)
    except Refused as no:
        return Refusal(reason=no.reason, field=camel_path(no.field), code=RefusalCode.INVALID)
    context.command_id = request.command_id
    try:
        return _receipt(house.log.do(command, request))
    except Conflict as no:
        return Refusal(reason=no.reason, field=camel_path(no.field), code=RefusalCode.CONFLICT)
    except Refused as no:
        return Refusal(reason=no.reason, field=camel_path(no.field), code=RefusalCode.REFUSED)
    except Unavailable as error:
        raise away(error, envelope["commandId"]) from error


def _receipt(done: Recorded) -> Receipt:
    return Receipt(
        command_id=Ref(str(done.command_id)),
        stream_id=Ref(str(done.stream_id)),
        position=Position(done.position),
        events=[
            Appended(position=Position(each.position), type=each.type, version=each.version) for each in done.events
        ],
        duplicate=done.duplicate,
    )


def written(value: Any) -> Any:
    """An input as every door takes it: camelCase fields, and what was left out is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        given = {field.name: getattr(value, field.name) for field in fields(value)}
        return {camel(key): written(each) for key, each in given.items() if each is not strawberry.UNSET}
    if isinstance(value, list):
        return [written(each) for each in value]
    return value
