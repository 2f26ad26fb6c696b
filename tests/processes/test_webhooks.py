"""The signature of webhooks: as Standard Webhooks 1.0.0 has it, with its own test vector, and nothing else is believed."""

from datetime import UTC, datetime, timedelta

import pytest

from processes.webhooks import TOLERANCE, Target, Unverified, key_of, signature, signed_headers, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJD" * 8
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, UTC)
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": SIGNED}


def test_the_signature_is_that_of_the_standard() -> None:
    assert signature(key_of(SECRET), ID, 1614265330, BODY) == SIGNED
    assert signed_headers([key_of(SECRET)], ID, AT, BODY) == HEADERS
    assert verify([key_of(SECRET)], HEADERS, BODY, AT) == ID


@pytest.mark.parametrize("early", [timedelta(0), TOLERANCE, -TOLERANCE])
def test_clocks_may_differ_a_little(early: timedelta) -> None:
    assert verify([key_of(SECRET)], HEADERS, BODY, AT + early) == ID


@pytest.mark.parametrize("late", [TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)])
def test_what_is_too_old_or_from_the_future_is_not_believed(late: timedelta) -> None:
    with pytest.raises(Unverified, match="too old, or from the future"):
        verify([key_of(SECRET)], HEADERS, BODY, AT + late)
    assert verify([key_of(SECRET)], HEADERS, BODY, AT + late, abs(late)) == ID


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"webhook-id": "msg_other"}, "not right"),
        ({"webhook-timestamp": "1614265331"}, "not right"),
        ({"webhook-signature": SIGNED[:-2] + "A="}, "not right"),
        ({"webhook-signature": SIGNED.replace("v1,", "v2,")}, "not right"),
        ({"webhook-signature": "v1,é"}, "not right"),
        ({"webhook-signature": ""}, "no webhook-signature"),
        ({"webhook-id": ""}, "no webhook-id"),
        ({"webhook-timestamp": ""}, "no webhook-timestamp"),
        ({"webhook-timestamp": "yesterday"}, "no number"),
        ({"webhook-timestamp": "-1"}, "no number"),
        ({"webhook-timestamp": "1" * 40}, "no number"),
        ({"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"}, "no number"),
    ],
)
def test_whatever_is_changed_is_found_out(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(Unverified, match=reason):
        verify([key_of(SECRET)], {**HEADERS, **changed}, BODY, AT)


def test_another_body_or_another_key_is_found_out() -> None:
    for keys, body in (([key_of(SECRET)], BODY + b" "), ([key_of(OTHER)], BODY), ([], BODY)):
        with pytest.raises(Unverified, match="not right"):
            verify(keys, HEADERS, body, AT)


def test_a_secret_is_changed_while_both_are_taken() -> None:
    both = Target.of("https://erp.test/hook", f"{OTHER} {SECRET}").keys
    signed = signed_headers(both, ID, AT, BODY)
    for keys in ([key_of(SECRET)], [key_of(OTHER)], both):
        assert verify(keys, {name.upper(): value for name, value in signed.items()}, BODY, AT) == ID


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_QUJD", SECRET[6:], "whsec_ñ", "whsec_" + "QUJD" * 22])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        Target.of("https://erp.test", secret)


@pytest.mark.parametrize("url", ["", "erp.test", "ftp://erp.test", "https://", "https://me@erp.test", "https://a/#b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://host/path"):
        Target.of(url, SECRET)


def test_a_secret_is_not_shown_by_accident() -> None:
    assert "keys" not in repr(Target.of("https://erp.test", SECRET))
