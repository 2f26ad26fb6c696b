"""Simulating: what a policy would have done over a past, or would do by other rules."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from api.house import House
from domain.kernel import Refused
from domain.policy import DefinePolicy, PolicyDefined, must_be_key
from domain.rules import must_be_rules
from processes import POLICIES
from processes.defined import interpret
from processes.lives import Lives
from processes.policy import Policy
from processes.simulated import Simulation
from processes.simulation import simulate


def policy_of(house: House, key: str) -> Policy[Any]:
    """The policy of a key, built in or defined, by its last version. Refused if there is none."""
    known = _known(house)
    if key not in known:
        raise Refused(f"There is no policy {key}. There are {', '.join(known)}.", "key")
    return known[key]


def candidate(house: House, asked: DefinePolicy) -> Policy[Any]:
    """The policy that a definition would make. Refused as the definition would be."""
    must_be_key(asked)
    must_be_rules(asked.rules)
    before = _known(house).get(asked.key)
    version = 1 if before is None else before.version + 1
    return interpret(PolicyDefined(key=asked.key, version=version, rules=asked.rules), house.log.codec)


def _known(house: House) -> dict[str, Policy[Any]]:
    lives = Lives(house.log, POLICIES)
    lives.refresh()
    return {life.policy.name: life.policy for life in lives}


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
