"""The company: who works there and when, who leads whom, and who answers for which territory, as policies remember it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain import absence, staff, team, territory
from domain.absence import Absence, AbsenceCancelled, AbsencePlanned
from domain.staff import (
    CapacitySet,
    SkillGranted,
    Staff,
    StaffAdded,
    StaffChanged,
    StaffLeft,
    StaffRole,
)
from domain.team import Team, TeamDefined, TeamJoined, TeamLeft
from domain.territory import Territory, TerritoryAssigned, TerritoryDefined, covers
from domain.values import Period
from eventstore.envelope import Recorded
from eventstore.log import Log
from processes.places import Place
from processes.policy import Policy

MAX_RANKS = 20
"""How far up the ranks, or territories within one another, are followed: nothing keeps them from going round."""


@dataclass(slots=True)
class Company:
    """The people, their absences, the teams and the territories, by their ids, as they are now."""

    staff: dict[UUID, Staff] = field(default_factory=dict)
    absences: dict[UUID, Absence] = field(default_factory=dict)
    away: dict[UUID, set[UUID]] = field(default_factory=dict)
    teams: dict[UUID, Team] = field(default_factory=dict)
    territories: dict[UUID, Territory] = field(default_factory=dict)

    # The people.

    def works_here(self, staff_id: UUID | None) -> bool:
        """Whether somebody is known and has not left."""
        known = self.staff.get(staff_id) if staff_id is not None else None
        return known is not None and known.added is not None and not known.left

    def has_left(self, staff_id: UUID) -> bool:
        """Whether somebody worked here once, and does no longer."""
        return self._of(staff_id).left

    def with_role(self, *roles: StaffRole) -> list[UUID]:
        """Everybody who works here and has one of these roles, in the order of the roles and then of the ids."""
        found = [(self.role(each), each) for each in self.staff if self.works_here(each)]
        return [each for role, each in sorted((roles.index(role), each) for role, each in found if role in roles)]

    def role(self, staff_id: UUID) -> StaffRole:
        """What somebody does here."""
        return StaffRole(self._of(staff_id).known.get("role", StaffRole.OTHER))

    def languages(self, staff_id: UUID) -> tuple[str, ...]:
        """The BCP 47 tags of what somebody speaks, the best first."""
        return tuple(self._of(staff_id).known.get("languages", ()))

    def speaks(self, staff_id: UUID, language: str) -> bool:
        """Whether somebody speaks a language, of whatever country."""
        return _tongue(language) in map(_tongue, self.languages(staff_id))

    def level(self, staff_id: UUID, *skills: str | None) -> int:
        """How well somebody can do the one of these that they can do best, from 1 to 5; 0 is not at all."""
        wanted = {each.casefold() for each in skills if each is not None}
        return max((level for code, level in self._of(staff_id).skills.items() if code.casefold() in wanted), default=0)

    def capacity(self, staff_id: UUID) -> int | None:
        """How many points of work somebody can have at once; None if that was never said."""
        return self._of(staff_id).capacity

    def is_absent(self, staff_id: UUID, at: datetime) -> bool:
        """Whether somebody is away at a moment."""
        return any(each.start <= at < each.end for each in self.absences_of(staff_id))

    def absences_of(self, staff_id: UUID) -> Iterator[Period]:
        """When somebody is away, but for what was taken back."""
        for each in self.away.get(staff_id, ()):
            known = self.absences[each]
            if known.planned is not None and not known.cancelled:
                yield Period(known.planned.starts_at, known.planned.ends_at)

    # Who leads whom.

    def manager_of(self, staff_id: UUID) -> UUID | None:
        """Who leads somebody: the manager they were given, or else that of a team of theirs or of one that it is within.

        A manager who has left is passed over for their own. None if there is nobody.
        """
        return next(self.managers_of(staff_id), None)

    def managers_of(self, staff_id: UUID) -> Iterator[UUID]:
        """Who leads somebody, who leads them, and so on, each once."""
        seen = {staff_id}
        for _ in range(MAX_RANKS):
            above = self._above(staff_id, seen)
            if above is None:
                return
            seen.add(above)
            staff_id = above
            if self.works_here(above):
                yield above

    def _above(self, staff_id: UUID, seen: set[UUID]) -> UUID | None:
        given: UUID | None = self._of(staff_id).known.get("manager_id")
        if given is not None and given not in seen:
            return given
        for team_id in sorted(each for each, known in self.teams.items() if _belongs(known, staff_id)):
            for _ in range(MAX_RANKS):
                known = self.teams.get(team_id)
                if known is None or known.defined is None:
                    break
                if known.defined.manager_id is not None and known.defined.manager_id not in seen:
                    return known.defined.manager_id
                if known.defined.parent_id is None:
                    break
                team_id = known.defined.parent_id
        return None

    # The territories.

    def territories_of(self, place: Place) -> list[UUID]:
        """The territories that a place belongs to: the one that was said, or else those whose rule covers it, and those
        that they are within; the innermost first, and of equals by their keys.
        """
        said = [each for each in self.territories if self._key(each) == place.territory] if place.territory else []
        found = set(said) or {each for each in self.territories if self._covers(each, place)}
        for each in tuple(found):
            found.update(self._within(each))
        return sorted(found, key=lambda each: (-len(list(self._within(each))), self._key(each), each))

    def territory_of(self, place: Place) -> UUID | None:
        """The innermost territory that a place belongs to."""
        return next(iter(self.territories_of(place)), None)

    def calendar_at(self, place: Place) -> str | None:
        """The key of the business calendar of a place: its innermost territory's, which need not be defined."""
        found = self.territory_of(place)
        return self._key(found) or None if found is not None else None

    def owner_of(self, place: Place) -> UUID | None:
        """Who answers for a place: for the innermost of its territories for which somebody who works here does."""
        owners = (self.territories[each].staff_id for each in self.territories_of(place))
        return next((each for each in owners if self.works_here(each)), None)

    def works_in(self, staff_id: UUID, territories: Iterable[UUID]) -> bool:
        """Whether one of these territories is somebody's own, or one that they answer for."""
        own = self._of(staff_id).known.get("territory_id")
        return any(each == own or self.territories[each].staff_id == staff_id for each in territories)

    def calendar_of(self, staff_id: UUID | None) -> str | None:
        """The key of the business calendar that somebody works by: their territory's, which need not be defined."""
        if staff_id is None:
            return None
        own = self._of(staff_id).known.get("territory_id")
        if own is None:
            own = min((each for each, known in self.territories.items() if known.staff_id == staff_id), default=None)
        return self._key(own) or None if own in self.territories else None

    def _of(self, staff_id: UUID) -> Staff:
        return self.staff.get(staff_id, NOBODY)

    def _key(self, territory_id: UUID) -> str:
        known = self.territories[territory_id].defined
        return known.key if known is not None else ""

    def _covers(self, territory_id: UUID, place: Place) -> bool:
        known = self.territories[territory_id].defined
        return known is not None and covers(known.rule, place.country, place.region, place.postal_code, place.sector)

    def _within(self, territory_id: UUID) -> Iterator[UUID]:
        for _ in range(MAX_RANKS):
            known = self.territories[territory_id].defined
            if known is None or known.parent_id is None or known.parent_id not in self.territories:
                return
            territory_id = known.parent_id
            yield territory_id


