"""The form behind the link in a letter: small, without scripts, in the customer's language."""

import asyncio
import re
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from api.survey_form import MAX_BODY_BYTES, read_form, survey_form
from domain.consent import ConsentWithdrawn
from domain.invitation import SurveyDeclined, SurveyResponded
from domain.kernel import MAX_TEXT
from processes.links import read_token, token
from processes.post_purchase_survey import invitation_id
from tests.processes.shop import SECRET, Shop


class Browser:
    """Asks an application for pages, one after the other."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, path: str) -> Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, **sent: Any) -> Response:
        return asyncio.run(self._ask("POST", path, **sent))

    async def _ask(self, method: str, path: str, **sent: Any) -> Response:
        async with AsyncClient(transport=ASGITransport(self.app), base_url="https://shop.test") as client:
            return await client.request(method, path, **sent)


class Visitor:
    """A customer with a browser, who got a letter."""

    def __init__(self, shop: Shop, **said: str) -> None:
        self.shop = shop
        self.customer = shop.customer(**said)
        self.order = shop.order(self.customer, "2026-01-10 12:00")
        shop.until("2026-02-10 10:00")
        self.invitation = invitation_id(shop.entry(self.order).follow_up_id)
        [link] = {mail["List-Unsubscribe"].strip("<>").removesuffix("/decline") for mail in shop.mails()}
        self.path = link.removeprefix("https://shop.test")
        app = FastAPI()
        app.include_router(survey_form(shop.log, SECRET, "La Tienda & Co"))
        self.browser = Browser(app)

    def said(self, kind: type) -> list[tuple[object, str]]:
        return [(event, at.actor) for event, at in self.shop.events() if type(event) is kind]


@pytest.fixture
def visitor(shop: Shop) -> Visitor:
    return Visitor(shop)


def test_the_link_in_the_letter_leads_to_the_form_and_the_answer_is_kept(visitor: Visitor) -> None:
    page = visitor.browser.get(visitor.path)
    assert page.status_code == 200
    assert '<html lang="es">' in page.text
    assert "La Tienda &amp; Co" in page.text
    assert len(re.findall('type="radio" name="csat"', page.text)) == 5
    assert len(re.findall('type="radio" name="nps"', page.text)) == 11
    comment = "Muy bien.\n¡Ñandú & <b>café</b>! 🙂"
    thanks = visitor.browser.post(
        visitor.path, data={"csat": "5", "nps": "0", "comment": comment.replace("\n", "\r\n")}
    )
    assert thanks.status_code == 200
    assert "¡Gracias!" in thanks.text
    [(answer, actor)] = visitor.said(SurveyResponded)
    assert answer == SurveyResponded(csat=5, nps=0, comment=comment)
    assert actor == f"customer:{visitor.customer}"


def test_the_answer_belongs_to_the_chain_that_the_order_began(visitor: Visitor) -> None:
    visitor.browser.post(visitor.path, data={"csat": "5"})
    chains = {
        at.correlation_id for _, at in visitor.shop.events() if at.stream_id in (visitor.order, visitor.invitation)
    }
    assert len(chains) == 1


def test_the_same_answer_twice_is_one_and_another_one_comes_too_late(visitor: Visitor) -> None:
    for _ in range(2):
        assert "¡Gracias!" in visitor.browser.post(visitor.path, data={"csat": "4"}).text
    assert "Ya tenemos su respuesta" in visitor.browser.post(visitor.path, data={"csat": "1"}).text
    assert "Ya tenemos su respuesta" in visitor.browser.get(visitor.path).text
    assert [answer for answer, _ in visitor.said(SurveyResponded)] == [SurveyResponded(csat=4, nps=None, comment=None)]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "Responda al menos a una pregunta"),
        ({"comment": "  "}, "Responda al menos a una pregunta"),
        ({"csat": "6"}, "No hemos entendido"),
        ({"nps": "-1"}, "No hemos entendido"),
        ({"csat": "cinco"}, "No hemos entendido"),
        ({"csat": "5", "comment": "a" * (MAX_TEXT + 1)}, "demasiado largo"),
    ],
)
def test_what_makes_no_sense_is_asked_again(visitor: Visitor, sent: dict[str, str], sentence: str) -> None:
    page = visitor.browser.post(visitor.path, data=sent)
    assert page.status_code == 422
    assert sentence in page.text
    assert visitor.said(SurveyResponded) == []


def test_the_longest_comment_fits_and_more_than_that_is_cut_off(visitor: Visitor) -> None:
    assert visitor.browser.post(visitor.path, data={"comment": "🙂" * MAX_TEXT}).status_code == 200
    assert visitor.browser.post(visitor.path, content=b"comment=" + b"a" * MAX_BODY_BYTES).status_code == 413
    assert visitor.browser.post(visitor.path, content=b"&".join([b"a=1"] * 100)).status_code == 413


def test_a_score_in_the_letter_is_chosen_already_but_not_sent(visitor: Visitor) -> None:
    page = visitor.browser.get(f"{visitor.path}?csat=4")
    assert re.findall(r'name="csat" value="(\d)" checked', page.text) == ["4"]
    assert "checked" not in visitor.browser.get(f"{visitor.path}?csat=%22%3E%3Cscript%3E").text
    assert visitor.said(SurveyResponded) == []


@pytest.mark.parametrize(
    ("language", "asked", "shown"),
    [("en", "", "en"), ("fr", "", "en"), ("en", "?lang=es", "es"), ("es", "?lang=xx", "es")],
)
def test_the_form_is_in_the_language_of_the_letter_or_the_one_that_is_asked_for(
    shop: Shop, language: str, asked: str, shown: str
) -> None:
    visitor = Visitor(shop, language=language)
    assert f'<html lang="{shown}">' in visitor.browser.get(visitor.path + asked).text


def test_nothing_but_the_page_itself_is_let_in(visitor: Visitor) -> None:
    page = visitor.browser.get(visitor.path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_looking_at_the_decline_link_declines_nothing(visitor: Visitor) -> None:
    page = visitor.browser.get(f"{visitor.path}/decline")
    assert "¿No quiere más encuestas?" in page.text
    assert visitor.said(SurveyDeclined) == visitor.said(ConsentWithdrawn) == []


def test_one_click_in_a_mail_program_declines_and_withdraws_consent(visitor: Visitor) -> None:
    for _ in range(2):
        page = visitor.browser.post(f"{visitor.path}/decline", data={"List-Unsubscribe": "One-Click"})
        assert "No le enviaremos más encuestas" in page.text
    assert len(visitor.said(SurveyDeclined)) == len(visitor.said(ConsentWithdrawn)) == 1
    assert "De acuerdo" in visitor.browser.get(visitor.path).text
    assert "De acuerdo" in visitor.browser.post(visitor.path, data={"csat": "5"}).text
    assert visitor.said(SurveyResponded) == []
    next_order = visitor.shop.order(visitor.customer, "2026-06-10 12:00")
    visitor.shop.until("2026-07-10 10:00")
    assert visitor.shop.outcome(next_order) == ("SUPPRESSED", "NO_CONSENT")


def test_who_answered_can_still_say_that_it_was_the_last_time(visitor: Visitor) -> None:
    visitor.browser.post(visitor.path, data={"csat": "1"})
    assert visitor.browser.post(f"{visitor.path}/decline").status_code == 200
    assert len(visitor.said(ConsentWithdrawn)) == 1
    assert visitor.said(SurveyDeclined) == []


def test_a_survey_that_is_over_says_so(visitor: Visitor) -> None:
    visitor.shop.until("2026-03-12 10:00")
    for page in (visitor.browser.get(visitor.path), visitor.browser.post(visitor.path, data={"csat": "5"})):
        assert page.status_code == 410
        assert "La encuesta ha terminado" in page.text
    assert visitor.said(SurveyResponded) == []


@pytest.mark.parametrize("wrong", ["x", "", "é", "A" * 43, "A" * 10_000, "%00"])
def test_a_link_that_is_not_ours_leads_nowhere(visitor: Visitor, wrong: str) -> None:
    for path in (f"/s/{wrong or '_'}", f"/s/{wrong or '_'}/decline"):
        page = visitor.browser.get(path)
        assert page.status_code == 404
        assert "This link does not lead to a survey" in page.text
        assert visitor.browser.post(path).status_code == 404


def test_a_link_cannot_be_forged_or_changed(visitor: Visitor) -> None:
    forged = token(b"another secret", visitor.invitation)
    assert visitor.browser.get(f"/s/{forged}").status_code == 404
    assert visitor.browser.get(f"/s/{token(SECRET, UUID(int=1))}").status_code == 404
    changed = visitor.path[:-1] + ("A" if visitor.path[-1] != "A" else "Q")
    assert visitor.browser.get(changed).status_code == 404


def test_tokens_lead_back_and_depend_on_the_secret() -> None:
    secret, other = bytes(32), bytes([1]) * 32
    assert read_token(secret, token(secret, UUID(int=7))) == UUID(int=7)
    assert read_token(other, token(secret, UUID(int=7))) is None
    assert len(token(secret, UUID(int=7))) == 43


def test_a_database_that_is_away_is_a_page_too(visitor: Visitor) -> None:
    visitor.shop.log.pool.close()
    page = visitor.browser.post(visitor.path, data={"csat": "5"})
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "nothing was saved" in page.text.lower()


def test_bytes_that_are_no_text_are_no_accident() -> None:
    assert read_form(b"comment=%ff%00a&\xff=1")["comment"] == "\ufffda"
