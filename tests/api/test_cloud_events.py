"""CloudEvents as they come: what the specification requires is required, and nothing that is missing is made up."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from api.cloud_events import MAX_ATTRIBUTES, MAX_DEPTH, CloudEvent, Malformed, events_of

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "placeOrder", "data": {"n": 1}}
STRUCTURED = [(b"Content-Type", b"application/cloudevents+json; charset=UTF-8")]
BATCH = [(b"content-type", b"application/cloudevents-batch+json")]
BINARY = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/shop",
    "ce-type": "placeOrder",
}


def structured(**changed: Any) -> CloudEvent:
    said = {name: value for name, value in {**EVENT, **changed}.items() if value is not ...}
    [event] = events_of(STRUCTURED, orjson.dumps(said))
    return event


def binary(body: bytes = b'{"n": 1}', **changed: Any) -> CloudEvent:
    said = {**BINARY, **{name.replace("_", "-"): value for name, value in changed.items()}}
    headers = [(name.encode(), value.encode()) for name, value in said.items() if value is not None]
    [event] = events_of(headers, body)
    return event


def malformed(read: Any, field: str, status: int = 400) -> str:
    with pytest.raises(Malformed) as found:
        read()
    assert (found.value.field, found.value.status) == (field, status)
    return found.value.reason


def test_an_event_is_read_in_each_of_its_modes() -> None:
    event = CloudEvent("1", "/shop", "placeOrder", None, {"n": 1}, True)
    assert structured() == binary() == event
    assert events_of(BATCH, orjson.dumps([EVENT, EVENT])) == [event, event]
    assert [each.place for each in events_of(BATCH, orjson.dumps([EVENT, EVENT]))] == ["[0]", "[1]"]
    assert events_of(BATCH, b"[]") == []
    assert structured().digest == binary().digest


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_is_required_is_not_made_up(name: str) -> None:
    assert malformed(lambda: structured(**{name: ...}), name).startswith(f"{name} is missing")
    assert malformed(lambda: structured(**{name: None}), name).startswith(f"{name} is missing")
    malformed(lambda: structured(**{name: ""}), name)
    malformed(lambda: structured(**{name: 1}), name)
    malformed(lambda: binary(**{f"ce_{name}": None}), f"ce-{name}")
    malformed(lambda: events_of(BATCH, orjson.dumps([EVENT, {**EVENT, name: None}])), f"[1].{name}")


def test_a_time_that_nobody_said_is_none() -> None:
    assert structured().time is None
    assert structured(time="2026-01-31T18:00:00.123Z").time == "2026-01-31T18:00:00.123Z"
    for wrong in ("2026-01-31", "2026-01-31T18:00:00", "yesterday", "2026-01-31 18:00:00Z", "٢٠٢٦-01-31T18:00:00Z"):
        malformed(lambda wrong=wrong: structured(time=wrong), "time")
    malformed(lambda: structured(time=0), "time")


def test_only_this_version_is_taken() -> None:
    for version in ("0.3", "1.1", "1"):
        malformed(lambda version=version: structured(specversion=version), "specversion")


def test_a_source_is_a_uri_reference() -> None:
    for source in ("/shop", "urn:uuid:6e8bc430", "https://shop.example/a?b=c#d", "/caf%C3%A9", "shop"):
        assert structured(source=source).source == source
    for source in ("not a uri ^^", "\u00d7\u00f8", "/100%", "a b"):
        malformed(lambda source=source: structured(source=source), "source")


def test_attributes_have_plain_names_and_values() -> None:
    structured(traceparent="00-1", number=7, sampled=True, empty=None)
    for name, value in {"Upper": "a", "under_score": "a", "a" * 21: "a", "": "a"}.items():
        malformed(lambda name=name, value=value: structured(**{name: value}), name)
    for value in ({"a": 1}, ["a"], 1.5, 2**31, "a\u0000", "a\nb", "a" * 201, ""):
        malformed(lambda value=value: structured(other=value), "other")
    malformed(lambda: structured(**{f"a{n}": "a" for n in range(MAX_ATTRIBUTES)}), "a0")
    malformed(lambda: structured(id="i" * 195), "id")
    assert structured(id="i" * 194).key == "/shop " + "i" * 194


def test_headers_are_decoded() -> None:
    assert binary(ce_id="a%20%C3%A9%22").id == 'a é"'
    assert binary(ce_id='"quoted"').id == "quoted"
    malformed(lambda: binary(ce_id="é"), "ce-id")
    malformed(lambda: binary(ce_id="%FF"), "ce-id")
    malformed(lambda: binary(ce_id="%00"), "ce-id")
    malformed(lambda: binary(ce_datacontenttype="application/json"), "ce-datacontenttype")
    twice = [*((name.encode(), value.encode()) for name, value in BINARY.items()), (b"CE-Id", b"2")]
    malformed(lambda: events_of(twice, b"{}"), "ce-id")
    malformed(lambda: events_of([(b"content-type", b"application/json")], b"{}"), "ce-specversion")
    malformed(lambda: events_of([*STRUCTURED, *BATCH], b"{}"), "content-type")


def test_data_is_json_and_nothing_else() -> None:
    assert structured(data=...).has_data is False
    assert structured(data=None).has_data is True
    assert binary(b"", content_type=None).has_data is False
    assert structured(datacontenttype="application/vnd.shop+json").data == {"n": 1}
    malformed(lambda: structured(datacontenttype="text/xml"), "datacontenttype", 415)
    malformed(lambda: structured(datacontenttype="application/json; charset=latin-1"), "datacontenttype", 415)
    malformed(lambda: structured(data=..., data_base64="e30="), "data_base64")
    malformed(lambda: binary(content_type="text/plain"), "content-type", 415)
    malformed(lambda: binary(content_type=None), "content-type", 415)
    for kind in (b"application/cloudevents+xml", b"application/cloudevents+json; charset=utf-16"):
        malformed(lambda kind=kind: events_of([(b"content-type", kind)], b"{}"), "content-type", 415)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"), (b"{", "not JSON"), (b'{"a": NaN}', "NaN is no number"), (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'"\xff"', "Byte 2 is not UTF-8"), (b"[" * 100_000, "nested"), (b'{"data": ' + b"[" * 65 + b"]" * 65 + b"}", "nested"),
        (b"1" * 5_000, "not JSON"), (b"7", "object"), (b"null", "object"), (b"[]", "object"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(raw: bytes, reason: str) -> None:
    assert reason in malformed(lambda: events_of(STRUCTURED, raw), "the body")


def test_lists_are_lists_of_events() -> None:
    malformed(lambda: events_of(BATCH, orjson.dumps(EVENT)), "the body")
    malformed(lambda: events_of(BATCH, orjson.dumps([EVENT, 7])), "[1]")
    malformed(lambda: events_of(BATCH, orjson.dumps([EVENT] * 101)), "the body", 413)


def test_numbers_are_as_they_were_written() -> None:
    [event] = events_of(STRUCTURED, orjson.dumps(EVENT).replace(b'{"n":1}', b'{"n":12.50}'))
    assert event.data == {"n": Decimal("12.50")}
    assert str(event.data["n"]) == "12.50"


def test_it_says_the_same_in_whatever_order() -> None:
    one, other = structured(data={"a": 1, "b": {"c": 2, "d": 3}}), structured(data={"b": {"d": 3, "c": 2}, "a": 1})
    assert one.digest == other.digest
    assert (
        len(
            {
                each.digest
                for each in (one, structured(), structured(data=None), structured(data=...), structured(type="a"))
            }
        )
        == 5
    )
    deep = [orjson.Fragment(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))]
    assert structured(data=deep[0]).digest
