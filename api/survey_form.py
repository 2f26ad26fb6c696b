"""The survey form: where the link in a letter leads, and where the customer's answer comes in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from api.survey_words import LANGUAGES, OTHER_LANGUAGE, WORDS, render, worded
from domain import invitation
from domain.consent import Purpose, WithdrawConsent
from domain.invitation import CSAT, NPS, AnswerSurvey, DeclineSurvey, Invitation, InvitationStatus
from domain.kernel import MAX_TEXT, Refused
from domain.survey import POST_PURCHASE, Question, QuestionKind, SurveyPublished, survey_id
from eventstore import envelope
from eventstore.database import Unavailable, reachable
from eventstore.log import Log
from processes.links import read_token

MAX_BODY_BYTES = 256 * 1024
"""More than the longest comment in any script takes, percent-encoded."""
MAX_FIELDS = 20
RETRY_AFTER_S = 5

ENDED = {
    InvitationStatus.ANSWERED: ("answered", 200),
    InvitationStatus.EXPIRED: ("expired", 410),
    InvitationStatus.DECLINED: ("declined", 200),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the form shows it; a scale has its scores."""

    name: str
    text: str
    scale: range | None


@dataclass(frozen=True, slots=True)
class Visit:
    """Who comes by a link: the invitation, what is known of it, and its first event's envelope."""

    invitation_id: UUID
    state: Invitation
    sent: envelope.Recorded
    language: str

    def request(self) -> envelope.Request:
        """The customer speaks, because of the invitation."""
        return envelope.Request(
            actor=f"customer:{self.state.customer_id}",
            correlation_id=self.sent.correlation_id,
            because=self.sent.position,
        )


class TooLong(Exception):
    """More was sent than any answer takes."""


@dataclass(frozen=True, slots=True)
class SurveyForm:
    """The pages behind the links of one company."""

    log: Log
    secret: bytes = field(repr=False)
    company: str

    def visit(self, token: str, language: str | None) -> Visit | None:
        """Who comes by this link; None if it is none of ours, or was not sent yet."""
        invitation_id = read_token(self.secret, token)
        if invitation_id is None:
            return None
        events = self.log.reader.stream(invitation_id, disclose=invitation.decider.disclose)
        if not events:
            return None
        state = invitation.decider.initial
        for event, _ in events:
            state = invitation.decider.evolve(state, event)
        own = state.sent.language if state.sent is not None else OTHER_LANGUAGE
        chosen = language if language in LANGUAGES else own
        return Visit(invitation_id, state, events[0].at, chosen if chosen in LANGUAGES else OTHER_LANGUAGE)

    def show(self, token: str, language: str | None, answers: Mapping[str, str]) -> HTMLResponse:
        """The form, or why there is none."""
        visit = self.visit(token, language)
        if visit is None:
            return self.say("unknown", language, 404)
        if visit.state.status in ENDED:
            return self.say(ENDED[visit.state.status][0], visit.language, ENDED[visit.state.status][1])
        return self.form(visit, token, answers)

    def answer(self, token: str, language: str | None, answers: Mapping[str, str]) -> HTMLResponse:
        """Records an answer, and says thank you."""
        visit = self.visit(token, language)
        if visit is None:
            return self.say("unknown", language, 404)
        if visit.state.status in ENDED and visit.state.status is not InvitationStatus.ANSWERED:
            return self.say(ENDED[visit.state.status][0], visit.language, ENDED[visit.state.status][1])
        comment = answers.get("comment", "").replace("\r\n", "\n").strip()
        try:
            csat, nps = (int(text) if (text := answers.get(name, "")) else None for name in ("csat", "nps"))
        except ValueError:
            return self.form(visit, token, answers, "wrong")
        if len(comment) > MAX_TEXT:
            return self.form(visit, token, answers, "too_long")
        if csat is None and nps is None and not comment:
            return self.form(visit, token, answers, "empty")
        asked = AnswerSurvey(invitation_id=visit.invitation_id, csat=csat, nps=nps, comment=comment or None)
        try:
            self.log.do(asked, visit.request())
        except Refused:
            again = self.visit(token, language) or visit
            if again.state.status in ENDED:
                return self.say(ENDED[again.state.status][0], visit.language, ENDED[again.state.status][1])
            return self.form(visit, token, answers, "wrong")
        return self.say("thanks", visit.language)

    def decline(self, token: str, language: str | None) -> HTMLResponse:
        """Records that the customer wants no surveys, whatever became of this one."""
        visit = self.visit(token, language)
        if visit is None or visit.state.customer_id is None:
            return self.say("unknown", language, 404)
        request = visit.request()
        self.log.do(WithdrawConsent(customer_id=visit.state.customer_id, purpose=Purpose.SURVEY), request)
        if visit.state.status is InvitationStatus.SENT:
            try:
                self.log.do(DeclineSurvey(invitation_id=visit.invitation_id), request)
            except Refused:  # it was answered or ended at the same moment: the objection stands
                return self.say("declined", visit.language)
        return self.say("declined", visit.language)

    def ask_decline(self, token: str, language: str | None) -> HTMLResponse:
        """Asks once more: programs that look behind links in mails must not decline for anybody."""
        visit = self.visit(token, language)
        if visit is None:
            return self.say("unknown", language, 404)
        return self.say(
            "ask_decline", visit.language, button="decline", action=f"/s/{token}/decline?lang={visit.language}"
        )

    def say(
        self, what: str, language: str | None, status: int = 200, *, button: str | None = None, action: str = ""
    ) -> HTMLResponse:
        """A page with one message."""
        chosen = language if language in LANGUAGES else OTHER_LANGUAGE
        words = WORDS[chosen]
        return render(
            "page.html",
            status,
            language=chosen,
            company=self.company,
            title=words[what],
            text=words[f"{what}_text"],
            button=words[button] if button else None,
            action=action,
        )

    def form(self, visit: Visit, token: str, answers: Mapping[str, str], problem: str | None = None) -> HTMLResponse:
        """The questions in the version that was sent, with what was answered so far."""
        words = WORDS[visit.language]
        title, questions = self.questions(visit)
        return render(
            "form.html",
            422 if problem else 200,
            language=visit.language,
            company=self.company,
            title=title,
            languages=list(LANGUAGES.items()),
            words=words,
            action=f"/s/{token}",
            questions=questions,
            answers={question.name: answers.get(question.name, "") for question in questions},
            longest=MAX_TEXT,
            problem=words[problem] if problem else None,
        )

    def questions(self, visit: Visit) -> tuple[str, list[Asked]]:
        """The title and the questions of the version that was sent, each kind once."""
        sent = visit.state.sent
        title, questions = POST_PURCHASE.title, POST_PURCHASE.questions
        for event, _ in self.log.reader.stream(survey_id(sent.survey)) if sent is not None else ():
            if isinstance(event, SurveyPublished) and sent is not None and event.version == sent.version:
                title, questions = event.title, event.questions
        by_kind: dict[QuestionKind, Question] = {}
        for question in questions:
            by_kind.setdefault(question.kind, question)
        return worded(title, visit.language), [
            Asked(name, worded(by_kind[kind].text, visit.language), scale)
            for kind, name, scale in (
                (QuestionKind.CSAT, "csat", CSAT),
                (QuestionKind.NPS, "nps", NPS),
                (QuestionKind.TEXT, "comment", None),
            )
            if kind in by_kind
        ]


