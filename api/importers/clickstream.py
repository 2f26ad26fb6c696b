"""Click-streams: what visitors of a shop did, one CSV line per click; who they are becomes known when they buy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from api.importers.importing import Context, Importer, Line, Read, Rejected, Setting
from api.importers.lines import Source
from api.importers.tables import Cells, rows
from domain.cart import IdentifyCart, StartCart
from domain.customer import RegisterCustomer
from domain.interaction import StartInteraction
from domain.kernel import MAX_LINE, Refused, reference
from domain.values import Channel, must_be_zone
from domain.web_session import (
    MAX_HITS,
    MAX_HITS_AT_ONCE,
    MAX_SESSION_S,
    IdentifyWebSession,
    StartWebSession,
    TrackWebSession,
    WebHit,
    WebHitKind,
)
from eventstore.commands import moment

COLUMNS = ("user_id", "session_id", "event", "timestamp")
DEVICE = "platform"
CAME_FROM = "acquisition_channel"
SOURCE = "clickstream"

TIMEZONE = Setting("timezone", "The zone of the times in the file, by its IANA name.", "UTC")
KNOWN_BY = Setting("known_by", "The events by which a visitor becomes known.", "login,sign_up,purchase")
CART = Setting("cart", "The events that open a cart.", "add_to_cart")
CHAT = Setting("chat", "The events that begin a chat.", "support_chat")

MAX_OPEN_SESSIONS = 1_000
"""How many sessions may be begun before the first of them is complete: their lines need not be together."""
MAX_VISITS = 1_000_000
"""How many sessions are remembered until the end of the file, which says whose they are."""

COME_AGAIN = "Its session was complete long before this line. Put the lines of a session nearer together."
CUT_SHORT = "The file breaks off, so this session may not be complete. Import the whole file."
TOO_MANY = f"A file has at most {MAX_VISITS:,} sessions. Import it in parts, each with whole sessions."
TOO_LONG = f"A session has at most {MAX_HITS:,} lines."
TOO_LATE = f"A session lasts at most {MAX_SESSION_S // 86_400} days."
SOMEBODY_ELSES = "This session is another user's on the lines before."


class Click(NamedTuple):
    """A line of the file that makes sense."""

    number: int
    user: str
    session: str
    event: str
    at: datetime
    device: str | None
    came_from: str | None


class Chat(NamedTuple):
    """A chat began: at which hit of its session, and when."""

    hit: int
    at: datetime


class Visit(NamedTuple):
    """What is remembered of a session that is complete."""

    number: int
    session: str
    began_at: datetime
    has_cart: bool
    chats: tuple[Chat, ...]


@dataclass(slots=True)
class Visitor:
    """A user of the file: the sessions, and the first click by which it became known who that is, if it did."""

    visits: list[Visit] = field(default_factory=list)
    known_by: Click | None = None


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each session asks for, and at the end whose sessions they were."""
    shop = Shop(context)
    begun: dict[str, list[Click]] = {}
    closed: set[str] = set()
    for found in clicks(source, context, shop.zone):
        if isinstance(found, Rejected):
            yield found
        elif found.session in closed:
            yield Rejected(found.number, COME_AGAIN, "session_id")
        elif found.session in begun:
            if begun[found.session][0].user == found.user:
                begun[found.session].append(found)
            else:
                yield Rejected(found.number, SOMEBODY_ELSES, "user_id")
        elif len(closed) + len(begun) >= MAX_VISITS:
            yield Rejected(found.number, TOO_MANY, "session_id")
        else:
            begun[found.session] = [found]
            if len(begun) > MAX_OPEN_SESSIONS:
                oldest = next(iter(begun))
                closed.add(oldest)
                yield from shop.visited(begun.pop(oldest))
    for session in begun.values():
        if source.damage is not None:
            yield from (Rejected(click.number, CUT_SHORT, "session_id") for click in session)
        else:
            yield from shop.visited(session)
    yield from shop.identified()


# From lines to clicks.


def clicks(source: Source, context: Context, zone: ZoneInfo) -> Iterator[Click | Rejected]:
    """Every line after the header. Raises `Refused` if the header is not that of this layout."""
    for found in rows(source, COLUMNS):
        if isinstance(found, Rejected):
            yield found
            continue
        number, cells = found
        try:
            yield click(number, cells, context, zone)
        except Refused as refused:
            yield Rejected(number, refused.reason, refused.field)


def click(number: int, cells: Cells, context: Context, zone: ZoneInfo) -> Click:
    """One line's click. Raises `Refused` with the column."""
    for name in (*COLUMNS, DEVICE, CAME_FROM):
        cell = cells.get(name, "")
        if name in COLUMNS and not cell:
            raise Refused(f"{name} is missing.", name)
        if len(cell) > MAX_LINE:
            raise Refused(f"{name} has {len(cell)} characters; {MAX_LINE} is the limit.", name)
    user, session, event, at = (cells[name] for name in COLUMNS)
    if not event.partition("?")[0].partition("#")[0].strip():
        raise Refused("The event says nothing before its ? or #.", "event")
    return Click(
        number, user, session, event, when(at, context, zone), cells.get(DEVICE) or None, cells.get(CAME_FROM) or None
    )


