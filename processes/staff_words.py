"""Staff words: what policies tell colleagues to do, in one place and in the language of whoever is told."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.kernel import MAX_LINE
from processes.company import Company
from processes.contact import HOME_LANGUAGE, LANGUAGES, OTHER_LANGUAGE

MORE = {"en": "{listed} and {more} more", "es": "{listed} y {more} más"}

WORDS: Mapping[str, Mapping[str, str]] = {
    "assign_lead": {
        "en": "No rep can be given this lead: assign it, or see to it yourself.",
        "es": "A ningún comercial se le puede dar este contacto: asígnelo, o atiéndalo usted.",
    },
    "assign_opportunity": {
        "en": "No rep can be given this opportunity: assign it, or see to it yourself.",
        "es": "A ningún comercial se le puede dar esta oportunidad: asígnela, o atiéndala usted.",
    },
    "benefit": {
        "en": "{benefit}? {approved} or {denied}. {why}",
        "es": "¿{benefit}? {approved} o {denied}. Nivel: {tier}. Entre el mejor {share} % por compras. "
        "Incidencias abiertas: {failures}. Beneficios en el último año: {benefits}.",
    },
    "benefit_stock": {
        "en": "{benefit}? {approved} or {denied}. {stock} left.",
        "es": "¿{benefit}? {approved} o {denied}. Quedan {stock}.",
    },
    "case_due_soon": {
        "en": "Case {number}: the {milestone} is due soon",
        "es": "Caso {number}: vence pronto la {milestone}",
    },
    "case_missed": {
        "en": "Case {number}: the {milestone} was missed",
        "es": "Caso {number}: no se cumplió la {milestone}",
    },
    "a_case_due_soon": {
        "en": "A case: the {milestone} is due soon",
        "es": "Un caso: vence pronto la {milestone}",
    },
    "a_case_missed": {
        "en": "A case: the {milestone} was missed",
        "es": "Un caso: no se cumplió la {milestone}",
    },
    "first_response": {"en": "first response", "es": "primera respuesta"},
    "resolution": {"en": "resolution", "es": "resolución"},
    "digest": {
        "en": "{count} unresolved for more than {days} business days, {day}: {cases}",
        "es": "{count} sin resolver desde hace más de {days} días hábiles, {day}: {cases}",
    },
    "cases": {"en": "{count} cases", "es": "{count} casos"},
    "one_case": {"en": "1 case", "es": "1 caso"},
    "duplicate": {
        "en": "Two customers may be one ({score}: {features}): merge or dismiss them.",
        "es": "Dos clientes pueden ser el mismo ({score}: {features}): únalos o descártelo.",
    },
    "retention_due": {
        "en": "{keys} keys of {people} people are older than their law allows: bitacora privacy retention",
        "es": "{keys} claves de {people} personas superan el plazo que permite su ley: bitacora privacy retention",
    },
    "erasure_due": {
        "en": "The answer to a request for erasure is due by {day}: bitacora privacy status {request}",
        "es": "La respuesta a una solicitud de supresión vence el {day}: bitacora privacy status {request}",
    },
    "erasure_overdue": {
        "en": "The answer to a request for erasure was due by {day}: bitacora privacy status {request}",
        "es": "La respuesta a una solicitud de supresión venció el {day}: bitacora privacy status {request}",
    },
    "first_visit": {
        "en": "First visit: they answered to {campaign}.",
        "es": "Primera visita: respondieron a {campaign}.",
    },
    "first_visit_letter": {
        "en": "First visit: they answered to a letter.",
        "es": "Primera visita: respondieron a una carta.",
    },
    "give_tier_early": {
        "en": "Give {tier} early? The margin that is expected pays for it: complete it as {approved}.",
        "es": "¿Dar {tier} antes de tiempo? El margen previsto lo paga: complétela como {approved}.",
    },
    "tier_at_risk": {
        "en": "{tier} is at risk: at this pace {points} points on {day}, which takes {threshold}.",
        "es": "{tier} está en riesgo: a este ritmo, {points} puntos el {day}, y hacen falta {threshold}.",
    },
    "lead_waits": {
        "en": "Speak with this lead: it is yours since an hour, and nobody has yet.",
        "es": "Hable con este contacto: es suyo desde hace una hora y nadie lo ha hecho todavía.",
    },
    "lead_waits_still": {
        "en": "A lead waits for its first contact: help whoever has it, or give it to somebody else.",
        "es": "Un contacto espera que le hablen: ayude a quien lo tiene, o déselo a otra persona.",
    },
    "opportunity_stage": {
        "en": "This opportunity has been at its stage for as long as it should: go on with it, or close it.",
        "es": "Esta oportunidad lleva en su fase todo el tiempo debido: hágala avanzar, o ciérrela.",
    },
    "opportunity_silence": {
        "en": "Nobody has spoken with this customer for two weeks: get in touch.",
        "es": "Nadie ha hablado con este cliente desde hace dos semanas: póngase en contacto.",
    },
    "opportunity_close_date": {
        "en": "The close date of this opportunity has passed: move it, or close it.",
        "es": "Ha pasado la fecha de cierre de esta oportunidad: cámbiela, o ciérrela.",
    },
    "opportunity_stale": {
        "en": "An opportunity has been stale for a week: see to it with whoever has it.",
        "es": "Una oportunidad lleva parada una semana: véala con quien la tiene.",
    },
    "objective_look": {
        "en": "Look at {kpi}: {explanation}",
        "es": "Mire {kpi}: va por {actual}; a {day} debería ir por {expected}, y a este ritmo acabará en {projected}.",
    },
    "objective_review": {
        "en": "Review the objective {kpi}: {explanation}",
        "es": "Revise el objetivo {kpi}: va por {actual}; a {day} debería ir por {expected}, y a este ritmo acabará en "
        "{projected}.",
    },
    "order_overdue": {
        "en": "Order {number} has not been shipped yet: find out why.",
        "es": "El pedido {number} no ha salido todavía: averigüe por qué.",
    },
    "an_order_overdue": {
        "en": "An order has not been shipped yet: find out why.",
        "es": "Un pedido no ha salido todavía: averigüe por qué.",
    },
    "order_differs": {
        "en": "Order {number} differs in the business system ({aspect}): find out which is right.",
        "es": "El pedido {number} es distinto en el ERP ({aspect}): averigüe cuál es el bueno.",
    },
    "an_order_differs": {
        "en": "An order differs in the business system ({aspect}): find out which is right.",
        "es": "Un pedido es distinto en el ERP ({aspect}): averigüe cuál es el bueno.",
    },
    "quote_call": {
        "en": "Call the customer about quote {number}: is there anything to clear up?",
        "es": "Llame al cliente por el presupuesto {number}: ¿hay algo que aclarar?",
    },
    "a_quote_call": {
        "en": "Call the customer about this quote: is there anything to clear up?",
        "es": "Llame al cliente por este presupuesto: ¿hay algo que aclarar?",
    },
    "report_not_allowed": {
        "en": "{name} may not see the report {title} as {role}: send it to somebody else, or change their role.",
        "es": "{name} no puede ver el informe {title} como {role}: envíelo a otra persona, o cambie su función.",
    },
    "return_fetch": {
        "en": "Have a return fetched: {goods}.",
        "es": "Mande recoger una devolución: {goods}.",
    },
    "return_undelivered": {
        "en": "Take this return back? It is not known that the order was delivered.",
        "es": "¿Aceptar esta devolución? No consta que el pedido se entregara.",
    },
    "return_too_much": {
        "en": "Take this return back? It is more than is left of the order.",
        "es": "¿Aceptar esta devolución? Es más de lo que queda del pedido.",
    },
    "return_too_late": {
        "en": "Take this return back? It was delivered {days} days ago, which is more than {most}.",
        "es": "¿Aceptar esta devolución? Se entregó hace {days} días, que son más de {most}.",
    },
    "return_replace": {
        "en": "Send a replacement: {goods}.",
        "es": "Envíe otro igual: {goods}.",
    },
    "return_pay_unknown": {
        "en": "Pay a return back? {goods}: the payment is not known.",
        "es": "¿Reembolsar una devolución? {goods}: no consta el pago.",
    },
    "return_pay_condition": {
        "en": "Pay a return back? {goods}: it arrived {condition}.",
        "es": "¿Reembolsar una devolución? {goods}: llegó como {condition}.",
    },
    "survey_call": {
        "en": "Call because of a survey: {scores}",
        "es": "Llame por una encuesta: {scores}",
    },
    "survey_csat": {"en": "satisfaction {csat} of 5", "es": "satisfacción {csat} de 5"},
    "survey_nps": {"en": "recommendation {nps} of 10", "es": "recomendación {nps} de 10"},
    "win_back": {
        "en": "Win back a customer among the best {share} %. {reason}",
        "es": "Recupere a un cliente del mejor {share} %: {days} días sin pedidos, más de {limit}.",
    },
}
"""What is said for each purpose in each language. The names in braces are what it is given."""


def language_of(company: Company, staff_id: UUID | None) -> str:
    """In which of our languages somebody of the company is written to: the one that they speak best; nobody in particular
    in that of the house."""
    if staff_id is None:
        return HOME_LANGUAGE
    spoken = (tag.partition("-")[0].lower() for tag in company.languages(staff_id))
    return next((each for each in spoken if each in LANGUAGES), OTHER_LANGUAGE)


def told(company: Company, staff_id: UUID | None, key: str, **values: object) -> str:
    """What somebody is told, in a line of at most MAX_LINE characters."""
    return said(language_of(company, staff_id), key, **values)


def said(language: str, key: str, **values: object) -> str:
    """The words for something in a language, in a line."""
    line = WORDS[key][language].format(**values)
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def listed(language: str, names: Sequence[str], room: int) -> str:
    """Names between commas, as many as there is room for in so many characters, and how many more there are."""
    whole = ", ".join(names)
    if len(whole) <= room:
        return whole
    for count in range(len(names) - 1, 0, -1):
        text = MORE[language].format(listed=", ".join(names[:count]), more=len(names) - count)
        if len(text) <= room:
            return text
    return str(len(names))
