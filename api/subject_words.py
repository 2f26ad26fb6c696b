"""What the copy of a person's data says, in each language, and how the page looks."""

from collections.abc import Mapping

from markupsafe import Markup

STYLE = Markup(
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1.5rem;color:#1c1c1c}"
    "table{border-collapse:collapse;width:100%;margin:0 0 1.5rem}caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ccc;overflow-wrap:anywhere}"
    "@media print{body{max-width:none}}"
)

WORDS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "title": "Sus datos",
        "about": "Todo lo que sabemos de usted, a esta fecha. El mismo contenido está en report.json, para programas.",
        "portable": "Los datos que usted nos ha facilitado, para llevárselos. El mismo contenido está en report.json.",
        "profile": "Quién es usted para nosotros",
        "card": "Su ficha",
        "purposes": "Para qué, y con qué base jurídica",
        "recipients": "A qué sistemas se comunicó",
        "retention": "Cuánto tiempo se conserva",
        "sources": "Cómo llegó a nosotros",
        "decisions": "Qué se decidió automáticamente, y cuántas veces",
        "readBy": "Quién lo ha consultado",
        "events": "Qué ocurrió",
        "rights": "Tiene derecho de acceso, rectificación, supresión, limitación, portabilidad y oposición, y a reclamar ante la "
        "Agencia Española de Protección de Datos (www.aepd.es).",
        "nothing": "Nada.",
        "when": "Cuándo",
        "what": "Qué",
        "who": "Quién",
        "details": "Detalles",
        "position": "Posición en el registro",
    },
    "en": {
        "title": "Your data",
        "about": "All that we know of you, as of now. The same is in report.json, for programs.",
        "portable": "The data that you gave us, to take with you. The same is in report.json, for programs.",
        "profile": "Who you are to us",
        "card": "Your card",
        "purposes": "What for, and on which legal basis",
        "recipients": "Which systems were told",
        "retention": "How long it is kept",
        "sources": "How it came to us",
        "decisions": "What was decided by itself, and how often",
        "readBy": "Who looked at it",
        "events": "What happened",
        "rights": "You have the right of access, rectification, erasure, restriction, portability and objection, and to complain "
        "to the Agencia Española de Protección de Datos (www.aepd.es).",
        "nothing": "Nothing.",
        "when": "When",
        "what": "What",
        "who": "Who",
        "details": "Details",
        "position": "Position in the log",
    },
}