def when(cell: str, context: Context, zone: ZoneInfo) -> datetime:
    """A moment, in the zone of the file if it does not say its own."""
    try:
        said = datetime.fromisoformat(cell)
    except ValueError:
        said = None
    if said is None or not cell[10:]:
        raise Refused(f"{cell!r} is not a moment as 2024-03-13 10:21:14.", "timestamp")
    try:
        at = (said if said.tzinfo else said.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise Refused(f"{cell!r} is beyond the calendar.", "timestamp") from None
    return moment(at, "timestamp", now=context.now)


# From clicks to commands.


class Shop:
    """What must be remembered of the sessions so far: whose they are, and since when that is known."""

    def __init__(self, context: Context) -> None:
        def events(setting: Setting) -> frozenset[str]:
            return frozenset(name.strip() for name in context.settings[setting.name].split(","))

        must_be_zone(context.settings[TIMEZONE.name], TIMEZONE.name)
        self.context = context
        self.zone = ZoneInfo(context.settings[TIMEZONE.name])
        self.known_by, self.cart, self.chat = events(KNOWN_BY), events(CART), events(CHAT)
        self.visitors: dict[str, Visitor] = {}

    def visited(self, session: list[Click]) -> Iterator[Read]:
        """A session that is complete: its beginning, its hits in the order of time, and its cart."""
        session.sort(key=attrgetter("at", "number"))
        first = session[0]
        kept: list[Click] = []
        for click in session:
            if len(kept) >= MAX_HITS:
                yield Rejected(click.number, TOO_LONG, "session_id")
            elif seconds(first, click) > MAX_SESSION_S:
                yield Rejected(click.number, TOO_LATE, "timestamp")
            else:
                kept.append(click)
        start = StartWebSession(
            web_session_id=session_id(first.session),
            anonymous_id=first.user,
            landing=first.event,
            referrer=first.came_from,
            device=first.device,
        )
        yield self.context.ask(first.number, start, first.at, SOURCE, "session", first.session, first.at, start)
        yield from self._tracked(first, kept)
        added = next((click for click in kept if click.event in self.cart), None)
        if added is not None:
            cart = StartCart(cart_id=cart_id(first.session), web_session_id=session_id(first.session))
            yield self.context.ask(added.number, cart, added.at, SOURCE, "cart", first.session)
        self._remember(first, kept, has_cart=added is not None)

    def _tracked(self, first: Click, kept: Sequence[Click]) -> Iterator[Line]:
        """The hits, as many at once as may be. Those that are known by their numbers are left out when they come again."""
        for begin in range(0, len(kept), MAX_HITS_AT_ONCE):
            some = kept[begin : begin + MAX_HITS_AT_ONCE]
            hits = tuple(
                WebHit(number=n, kind=WebHitKind.PAGE, at_s=seconds(first, click), page=click.event)
                for n, click in enumerate(some, begin + 1)
            )
            track = TrackWebSession(web_session_id=session_id(first.session), hits=hits)
            yield self.context.ask(some[0].number, track, some[0].at, SOURCE, "hits", first.session, first.at, hits)

    def _remember(self, first: Click, kept: Sequence[Click], *, has_cart: bool) -> None:
        chats = tuple(Chat(n, click.at) for n, click in enumerate(kept, 1) if click.event in self.chat)
        visitor = self.visitors.setdefault(first.user, Visitor())
        visitor.visits.append(Visit(first.number, first.session, first.at, has_cart, chats))
        said = next((click for click in kept if click.event in self.known_by), None)
        if said is not None and (visitor.known_by is None or said.at < visitor.known_by.at):
            visitor.known_by = said

    def identified(self) -> Iterator[Line]:
        """Who became known: the customer once, then all of their sessions, then the carts and the chats that they had.

        The sessions come one after the other, because each of them changes how what was recorded before is read.
        """
        ask = self.context.ask
        known = [
            (user, reference("customer", SOURCE, user), visitor.known_by, visitor.visits)
            for user, visitor in self.visitors.items()
            if visitor.known_by is not None
        ]
        for user, customer_id, said, _ in known:
            register = RegisterCustomer(customer_id=customer_id, source=said.came_from)
            yield ask(said.number, register, said.at, SOURCE, "customer", user)
        for user, customer_id, said, visits in known:
            for visit in visits:
                session = IdentifyWebSession(web_session_id=session_id(visit.session), customer_id=customer_id)
                at = max(visit.began_at, said.at)
                yield ask(visit.number, session, at, SOURCE, "identified", visit.session, user)
        for user, customer_id, said, visits in known:
            for visit in visits:
                if visit.has_cart:
                    cart = IdentifyCart(cart_id=cart_id(visit.session), customer_id=customer_id)
                    at = max(visit.began_at, said.at)
                    yield ask(visit.number, cart, at, SOURCE, "cart-identified", visit.session, user)
                for chat in visit.chats:
                    begun = StartInteraction(
                        interaction_id=reference("interaction", SOURCE, f"{visit.session}:{chat.hit}"),
                        customer_id=customer_id,
                        channel=Channel.CHAT,
                    )
                    yield ask(visit.number, begun, chat.at, SOURCE, "chat", visit.session, chat.hit)


def seconds(first: Click, click: Click) -> int:
    """How many whole seconds after the first click."""
    return int((click.at - first.at).total_seconds())


def session_id(session: str) -> UUID:
    return reference("web_session", SOURCE, session)


def cart_id(session: str) -> UUID:
    return reference("cart", SOURCE, session)


importer = Importer(
    "clickstream",
    "A shop's click-stream: one line of CSV per click, with the visitor, the session and the moment.",
    read,
    settings=(TIMEZONE, KNOWN_BY, CART, CHAT),
)
