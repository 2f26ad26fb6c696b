"""Messages without a survey: by the channel that was promised, in one form, and with a way to be left alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.survey_form import survey_form
from api.withdrawal_form import withdrawal_form
from domain.consent import ConsentWithdrawn, GrantConsent, Purpose
from domain.follow_up import CancelFollowUp
from domain.kernel import derived
from domain.merging import MergeCustomers
from domain.values import Channel
from processes.contact import LANGUAGES
from processes.letters import templates
from processes.links import MESSAGE, token
from processes.policy import Policy
from processes.ports import FolderPort, folder_ports
from tests.conftest import House
from tests.processes.messenger import STEP, messenger, willing
from tests.processes.shop import SECRET, Shop
from tests.processes.test_survey_form import Browser

NOON = "2026-01-12 12:00"


def shop_of(house: House, folder: Path, *policies: Policy) -> Shop:  # type: ignore[type-arg]
    shop = Shop(house.log, folder / "mail", policies=policies or [messenger()])
    shop.until(NOON)
    return shop


def browser_of(shop: Shop) -> Browser:
    app = FastAPI()
    app.include_router(survey_form(shop.log, SECRET, "La Tienda"))
    app.include_router(withdrawal_form(shop.log, SECRET, "La Tienda"))
    return Browser(app)


def link_of(shop: Shop) -> str:
    [link] = {mail["List-Unsubscribe"].strip("<>") for mail in shop.mails()}
    return str(link).removeprefix("https://shop.test")


def withdrawals(shop: Shop) -> list[ConsentWithdrawn]:
    return [event for event, _ in shop.events() if isinstance(event, ConsentWithdrawn)]


@pytest.fixture
def shop(house: House, tmp_path: Path) -> Shop:
    return shop_of(house, tmp_path)


def test_a_message_has_a_subject_its_paragraphs_and_a_way_out(shop: Shop) -> None:
    shop.order(willing(shop), NOON)
    shop.until(NOON)
    [mail] = shop.mails()
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert mail["Subject"] == "Tazas <nuevas>"
    link = f"https://shop.test{link_of(shop)}"
    assert text.get_content() == (
        "Hola, Ana:\n\nHan llegado.\n\nVenga a verlas.\n\nLa Tienda\n\n--\n"
        f"Si prefiere no recibir más mensajes como este: {link}\n"
    )
    assert "<p>Han llegado.</p>\n<p>Venga a verlas.</p>" in html.get_content()
    assert f'<a href="{link}">' in html.get_content()
    assert "<title>Tazas &lt;nuevas&gt;</title>" in html.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_belongs_to_an_order_has_no_way_out(house: House, tmp_path: Path) -> None:
    shop = shop_of(house, tmp_path, messenger(purpose=None))
    shop.order(shop.customer(language="en"), NOON)
    shop.until(NOON)
    [mail] = shop.mails()
    assert (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"]) == (None, None)
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert "/u/" not in part.get_content()
        assert "rather not" not in part.get_content()
    id = shop.ledger(STEP)[0].follow_up_id
    assert browser_of(shop).post(f"/u/{token(SECRET, id, MESSAGE)}").status_code == 404


def test_looking_at_the_link_withdraws_nothing_and_one_click_withdraws_once(shop: Shop) -> None:
    customer = willing(shop)
    shop.order(customer, NOON)
    shop.until(NOON)
    browser, link = browser_of(shop), link_of(shop)
    page = browser.get(link)
    assert (page.status_code, withdrawals(shop)) == (200, [])
    assert '<html lang="es">' in page.text
    assert "No le enviaremos más publicidad por correo electrónico." in page.text
    assert f'<form method="post" action="{link}">' in page.text
    for _ in range(2):
        page = browser.post(link, data={"List-Unsubscribe": "One-Click"})
        assert (page.status_code, "De acuerdo" in page.text) == (200, True)
    [said] = withdrawals(shop)
    assert said == ConsentWithdrawn(customer_id=customer, purpose=Purpose.MARKETING, channel=Channel.EMAIL, reason=None)
    [(actor, chain)] = [
        (at.actor, at.correlation_id) for event, at in shop.events() if event is not None and event == said
    ]
    assert actor == f"customer:{customer}"
    assert chain == next(
        at.correlation_id for _, at in shop.events() if at.stream_id == shop.ledger(STEP)[0].follow_up_id
    )
    shop.order(customer, "2026-01-20 12:00")
    shop.until("2026-01-20 12:00")
    assert [(each.status, each.reason) for each in shop.ledger(STEP)] == [
        ("DELIVERED", None), ("SUPPRESSED", "NO_CONSENT"),
    ]  # fmt: skip


def test_the_page_speaks_the_language_of_the_message(shop: Shop) -> None:
    shop.order(willing(shop, language="en"), NOON)
    shop.until(NOON)
    page = browser_of(shop).get(link_of(shop))
    assert "We will not send you any more advertising by e-mail." in page.text
    assert "¿No quiere más" in browser_of(shop).get(link_of(shop).replace("lang=en", "lang=es")).text


def test_who_agreed_again_after_a_merge_can_withdraw_again(shop: Shop) -> None:
    first, second = willing(shop), willing(shop, email="bea@shop.test")
    shop.order(first, NOON)
    shop.until(NOON)
    browser, link = browser_of(shop), link_of(shop)
    browser.post(link)
    shop.do(MergeCustomers(customer_id=first, survivor_id=second))
    shop.do(GrantConsent(customer_id=second, purpose=Purpose.MARKETING, channel=Channel.EMAIL))
    browser.post(link)
    assert [said.customer_id for said in withdrawals(shop)] == [first, second]


@pytest.mark.parametrize("wrong", ["x", "é", "A" * 43, "A" * 10_000, "%00"])
def test_a_link_that_is_not_ours_leads_nowhere(shop: Shop, wrong: str) -> None:
    browser = browser_of(shop)
    assert browser.get(f"/u/{wrong}").status_code == 404
    page = browser.post(f"/u/{wrong}?lang=es")
    assert (page.status_code, "no lleva a ninguna parte" in page.text) == (404, True)


def test_a_link_leads_to_its_own_place_alone(shop: Shop) -> None:
    customer = willing(shop)
    shop.order(customer, NOON)
    shop.until(NOON)
    id = shop.ledger(STEP)[0].follow_up_id
    browser = browser_of(shop)
    assert browser.get(f"/u/{token(SECRET, id)}").status_code == 404
    assert browser.get(f"/s/{token(SECRET, id, MESSAGE)}").status_code == 404
    assert browser.post(f"/u/{token(b'another secret', id, MESSAGE)}").status_code == 404
    assert browser.post(f"/u/{token(SECRET, customer, MESSAGE)}").status_code == 404
    assert browser.post(f"/u/{token(SECRET, derived('nothing'), MESSAGE)}").status_code == 404
    assert withdrawals(shop) == []


def test_a_database_that_is_away_is_a_page_too(shop: Shop) -> None:
    shop.order(willing(shop), NOON)
    shop.until(NOON)
    browser, link = browser_of(shop), link_of(shop)
    shop.log.pool.close()
    page = browser.post(link)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(("channel", "folder"), [(Channel.SMS, "sms"), (Channel.PHONE, "calls")])
def test_a_note_is_one_file_in_the_folder_of_its_channel(
    house: House, tmp_path: Path, channel: Channel, folder: str
) -> None:
    shop = shop_of(house, tmp_path, messenger(channel))
    order = shop.order(willing(shop), NOON)
    for _ in range(2):
        shop.until(NOON)
    assert shop.outcome(order, STEP) == ("DELIVERED", None)
    id = shop.ledger(STEP)[0].follow_up_id
    [file] = (tmp_path / folder / "new").iterdir()
    note = json.loads(file.read_text())
    assert shop.ledger(STEP)[0].provider_ref == file.name == f"{id}.json"
    assert {name: note[name] for name in ("id", "channel", "to", "name", "language", "subject")} == {
        "id": str(id), "channel": channel, "to": "+34600111222", "name": "Ana", "language": "es",
        "subject": "Tazas <nuevas>",
    }  # fmt: skip
    assert note["text"].startswith("Hola, Ana:\n\nHan llegado.")
    assert f"https://shop.test/u/{token(SECRET, id, MESSAGE)}" in note["text"]
    assert shop.mails() == []


def test_a_port_knows_what_was_sent_on_and_never_doubles_it(house: House, tmp_path: Path) -> None:
    shop = shop_of(house, tmp_path, messenger(Channel.SMS))
    shop.order(willing(shop), NOON)
    shop.until(NOON)
    port, id = FolderPort(tmp_path / "sms"), shop.ledger(STEP)[0].follow_up_id
    [file] = (tmp_path / "sms" / "new").iterdir()
    assert port.was_sent(id) == file.name
    file.rename(tmp_path / "sms" / "done" / file.name)
    assert port.was_sent(id) == file.name
    assert port.was_sent(derived("nothing")) is False
    port.send(id, None)  # type: ignore[arg-type]  # it is not looked at
    assert list((tmp_path / "sms" / "new").iterdir()) == []


def test_a_folder_that_cannot_be_written_means_later(house: House, tmp_path: Path) -> None:
    shop = shop_of(house, tmp_path, messenger(Channel.SMS))
    order = shop.order(willing(shop), NOON)
    (tmp_path / "sms" / "new").rmdir()
    shop.until(NOON)
    assert shop.entry(order, STEP).error == "The folder cannot be written: No such file or directory."
    folder_ports(tmp_path)
    shop.until("2026-01-12 12:01")
    assert shop.outcome(order, STEP) == ("DELIVERED", None)


def test_a_channel_that_nothing_leaves_by_is_told_and_not_tried_again(house: House, tmp_path: Path) -> None:
    shop = shop_of(house, tmp_path, messenger(Channel.FAX))
    order = shop.order(willing(shop), NOON)
    shop.until(NOON)
    entry = shop.entry(order, STEP)
    assert (entry.status, entry.error) == ("FAILED", "There is no way to send by FAX.")


def test_a_template_that_is_not_there_is_told_and_not_tried_again(house: House, tmp_path: Path) -> None:
    shop = shop_of(house, tmp_path, messenger(template="nothing"))
    order = shop.order(willing(shop), NOON)
    shop.until(NOON)
    entry = shop.entry(order, STEP)
    assert (entry.status, entry.attempts) == ("FAILED", 1)
    assert (entry.error or "").startswith("The template nothing.es.txt cannot be filled in")
    shop.do(CancelFollowUp(follow_up_id=entry.follow_up_id, reason="NEVER"))  # it is over
    assert shop.outcome(order, STEP)[0] == "FAILED"


def test_nothing_goes_by_a_channel_that_nobody_asked_consent_for(house: House, tmp_path: Path) -> None:
    policy = messenger(Channel.SMS)
    write = policy.writers[0]
    policy.writers[0] = lambda due, known: replace(write(due, known), channel=Channel.EMAIL, to="ana@shop.test")
    shop = shop_of(house, tmp_path, policy)
    order = shop.order(willing(shop), NOON)
    shop.until(NOON)
    assert (shop.outcome(order, STEP)[0], shop.entry(order, STEP).attempts, shop.mails()) == ("DISPATCHED", 0, [])


def test_every_template_is_there_in_both_languages_as_text_and_as_html() -> None:
    """What is only ever spoken needs no HTML."""
    frames, spoken = {"letter.html", "message.html"}, {"callback_offer"}
    names = {name.split(".")[0] for name in templates.list_templates() if name not in frames}
    wanted = {
        f"{name}.{language}.{form}"
        for name in names
        for language in LANGUAGES
        for form in ("txt", "html")
        if form == "txt" or name not in spoken
    }
    assert wanted | frames == set(templates.list_templates())


def test_a_template_that_builds_on_the_message_says_only_what_is_its_own() -> None:
    values = {"name": "", "company": "La Tienda", "decline": "", "number": "N7"}
    blocks = "{% block subject %}Order {{ number }}{% endblock %}{% block body %}\nIt left.\n{% endblock %}"
    own = '{% extends "message.en.txt" %}' + blocks
    assert templates.from_string(own).render(values) == "Order N7\nHello,\n\nIt left.\n\nLa Tienda\n"
