"""Simulations: what a policy would have decided over a past, and nothing is written."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from strawberry.types.field import StrawberryField

from api.schema.commands import written
from api.schema.context import Info
from api.schema.shapes import Argument, Shapes, answered
from api.simulating import candidate, policy_of, simulated
from domain.kernel import Refused
from domain.policy import DefinePolicy
from processes.simulated import Simulation

MAX_ROWS = 1_000

KEY = Argument("key", str | None, "Which policy.", None)
FROM = Argument("from_", datetime | None, "From when; since it was activated, if not given.", None)
TO = Argument("to", datetime | None, "Until when; to the end of the log, if not given.", None)
IMPORTED = Argument(
    "include_imported",
    bool,
    "Whether what was imported counts as if it had happened live, in the order of the log.",
    False,
)
ROWS = Argument("rows", int, f"How many rows of the ledger are shown at most, up to {MAX_ROWS:,}.", 100)


def question(shapes: Shapes) -> StrawberryField:
    """`simulatePolicy(key, definition, from, to, includeImported, rows)`."""
    definition = Argument(
        "definition", shapes.input_of(DefinePolicy) | None, "Instead of a key: the policy that this would define.", None
    )
    return answered(
        "simulate_policy",
        shapes.output_of(Simulation),
        "What a policy would have decided over a past. Over its own live time it equals the ledger. Nothing is written.",
        _simulated,
        (KEY, definition, FROM, TO, IMPORTED, ROWS),
        within=shapes.types,
    )


async def _simulated(
    root: None,
    info: Info,
    *,
    key: str | None,
    definition: Any | None,
    from_: datetime | None,
    to: datetime | None,
    include_imported: bool,
    rows: int,
) -> Simulation:
    if (key is None) is (definition is None):
        raise Refused("Give either the key of a policy or a definition.", "key")
    if not 0 <= rows <= MAX_ROWS:
        raise Refused(f"Between 0 and {MAX_ROWS:,} rows can be shown.", "rows")
    house = info.context.house
    if key is not None:
        policy = await info.context.ask(policy_of, house, key)
    else:
        asked = house.commands.read("definePolicy", written(definition))
        assert isinstance(asked, DefinePolicy)
        policy = await info.context.ask(candidate, house, asked)
    found = await info.context.ask(simulated, house, policy, from_, to, include_imported)
    return replace(found, rows=found.rows[:rows])
