"""The withdrawal form: where the last link in a message leads, and one click there means no more messages like it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.survey_form import RETRY_AFTER_S
from api.survey_words import LANGUAGES, OTHER_LANGUAGE, render
from domain.consent import Purpose, WithdrawConsent
from domain.follow_up import FollowUpScheduled
from domain.values import Channel
from eventstore import envelope
from eventstore.database import Unavailable, reachable
from eventstore.log import Log
from processes.links import MESSAGE, read_token

WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "ask": "¿No quiere más mensajes como este?",
        "ask_text": "No le enviaremos más {purpose} {channel}. Sus pedidos no cambian en nada.",
        "button": "No quiero recibir más",
        "done": "De acuerdo",
        "done_text": "No le enviaremos más {purpose} {channel}.",
        "unknown": "Este enlace no lleva a ninguna parte",
        "unknown_text": "Compruebe que lo ha copiado entero.",
        "away": "Ahora mismo no podemos atenderle",
        "away_text": "No se ha guardado nada. Pruebe otra vez dentro de un momento, por favor.",
        Purpose.MARKETING: "publicidad",
        Purpose.SURVEY: "encuestas",
        Purpose.SERVICE: "avisos de servicio",
        Purpose.PROFILING: "propuestas personales",
        Channel.EMAIL: "por correo electrónico",
        Channel.SMS: "por SMS",
        Channel.PHONE: "por teléfono",
        "other": "por este medio",
    },
    "en": {
        "ask": "No more messages like this?",
        "ask_text": "We will not send you any more {purpose} {channel}. Nothing changes for your orders.",
        "button": "I do not want any more",
        "done": "All right",
        "done_text": "We will not send you any more {purpose} {channel}.",
        "unknown": "This link leads nowhere",
        "unknown_text": "Check that you copied the whole of it.",
        "away": "We cannot be reached just now",
        "away_text": "Nothing was saved. Please try again in a moment.",
        Purpose.MARKETING: "advertising",
        Purpose.SURVEY: "surveys",
        Purpose.SERVICE: "service notices",
        Purpose.PROFILING: "personal proposals",
        Channel.EMAIL: "by e-mail",
        Channel.SMS: "by SMS",
        Channel.PHONE: "by telephone",
        "other": "this way",
    },
}


class Sent(NamedTuple):
    """What a message was sent for, to whom, by which channel, and the envelope of its promise."""

    customer_id: UUID
    purpose: Purpose
    channel: Channel | None
    at: envelope.Recorded


@dataclass(frozen=True, slots=True)
class WithdrawalForm:
    """The pages behind the links of one company's messages."""

    log: Log
    secret: bytes = field(repr=False)
    company: str

    def sent(self, token: str) -> Sent | None:
        """What the message was for that holds this link; None if it is none of ours, or not for that."""
        follow_up_id = read_token(self.secret, token, MESSAGE)
        if follow_up_id is None:
            return None
        for event, at in self.log.reader.stream(follow_up_id):
            if isinstance(event, FollowUpScheduled) and at.customer_id and event.action.purpose is not None:
                whom = self.log.reader.whom([at.customer_id])[at.customer_id]
                return Sent(whom, event.action.purpose, event.action.channel, at)
        return None

    def ask(self, token: str, language: str | None) -> HTMLResponse:
        """Asks once more: programs that look behind links in mails must not withdraw for anybody."""
        if (sent := self.sent(token)) is None:
            return self.say("unknown", language, 404)
        return self.say("ask", language, sent=sent, action=f"/u/{token}?lang={known(language)}")

    def withdraw(self, token: str, language: str | None) -> HTMLResponse:
        """Records that the customer wants no more of it; twice is the same as once."""
        if (sent := self.sent(token)) is None:
            return self.say("unknown", language, 404)
        asked = WithdrawConsent(customer_id=sent.customer_id, purpose=sent.purpose, channel=sent.channel)
        request = envelope.Request(
            actor=f"customer:{sent.customer_id}", correlation_id=sent.at.correlation_id, because=sent.at.position
        )
        self.log.do(asked, request)
        return self.say("done", language, sent=sent)

    def say(
        self, what: str, language: str | None, status: int = 200, *, sent: Sent | None = None, action: str = ""
    ) -> HTMLResponse:
        """A page with one message, and a button if there is something to do."""
        words = WORDS[known(language)]
        text = words[f"{what}_text"]
        if sent is not None:
            channel = words["other"] if sent.channel is None else words.get(sent.channel, words["other"])
            text = text.format(purpose=words[sent.purpose], channel=channel)
        return render(
            "page.html",
            status,
            language=known(language),
            company=self.company,
            title=words[what],
            text=text,
            button=words["button"] if action else None,
            action=action,
        )


def known(language: str | None) -> str:
    """A language that we have words in."""
    return language if language in LANGUAGES else OTHER_LANGUAGE


def withdrawal_form(log: Log, secret: bytes, company: str) -> APIRouter:
    """The routes of the form, under /u/. `secret` is that of the links. A POST is one click (RFC 8058), a GET asks first."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    pages = WithdrawalForm(log, secret, company)

    def answered(token: str, language: str | None, *, click: bool) -> HTMLResponse:
        try:
            with reachable():
                return pages.withdraw(token, language) if click else pages.ask(token, language)
        except Unavailable:
            page = pages.say("away", language, 503)
            page.headers["Retry-After"] = str(RETRY_AFTER_S)
            return page

    @router.get("/u/{token}")
    def ask(token: str, lang: str | None = None) -> Response:
        return answered(token, lang, click=False)

    @router.post("/u/{token}")
    def withdraw(token: str, lang: str | None = None) -> Response:
        return answered(token, lang, click=True)

    return router
