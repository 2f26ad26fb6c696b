"""The journal on the command line: the log searched page by page, and why something is in it, drawn as a tree."""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from api import looking_back
from api.house import House
from api.operator import note_read
from api.terminal import Json, as_json, console, house, say, show
from domain.kernel import sealed_fields
from eventstore.catalogue import sentence
from eventstore.envelope import Happened, Origin
from eventstore.journal import MAX_CHAIN_DEPTH, Chain, Journal, Link, Node, Search

SHOWN = 20
LATE = timedelta(days=1)
"""From how much later on it is said when something was recorded."""
MAX_WIDTH = 400
"""Columns of a line that goes to no terminal."""
WIDE = 140
"""Columns of a terminal on which there is room for what an event means."""
LINKS = {None: "", Link.CAUSED: "", Link.KEPT: "as promised: ", Link.CONTINUED: "then: "}
"""How a line of the tree says in which way it goes back to the one above."""


def journal(
    actor: Annotated[list[str] | None, typer.Option(help="Who said so: user:ana, or policy:* for all of them.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="What happened: order.placed.v1, or order.* for all of a noun.")
    ] = None,
    customer: Annotated[
        list[str] | None, typer.Option(help="Of whom: an id, source:key, an e-mail, a phone or a card number.")
    ] = None,
    stream: Annotated[UUID | None, typer.Option(help="To what it happened, by its id.")] = None,
    correlation: Annotated[UUID | None, typer.Option(help="Of the chain that this command began.")] = None,
    command: Annotated[UUID | None, typer.Option(help="By this command.")] = None,
    because: Annotated[int | None, typer.Option(help="Set off by the event at this position.")] = None,
    origin: Annotated[Origin | None, typer.Option(help="How it came here.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Recorded from this day or moment on.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Recorded up to this day, which is included.")] = None,
    occurred_from: Annotated[str | None, typer.Option(help="It was so from this day or moment on.")] = None,
    occurred_to: Annotated[str | None, typer.Option(help="It was so up to this day, which is included.")] = None,
    first: Annotated[int | None, typer.Option(help="So many from the beginning, or after a position.")] = None,
    last: Annotated[int | None, typer.Option(help=f"So many from the end, or before a position. {SHOWN}, if left out.")]
    = None,
    after: Annotated[int | None, typer.Option(help="The position to go on after.")] = None,
    before: Annotated[int | None, typer.Option(help="The position to go on before.")] = None,
    values: Annotated[bool, typer.Option("--values", help="Show what each event says.")] = False,
    personal: Annotated[bool, typer.Option("--personal", help="Show what it says, personal values too.")] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Search the log, page by page in its order. All that is asked for must hold; an option may be given several times."""
    if first is None and last is None:
        first, last = (SHOWN, None) if after is not None else (None, SHOWN)
    with house() as opened:
        search = Search(
            actors=tuple(actor or ()),
            types=tuple(kind or ()),
            customers=tuple(looking_back.customer_id(opened, each) for each in customer or ()),
            stream_id=stream,
            correlation_id=correlation,
            command_id=command,
            because=because,
            origin=origin,
            recorded_from=None if since is None else looking_back.time_of(since, "from", time.min),
            recorded_until=None if until is None else looking_back.time_of(until, "to"),
            occurred_from=None if occurred_from is None else looking_back.time_of(occurred_from, "occurred-from", time.min),
            occurred_until=None if occurred_to is None else looking_back.time_of(occurred_to, "occurred-to"),
        )  # fmt: skip
        page = Journal(opened.log.reader).page(
            search, first=first, after=after, last=last, before=before, disclose=personal
        )
        if personal:
            note_read(opened, [each.at.customer_id or each.at.stream_id for each in page.found], "audit journal")
        found = [told(opened, happened, personal) for happened in page.found]
    if json:
        show({"events": found, "has_next": page.has_next, "has_previous": page.has_previous})
        return
    for each in found:
        say(_line(each))
        if values or personal:
            say(f"{'':10}{_values(each)}", style="dim")
    if not found:
        say("Nothing in the log is like that.")
    if found and page.has_previous:
        say(f"There is more before: --before {found[0]['position']} --last {last or first}")
    if found and page.has_next:
        say(f"There is more after: --after {found[-1]['position']} --first {first or last}")


def why(
    position: Annotated[int, typer.Argument(help="The event, by its place in the log.")],
    depth: Annotated[int, typer.Option(help="How many causes behind one another are followed.")] = MAX_CHAIN_DEPTH,
    json: Json = False,
) -> None:
    """Draw because of what something happened, and all that came of it."""
    with house() as opened:
        chain = Journal(opened.log.reader).why(position, depth=depth)
    if json:
        show({"older": chain.older, "causes": [_plain(node) for node in chain.causes], "event": _plain(chain.event)})
    else:
        wide = console if console.is_terminal else Console(width=MAX_WIDTH, highlight=False)
        wide.print(drawn(chain))


def drawn(chain: Chain) -> Tree:
    """A chain as a tree: the causes down to the event, which is marked, and its effects below it."""
    line = [*chain.causes, chain.event]
    root = tree = Tree(_label(line[0], line[0] is chain.event))
    if chain.older:
        root = Tree(Text("… it goes back further: give a greater --depth, or ask why of the first of these", "dim"))
        tree = root.add(_label(line[0], line[0] is chain.event))
    for node in line[1:]:
        tree = tree.add(_label(node, node is chain.event))
    _branch(tree, chain.event)
    return root


def _branch(tree: Tree, node: Node) -> None:
    for effect in node.effects:
        _branch(tree.add(_label(effect, False)), effect)
    if node.more:
        tree.add(Text(f"… more came of it: bitacora audit why {node.happened.at.position}", "dim"))


def _label(node: Node, asked: bool) -> Text:
    event, at = node.happened
    text = Text.assemble((f"{at.position} ", "bold"), f"{at.occurred_at:%Y-%m-%d %H:%M} {LINKS[node.link]}")
    text.append(at.type, "bold green" if asked else "green")
    text.append(f" ({at.actor})", "dim")
    if console.width >= WIDE:
        text.append(f" {sentence(type(event))}")
    if asked:
        text.append("  ←", "bold")
    return text


def told(opened: House, happened: Happened, personal: bool) -> dict[str, Any]:
    """An event as JSON shows it: the envelope, the body, and personal values if they were asked for."""
    event, at = happened
    entry = {name: getattr(at, name) for name in at._fields if name != "body"}
    entry["body"] = orjson.loads(opened.log.codec.encode(event)[0])
    if personal:
        entry["disclosed"] = {name: getattr(event, name) for name in sealed_fields(type(event))}
    return entry


def _line(entry: dict[str, Any]) -> str:
    because = "" if entry["because"] is None else f"because of {entry['because']}"
    late = (
        "" if entry["recorded_at"] - entry["occurred_at"] < LATE else f"recorded {entry['recorded_at']:%Y-%m-%d %H:%M}"
    )
    words = (entry["customer_id"], because, late, "" if entry["origin"] == Origin.LIVE else entry["origin"])
    more = "  ".join(str(word) for word in words if word)
    line = f"{entry['position']:>8}  {entry['occurred_at']:%Y-%m-%d %H:%M}  {entry['type']:<32} {entry['actor']:<28} {more}"
    return line.rstrip()


def _values(entry: dict[str, Any]) -> str:
    values = {**entry["body"], **entry.get("disclosed", {})}
    return "  ".join(
        f"{name}={value if isinstance(value, str) else as_json(value, indent=False)}"
        for name, value in values.items()
        if value is not None
    )


def _plain(node: Node) -> dict[str, Any]:
    at = node.happened.at
    return {
        "position": at.position, "type": at.type, "occurred_at": at.occurred_at, "actor": at.actor, "link": node.link,
        "effects": [_plain(effect) for effect in node.effects], "more": node.more,
    }  # fmt: skip


COMMANDS: tuple[Callable[..., None], ...] = (journal, why)
"""What is registered under `bitacora audit`."""
