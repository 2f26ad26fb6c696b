"""The canaries themselves: a search that finds nothing must be one that would."""

import base64
from urllib.parse import quote

from tests.privacy.canaries import canary, digits, found_in


def test_a_canary_is_found_however_it_is_written() -> None:
    for number in range(50):
        text, mark = canary(number), digits(number)
        raw = text.encode()
        ways = [
            raw, text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("latin-1"), raw.hex().encode(),
            raw.hex().upper().encode(), f"can{mark}".encode(), quote(text).encode(), f"ca=C3=B1{mark}".encode(),
            f"ca\\u00f1{mark}".encode(), *(base64.b64encode(b"x" * before + raw + b" and more") for before in range(6)),
        ]  # fmt: skip
        folded = f"can{mark}".encode()
        ways += [
            folded.hex().encode(),
            folded.decode().encode("utf-16-le"),
            *(base64.b64encode(b"x" * n + folded + b"!!") for n in range(3)),
        ]
        for way in ways:
            assert mark in set(found_in(b"<<" + way + b">>")), way
