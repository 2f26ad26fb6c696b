"""Policies: what the company does by itself, by which rules, version by version, and whether it does so now."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, assert_never
from uuid import UUID

from domain.kernel import Command, Decider, Event, Ref, Refused, as_asked, reference
from domain.rules import Rules, must_be_rules
from domain.values import must_be_within, must_say

MAX_POLICY_VERSIONS = 1_000
MAX_KEY = 60

KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

PolicyId = Annotated[UUID, Ref("policy")]


class PolicyStatus(StrEnum):
    """DEFINED does nothing yet; PAUSED neither reacts nor acts, and goes on where it stood; RETIRED takes back its promises."""

    DEFINED = "DEFINED"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    RETIRED = "RETIRED"


# What can be asked.


class DefinePolicy(Command):
    """Say by which rules a policy goes; `policy_id` is `bitacora:` and the key. Other rules make a new version.

    What was promised by an older version is kept as it was promised; nothing is done again for what happened before."""

    policy_id: PolicyId
    key: str
    rules: Rules


class RegisterPolicy(Command):
    """Note that a policy that comes with Bitácora is there, by which rules it goes, and that it is active."""

    policy_id: PolicyId
    key: str
    version: int
    rules: Rules


class ActivatePolicy(Command):
    """Let a policy react to what happens from now on; one that was paused goes on where it stood."""

    policy_id: PolicyId
    reason: str | None = None


class PausePolicy(Command):
    """Let a policy neither react, nor act, nor send, until it is activated again."""

    policy_id: PolicyId
    reason: str | None = None


class RetirePolicy(Command):
    """Put an end to a policy: what it promised and has not begun to send is taken back."""

    policy_id: PolicyId
    reason: str | None = None


# What can have happened.


class PolicyDefined(Event, stored_as="policy.defined.v1"):
    """A version of a policy was said, as a whole; versions count from 1, and `built_in` ones come with Bitácora."""

    key: str
    version: int
    rules: Rules
    built_in: bool = False


class PolicySwitched(Event, stored_as="policy.switched.v1"):
    """A policy became active, was paused or retired."""

    status: PolicyStatus
    reason: str | None = None


# What must be remembered in order to decide.


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """The last version, and whether it is in force."""

    said: PolicyDefined | None = None
    status: PolicyStatus = PolicyStatus.DEFINED


Asked = DefinePolicy | RegisterPolicy | ActivatePolicy | PausePolicy | RetirePolicy
Happened = PolicyDefined | PolicySwitched


def decide(asked: Asked, policy: KnownPolicy) -> Iterator[Event]:
    said = policy.said
    match asked:
        case DefinePolicy():
            must_be_key(asked)
            must_be_rules(asked.rules)
            if said is not None and said.built_in:
                raise Refused(f"The policy {asked.key} comes with Bitácora. Define another, and pause this one.", "key")
            version = said.version if said is not None else 0
            if said is None or said.rules != asked.rules:
                if version >= MAX_POLICY_VERSIONS:
                    raise Refused(f"A policy has at most {MAX_POLICY_VERSIONS} versions. Define another one.")
                yield as_asked(PolicyDefined, asked, version=version + 1)
        case RegisterPolicy(version=version):
            must_be_key(asked)
            must_be_within(version, 1, MAX_POLICY_VERSIONS, "version")
            must_be_rules(asked.rules, built_in=True)
            if said is not None and not said.built_in:
                raise Refused(f"Somebody defined a policy {asked.key} before. Define it under another key.", "key")
            if said is None or said.version < version:
                yield as_asked(PolicyDefined, asked, built_in=True)
            if said is None:
                yield PolicySwitched(status=PolicyStatus.ACTIVE)
        case _ if said is None:
            raise Refused("There is no such policy.", "policy_id")
        case ActivatePolicy():
            yield from switched(asked, policy, PolicyStatus.ACTIVE)
        case PausePolicy():
            if policy.status not in (PolicyStatus.ACTIVE, PolicyStatus.PAUSED):
                raise Refused(f"This policy is {policy.status.lower()}: only one that is active can be paused.")
            yield from switched(asked, policy, PolicyStatus.PAUSED)
        case RetirePolicy():
            yield from switched(asked, policy, PolicyStatus.RETIRED)
        case _:
            assert_never(asked)


def evolve(policy: KnownPolicy, event: Happened) -> KnownPolicy:
    match event:
        case PolicyDefined():
            return replace(policy, said=event)
        case PolicySwitched(status=status):
            return replace(policy, status=status)
        case _:
            assert_never(event)


def switched(
    asked: ActivatePolicy | PausePolicy | RetirePolicy, policy: KnownPolicy, status: PolicyStatus
) -> Iterator[Event]:
    """That it stands so from now on, unless it does already."""
    must_say(asked.reason, "The reason", "reason")
    if policy.status is not status:
        yield PolicySwitched(status=status, reason=asked.reason)


def must_be_key(asked: DefinePolicy | RegisterPolicy) -> None:
    """Refused if it is no name of a policy, or if the id is that of another."""
    if KEY.fullmatch(asked.key) is None or len(asked.key) > MAX_KEY:
        raise Refused(
            f"Write the key in small letters, digits and hyphens, as thanks-after-order, {MAX_KEY} at most.", "key"
        )
    if asked.policy_id != policy_id(asked.key):
        raise Refused(f"The id of this policy is bitacora:{asked.key}.", "policy_id")


def policy_id(key: str) -> UUID:
    """The id of the policy with this key: `bitacora:key`."""
    return reference("policy", "bitacora", key)


decider = Decider("policy", Asked, Happened, KnownPolicy(), decide, evolve)