def survey_form(log: Log, secret: bytes, company: str) -> APIRouter:
    """The routes of the form, under /s/. `secret` is that of the links."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    pages = SurveyForm(log, secret, company)

    def answered(what: str, token: str, language: str | None, answers: Mapping[str, str]) -> HTMLResponse:
        try:
            with reachable():
                match what:
                    case "show":
                        return pages.show(token, language, answers)
                    case "answer":
                        return pages.answer(token, language, answers)
                    case "ask_decline":
                        return pages.ask_decline(token, language)
                    case _:
                        return pages.decline(token, language)
        except Unavailable:
            page = pages.say("away", language, 503)
            page.headers["Retry-After"] = str(RETRY_AFTER_S)
            return page

    @router.get("/s/{token}")
    def show(token: str, lang: str | None = None, csat: str = "", nps: str = "") -> Response:
        return answered("show", token, lang, {"csat": csat, "nps": nps})

    @router.post("/s/{token}")
    async def answer(token: str, request: Request, lang: str | None = None) -> Response:
        try:
            answers = read_form(await read_body(request))
        except TooLong:
            return pages.say("too_much", lang, 413)
        return await run_in_threadpool(answered, "answer", token, lang, answers)

    @router.get("/s/{token}/decline")
    def ask_decline(token: str, lang: str | None = None) -> Response:
        return answered("ask_decline", token, lang, {})

    @router.post("/s/{token}/decline")
    def decline(token: str, lang: str | None = None) -> Response:
        return answered("decline", token, lang, {})

    return router


async def read_body(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """What was sent. Raises `TooLong` if it is more than so many bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLong
    return body


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a urlencoded form, the last of each name, without NUL. Raises `TooLong`."""
    try:
        fields = parse_qs(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise TooLong from error
    return {name: values[-1].replace("\0", "") for name, values in fields.items()}
