"""Simulating: what a policy would have done over a past, asked for by its key."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from api.house import House
from domain.kernel import Refused
from processes import POLICIES
from processes.policy import Policy
from processes.simulated import Simulation
from processes.simulation import simulate


def policy_of(key: str) -> Policy[Any]:
    """The policy of a key. Refused if there is none."""
    found = next((policy for policy in POLICIES if policy.name == key), None)
    if found is None:
        raise Refused(f"There is no policy {key}. There are {', '.join(policy.name for policy in POLICIES)}.", "key")
    return found


def simulated(
    house: House,
    policy: Policy[Any],
    since: datetime | None,
    until: datetime | None,
    imported: bool,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Simulation:
    """What the policy would have done in the house. Nothing is written. Refused if the time runs backwards."""
    if since is not None and until is not None and since > until:
        raise Refused("The end of a simulation cannot be before its beginning.", "to")
    if policy.views:
        house.engine.catch_up(policy.views)
    return simulate(house.log, policy, since, until, lists=house.lists, imported=imported, progress=progress)
