"""What the survey form says, in each language, and how its pages look."""

import base64
from collections.abc import Mapping
from hashlib import sha256

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from domain.kernel import MAX_TEXT

LANGUAGES = {"es": "Español", "en": "English"}
OTHER_LANGUAGE = "en"

STYLE = (
    "body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;color:#1c1c1c;background:#f6f5f2}"
    "main{max-width:38rem;margin:0 auto;padding:1.5rem}h1{font-size:1.5rem}.company{color:#555}"
    "fieldset{border:1px solid #888;border-radius:.4rem;margin:0 0 1.2rem;padding:.8rem}"
    ".scale{display:flex;flex-wrap:wrap;gap:.3rem}.scale label{padding:.5rem .7rem;border:1px solid #888;"
    "border-radius:.4rem;background:#fff}textarea{width:100%;box-sizing:border-box;font:inherit}"
    "button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#0b5345;color:#fff}"
    ":focus-visible{outline:3px solid #b9770e;outline-offset:2px}"
    ".problem{border-left:4px solid #922b21;padding-left:.8rem}.small{font-size:.9rem}a{color:#0b5345}"
)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "send": "Enviar",
        "decline": "Prefiero no recibir encuestas",
        "empty": "Responda al menos a una pregunta, por favor.",
        "wrong": "No hemos entendido la respuesta. Revísela y envíela otra vez, por favor.",
        "too_long": f"El comentario es demasiado largo: caben {MAX_TEXT} letras.",
        "thanks": "¡Gracias!",
        "thanks_text": "Hemos guardado su respuesta.",
        "answered": "Ya tenemos su respuesta",
        "answered_text": "Esta encuesta ya está contestada. Gracias.",
        "expired": "La encuesta ha terminado",
        "expired_text": "Ya no recogemos respuestas a esta encuesta. Gracias de todos modos.",
        "declined": "De acuerdo",
        "declined_text": "No le enviaremos más encuestas.",
        "ask_decline": "¿No quiere más encuestas?",
        "ask_decline_text": "No le enviaremos más encuestas. Sus pedidos no cambian en nada.",
        "unknown": "Este enlace no lleva a ninguna encuesta",
        "unknown_text": "Compruebe que lo ha copiado entero. Si acaba de recibirlo, pruebe dentro de un momento.",
        "too_much": "Es demasiado largo",
        "too_much_text": "No se ha guardado nada. Acorte el comentario y envíelo otra vez, por favor.",
        "away": "Ahora mismo no podemos atenderle",
        "away_text": "No se ha guardado nada. Pruebe otra vez dentro de un momento, por favor.",
    },
    "en": {
        "send": "Send",
        "decline": "I would rather not get surveys",
        "empty": "Please answer at least one question.",
        "wrong": "We did not understand the answer. Please check it and send it again.",
        "too_long": f"The comment is too long: there is room for {MAX_TEXT} characters.",
        "thanks": "Thank you!",
        "thanks_text": "We have kept your answer.",
        "answered": "We already have your answer",
        "answered_text": "This survey has been answered. Thank you.",
        "expired": "The survey is over",
        "expired_text": "We no longer collect answers to this survey. Thank you all the same.",
        "declined": "All right",
        "declined_text": "We will not send you any more surveys.",
        "ask_decline": "No more surveys?",
        "ask_decline_text": "We will not send you any more surveys. Nothing changes for your orders.",
        "unknown": "This link does not lead to a survey",
        "unknown_text": "Check that you copied the whole of it. If you have only just got it, try again in a moment.",
        "too_much": "That is too long",
        "too_much_text": "Nothing was saved. Please shorten the comment and send it again.",
        "away": "We cannot be reached just now",
        "away_text": "Nothing was saved. Please try again in a moment.",
    },
}

templates = Environment(
    loader=PackageLoader("api", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, status: int, *, language: str, company: str, title: str, **values: object) -> HTMLResponse:
    """A page of the company's in a language. No script runs on it, and no other page may frame it."""
    page = templates.get_template(template).render(
        language=language,
        company=company,
        title=title,
        style=Markup(STYLE),  # noqa: S704  # a constant of ours
        **values,
    )
    return HTMLResponse(page, status, headers=HEADERS)


def worded(texts: Mapping[str, str], language: str) -> str:
    """A text in a language, or else in another one that it has."""
    return texts.get(language) or texts.get(OTHER_LANGUAGE) or next(iter(texts.values()))
