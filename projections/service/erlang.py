"""Erlang C: how long callers wait for so many agents, and how many agents it takes so that they do not wait too long.

A. K. Erlang, "Solution of some Problems in the Theory of Probabilities of Significance in Automatic Telephone Exchanges"
(1917); R. B. Cooper, "Introduction to Queueing Theory", 2nd ed. (1981), chapter 3. Calls come at random (Poisson), take
exponential times, wait in the order in which they came, and nobody hangs up: with impatient callers it asks for a few
agents too many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil, exp, inf, isfinite

from domain.kernel import Refused

MAX_AGENTS = 10_000


@dataclass(frozen=True, slots=True)
class Staffing:
    """What so many agents make of so many calls.

    `load_erlangs` is the work that comes in, in agents that would be busy all the time. `waiting` is the probability to
    wait at all, `service_level` that of an answer within the time asked for; `asa_s` is the average speed of answer, of
    all calls, in seconds. With as many agents as there is work, or fewer, the queue grows without end: there is no `asa_s`.
    `rostered` agents are to be on the roster, since some of their time goes to other things.
    """

    agents: int
    rostered: int
    load_erlangs: float
    waiting: float
    service_level: float
    asa_s: float | None
    occupancy: float


def blocking(load: float) -> Iterator[float]:
    """Erlang B: the probability that all of 1, 2, 3, ... agents are busy and a call is lost.

    By the recurrence B(n) = a B(n-1) / (n + a B(n-1)) from B(0) = 1, which is stable for any load a (Cooper, 3.4).
    """
    lost, agents = 1.0, 0
    while True:
        agents += 1
        lost = load * lost / (agents + load * lost)
        yield lost


def waiting(agents: int, load: float, lost: float) -> float:
    """Erlang C: the probability that a call waits, from that of Erlang B; 1 if there is too much work (Cooper, 3.5)."""
    return 1.0 if load >= agents else lost / (1 - load / agents * (1 - lost))


def staffing(
    agents: int, calls: float, interval_s: float, aht_s: float, *, within_s: float, shrinkage: float = 0.0
) -> Staffing:
    """What `agents` make of `calls` in `interval_s` seconds that keep an agent for `aht_s` seconds each.

    Service level 1 - C exp(-(n - a) t / aht), average speed of answer C aht / (n - a). Raises `Refused`.
    """
    load = _load(calls, interval_s, aht_s, within_s, shrinkage)
    if not 0 < agents <= MAX_AGENTS:
        raise Refused(f"Ask for 1 to {MAX_AGENTS} agents.", "agents")
    lost = next(islice(blocking(load), agents - 1, None))
    return _answering(agents, load, lost, aht_s, within_s, shrinkage)


def needed(
    calls: float,
    interval_s: float,
    aht_s: float,
    *,
    service_level: float = 0.8,
    within_s: float = 20.0,
    max_occupancy: float = 1.0,
    max_asa_s: float = inf,
    shrinkage: float = 0.0,
) -> Staffing:
    """The fewest agents with whom so many calls are answered in time, nobody is busier than allowed, and none waits longer.

    `service_level` of the calls are to be answered within `within_s` seconds; `shrinkage` is the share of paid time that
    agents are not there to answer. Raises `Refused` for what cannot be, or needs more than MAX_AGENTS.
    """
    load = _load(calls, interval_s, aht_s, within_s, shrinkage)
    if not 0 <= service_level < 1:
        raise Refused("The service level is a share, from 0 to less than 1.", "serviceLevel")
    if not 0 < max_occupancy <= 1:
        raise Refused("The greatest occupancy is a share, more than 0 and at most 1.", "maxOccupancy")
    if not max_asa_s > 0:
        raise Refused("The longest average wait must be more than 0 seconds.", "maxAsaS")
    for agents, lost in zip(range(1, MAX_AGENTS + 1), blocking(load), strict=False):
        if load >= agents * max_occupancy and load > 0:
            continue
        found = _answering(agents, load, lost, aht_s, within_s, shrinkage)
        if found.service_level >= service_level and found.asa_s is not None and found.asa_s <= max_asa_s:
            return found
    raise Refused(f"This takes more than {MAX_AGENTS} agents.", "calls")


def _answering(agents: int, load: float, lost: float, aht_s: float, within_s: float, shrinkage: float) -> Staffing:
    wait = waiting(agents, load, lost)
    spare = agents - load
    enough = spare > 0
    return Staffing(
        agents=agents,
        rostered=ceil(agents / (1 - shrinkage) - 1e-9),
        load_erlangs=load,
        waiting=wait,
        service_level=1 - wait * exp(-spare * within_s / aht_s) if enough else 0.0,
        asa_s=wait * aht_s / spare if enough else None,
        occupancy=load / agents if enough else 1.0,
    )


def _load(calls: float, interval_s: float, aht_s: float, within_s: float, shrinkage: float) -> float:
    for value, field, words in (
        (interval_s, "intervalS", "The interval"),
        (aht_s, "ahtS", "The handling time"),
    ):
        if not (isfinite(value) and value > 0):
            raise Refused(f"{words} must be more than 0 seconds.", field)
    if not (isfinite(calls) and calls >= 0):
        raise Refused("The calls are a number from 0.", "calls")
    if not (isfinite(within_s) and within_s >= 0):
        raise Refused("The time to answer in is a number of seconds from 0.", "withinS")
    if not 0 <= shrinkage < 1:
        raise Refused("The shrinkage is a share, from 0 to less than 1.", "shrinkage")
    load = calls * aht_s / interval_s
    if load >= MAX_AGENTS:
        raise Refused(f"This takes more than {MAX_AGENTS} agents.", "calls")
    return load