NOBODY = Staff()


def people(log: Log) -> Company:
    """Who works here now, for what is done by no policy. Of the rest of the company nothing is known."""
    found, after = Company(), 0
    names = log.codec.names([StaffAdded, StaffChanged, StaffLeft])
    while page := log.reader.page(after, types=names):
        for event, at in page:
            assert isinstance(event, StaffAdded | StaffChanged | StaffLeft)
            found.staff[at.stream_id] = staff.evolve(found.staff.get(at.stream_id, NOBODY), event)
            after = at.position
    return found


class KnowsCompany(Protocol):
    """Whatever all memories of a policy share, if the company is part of it."""

    company: Company


def learns_company(policy: Policy[Any]) -> None:
    """Lets a policy know the company: what its memories share must have a `company`."""

    @policy.learn(StaffAdded, StaffChanged, StaffLeft, SkillGranted, CapacitySet)
    def people(shared: KnowsCompany, event: staff.Happened, at: Recorded) -> None:
        known = shared.company.staff
        known[at.stream_id] = staff.evolve(known.get(at.stream_id, NOBODY), event)

    @policy.learn(AbsencePlanned, AbsenceCancelled)
    def away(shared: KnowsCompany, event: AbsencePlanned | AbsenceCancelled, at: Recorded) -> None:
        known = shared.company.absences
        known[at.stream_id] = absence.evolve(known.get(at.stream_id, Absence()), event)
        if isinstance(event, AbsencePlanned):
            shared.company.away.setdefault(event.staff_id, set()).add(at.stream_id)

    @policy.learn(TeamDefined, TeamJoined, TeamLeft)
    def teams(shared: KnowsCompany, event: team.Happened, at: Recorded) -> None:
        known = shared.company.teams
        known[at.stream_id] = team.evolve(known.get(at.stream_id, Team()), event)

    @policy.learn(TerritoryDefined, TerritoryAssigned)
    def territories(shared: KnowsCompany, event: territory.Happened, at: Recorded) -> None:
        known = shared.company.territories
        known[at.stream_id] = territory.evolve(known.get(at.stream_id, Territory()), event)


def _tongue(language: str) -> str:
    return language.partition("-")[0].casefold()


def _belongs(known: Team, staff_id: UUID) -> bool:
    leads = known.defined is not None and known.defined.manager_id == staff_id
    return staff_id in known.members or leads
