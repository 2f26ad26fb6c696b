"""Commands, one per line of JSON: the shape of the mutations, for integrators who write files."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import msgspec
import orjson

from api.importers.importing import Context, Importer, Line, Read, Rejected, refusal
from api.importers.lines import Source
from domain.kernel import Refused, derived

KEYS = frozenset({"command", "input", "commandId", "occurredAt", "expectedVersion"})

decode = msgspec.json.Decoder(float_hook=Decimal).decode


class _Malformed(Exception):
    """The line is no JSON object with each key once."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each line asks for. Blank lines say nothing."""
    for number, raw, wrong in source:
        if raw is None:
            yield Rejected(number, wrong)
        elif raw and not raw.isspace():
            try:
                yield asked(number, raw, context)
            except _Malformed as malformed:
                yield Rejected(number, malformed.reason, malformed.field)
            except Refused as refused:
                yield refusal(number, refused)


def asked(number: int, raw: bytes, context: Context) -> Line:
    """What one line asks for."""
    line, content = parsed(raw)
    if type(line) is not dict:
        raise _Malformed('A line is an object as {"command": "placeOrder", "input": {...}}.')
    if not line.keys() <= KEYS:
        key = min(line.keys() - KEYS)
        raise _Malformed(f"There is no key {key[:60]!r} on a line. There are: {', '.join(sorted(KEYS))}.", key[:60])
    for key in ("command", "input"):
        if key not in line:
            raise _Malformed(f"{key} is missing.", key)
    commands = context.commands
    command = commands.read(line["command"], line["input"])
    request = commands.request(
        line, actor=context.actor, origin=context.origin, now=context.now, correlation_id=context.correlation_id
    )
    if request.command_id is None:
        request = replace(request, command_id=derived("command", content.decode(errors="replace")))
    return Line(number, command, request)


def parsed(raw: bytes) -> tuple[Any, bytes]:
    """The line's value, decimals exactly as written, and its canonical form.

    Raises `_Malformed`, also where a key stands twice in one object.
    """
    try:
        value = decode(raw)
        content = canonical(value)
    except (ValueError, TypeError, RecursionError):
        return parsed_with_care(raw)
    # Every key is followed by a colon. If the line has no more such places than its value has when written again, then
    # no key was lost to a second one of its name. Where keys and colons may be written otherwise, only care can tell.
    if raw.count(KEY_END) != content.count(KEY_END) or any(map(raw.__contains__, ODD)):
        return parsed_with_care(raw)
    return value, content


KEY_END = b'":'
ODD = (b" :", b"\t:", b"\r:", b"\\u00")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and without spaces, decimal numbers being texts of their digits."""
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)


def parsed_with_care(raw: bytes) -> tuple[Any, bytes]:
    """The same by the standard library: some ten times as slow, it tells what is wrong and leaves odd numbers in."""
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=each_key_once, parse_float=Decimal, parse_constant=cast(Any, Decimal)
        )
        written = json.dumps(value, default=str, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return value, written.encode(errors="surrogatepass")
    except UnicodeDecodeError as error:
        raise _Malformed(f"Byte {error.start + 1} of this line is not UTF-8. Save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise _Malformed(f"This line is not JSON: {error.msg} at character {error.pos + 1}.") from None
    except RecursionError:
        raise _Malformed("This line is nested too deeply.") from None
    except ValueError as error:
        raise _Malformed(f"This line is not JSON: {error}.") from None


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these pairs. Raises `_Malformed` if two of them have the same key."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Malformed(f"The key {key[:60]!r} stands twice in one object.", key[:60])
            seen.add(key)
    return made


importer = Importer("commands", "Commands, one per line of JSON, as docs/import.md describes them.", read)
