"""Letters: in the customer's words, with links of their own, and nothing in them that somebody smuggled in."""

from pathlib import Path

import pytest

from domain.follow_up import FollowUpStatus
from domain.invitation import SurveyInvitationSent
from domain.kernel import UNTOLD
from domain.survey import POST_PURCHASE, PublishSurvey, Question, RetireSurvey
from eventstore.custody.custodian import Custodian
from eventstore.personal import KeyRing
from processes.letters import one_line
from tests.conftest import House
from tests.processes.shop import Shop, moment

NAUGHTY = "Ana\r\nBcc: everybody@shop.test\r\n\r\n<script>alert(1)</script>"


def test_nothing_in_a_name_becomes_a_header_or_a_script(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail")
    shop.order(shop.customer(name=NAUGHTY), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    [mail] = shop.mails()
    assert mail["Bcc"] is None
    html = mail.get_body(("html",))
    assert html is not None
    assert "&lt;script&gt;" in html.get_content()
    assert "<script>" not in html.get_content()


def test_a_letter_says_how_to_be_left_alone(house: House, tmp_path: Path) -> None:
    shop = Shop(house.log, tmp_path / "mail")
    shop.order(shop.customer(name="Äé" * 50), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    [mail] = shop.mails()
    [text, html] = [mail.get_body((kind,)) for kind in ("plain", "html")]
    assert text is not None
    assert html is not None
    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://shop.test/s/")
    assert link.endswith("/decline")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in text.get_content()
    assert link.removesuffix("/decline") + "?csat=4" in html.get_content()


def test_lines_cannot_be_broken() -> None:
    assert one_line("a\r\n\tb\u2028c\0d") == "a b c d"


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("es", "¿Qué tal fue su compra en La Tienda?"),
        ("es-MX", "¿Qué tal fue su compra en La Tienda?"),
        ("en", "How was your purchase at La Tienda?"),
        ("fr", "How was your purchase at La Tienda?"),
    ],
)
def test_the_letter_is_in_the_customers_language(shop: Shop, language: str, subject: str) -> None:
    shop.order(shop.customer(language=language), "2026-01-10 12:00")
    shop.until("2026-02-10 10:00")
    assert [mail["Subject"] for mail in shop.mails()] == [subject]


def test_the_version_that_is_current_is_the_one_that_is_sent(shop: Shop) -> None:
    shop.order(shop.customer(), "2026-01-10 12:00")
    questions = tuple(Question(key=each.key, kind=each.kind, text={"en": "?"}) for each in POST_PURCHASE.questions)
    key, title = POST_PURCHASE.key, {"en": "Well?"}
    shop.do(PublishSurvey(survey_id=POST_PURCHASE.survey_id, key=key, title=title, questions=questions))
    shop.hire().run()  # another worker begins: it does not publish the first version again
    shop.until("2026-02-10 10:00")
    assert [event.version for event, _ in shop.events() if isinstance(event, SurveyInvitationSent)] == [2]


def test_a_survey_that_was_retired_is_not_sent(shop: Shop) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00")
    shop.do(RetireSurvey(survey_id=POST_PURCHASE.survey_id))
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "SURVEY_RETIRED")


def test_no_name_and_no_address_is_deciphered_before_a_letter_is_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-05 12:00")
    shop.log.keys.forget()
    with monkeypatch.context() as closed:
        closed.setattr(KeyRing, "for_reading", None)
        shop.now = moment("2026-02-05 12:00")
        shop.worker.runner.react_all()
        assert shop.worker.runner.fire(shop.now)
    assert shop.entry(order).status is FollowUpStatus.DISPATCHED
    shop.worker.run()
    [mail] = shop.mails()
    assert mail["To"] == "Ana <ana@shop.test>"
    assert UNTOLD not in str(mail)


def test_who_is_forgotten_has_no_address_though_none_is_deciphered(shop: Shop, dsn: str) -> None:
    customer = shop.customer()
    order = shop.order(customer, "2026-01-05 12:00")
    custodian = Custodian(dsn, shop.log.keys)
    custodian.destroy([key.key_id for key in custodian.of([customer])], because=1)
    shop.until("2026-02-05 12:00")
    assert shop.outcome(order) == ("SUPPRESSED", "NO_ADDRESS")
