"""Erasing: from the request to the certificate, and what stands in the way."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from domain.customer import ChangeAddress, ChangeCustomerProfile, RegisterCustomer
from domain.erasure import DecideErasureBlock, LiftErasureHold, RefuseErasure, RequestErasure, SetErasureHold
from domain.erasure_events import ErasureBasis, ErasureRefusal, ErasureStatus, HoldScope
from domain.follow_up import FollowUpStatus
from domain.identifiers import AddIdentifier, IdentifierType, VerifyIdentifier
from domain.interaction import Direction, ReceiveMessage, StartInteraction
from domain.kernel import Refused, derived
from domain.lead import CaptureLead, ConvertLead, QualifyLead
from domain.merging import MergeCustomers, UnmergeCustomers
from domain.values import Channel
from eventstore.blocked import NOTHING_MORE
from eventstore.bulk import Bulk
from eventstore.envelope import Request
from processes.certificates import certificate, digest_of
from processes.erasing import BLOCK_TERM
from tests.conftest import House
from tests.processes.privacy import Office
from tests.processes.shop import Shop


@pytest.fixture
def office(house: House, tmp_path: Path) -> Office:
    return Office(house.log, house.dsn, tmp_path)


def personal(office: Office, customer: UUID) -> int:
    return int(office.query("select count(*) from es.personal where subject_id = %s", customer)[0][0])


def line(office: Office, customer: UUID) -> tuple[object, ...]:
    office.engine.catch_up()
    [row] = office.query(
        "select name, email, identifiers, held, search from views.customers where customer_id = %s", customer
    )
    return row


NOBODY = (None, None, [], {}, "")


def test_a_person_is_erased_and_it_is_certified(office: Office, shop: Shop) -> None:
    ana, bea = shop.customer(name="Ana Canary", email="ana@shop.test"), shop.customer(name="Bea", email="bea@shop.test")
    shop.do(ChangeAddress(customer_id=ana, street="Calle Canaria 7", postal_code="28001", city="Madrid", country="ES"))
    shop.order(ana, "2026-03-01 10:00")
    office.engine.catch_up()
    [id] = office.erased(ana)
    state = office.state(id)
    assert state.status is ErasureStatus.COMPLETED
    assert (personal(office, ana), personal(office, bea)) == (0, 3)
    assert line(office, ana) == NOBODY
    assert line(office, bea)[0] == "Bea"
    assert office.query("select order_count, revenue from views.customers where customer_id = %s", ana) == [(1, 10)]
    assert office.rebuilt_is_live()
    found = office.log.reader.stream(id)
    completed = found[-1].event
    said = certificate(id, found, completed.checks)  # type: ignore[attr-defined]
    assert digest_of(said) == state.certificate
    assert said["keys_destroyed"][0]["position"] == next(at.position for _, at in found if "keys" in at.type)


def test_a_person_is_blocked_for_the_term_and_destroyed_when_it_is_over(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    id = office.verified(ana)
    office.run()
    state = office.state(id)
    assert (state.status, state.until) == (ErasureStatus.PURGED, office.now + BLOCK_TERM)
    assert {key.state for key in office.custodian.of([ana])} == {"BLOCKED"}
    assert personal(office, ana) == 4  # name, address in two forms, and the note of the request
    assert line(office, ana) == NOBODY
    office.now += BLOCK_TERM
    office.now -= timedelta(days=1)
    office.run()
    assert office.state(id).status is ErasureStatus.PURGED
    office.now += timedelta(days=1)
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.COMPLETED
    assert personal(office, ana) == 0


def test_nobody_is_blocked_before_the_identity_is_verified(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    id = office.asked(ana)
    office.run()
    assert office.state(id).status is ErasureStatus.REQUESTED
    assert line(office, ana)[0] == "Ana"


def test_a_request_that_is_refused_changes_nothing(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    id = office.verified(ana)
    office.do(RefuseErasure(erasure_id=id, reason=ErasureRefusal.LEGAL_CLAIMS))
    office.run()
    assert office.state(id).status is ErasureStatus.REFUSED
    assert line(office, ana)[0] == "Ana"
    assert office.asked(ana) != id  # they may ask again


@pytest.mark.parametrize("scope", list(HoldScope))
def test_what_a_law_keeps_is_blocked_and_not_destroyed_before_it_may(
    office: Office, shop: Shop, scope: HoldScope
) -> None:
    ana = shop.customer()
    shop.do(ChangeAddress(customer_id=ana, street="Calle Canaria 7", postal_code="28001", city="Madrid", country="ES"))
    id = office.verified(ana)
    until = office.now + timedelta(days=400)
    office.do(SetErasureHold(erasure_id=id, scope=scope, legal_basis="CCom art. 30", until=until))
    office.run()
    assert line(office, ana) == NOBODY
    office.at_once(id)
    office.run()
    kept = {key.key_class for key in office.custodian.of([ana]) if key.state != "DESTROYED"}
    there = {"identity", "contact", "text"}
    assert kept == (there if scope is HoldScope.EVERYTHING else there & {scope.lower()})
    if kept:
        assert office.state(id).status is not ErasureStatus.COMPLETED
    office.now = until
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.COMPLETED
    assert personal(office, ana) == 0


def test_a_hold_that_is_lifted_holds_no_longer(office: Office, shop: Shop) -> None:
    id = office.verified(shop.customer())
    office.do(SetErasureHold(erasure_id=id, scope=HoldScope.EVERYTHING, legal_basis="A court"))
    office.run()
    office.at_once(id)
    office.run()
    assert office.state(id).status is ErasureStatus.PURGED
    office.do(LiftErasureHold(erasure_id=id, scope=HoldScope.EVERYTHING))
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.COMPLETED


def test_nothing_is_destroyed_before_the_event_that_says_so_is_sealed(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    id = office.verified(ana)
    office.run()
    office.at_once(id)
    slow = office.hire(seal=lambda: None)
    office.run(slow)
    assert (office.state(id).status, personal(office, ana)) == (ErasureStatus.DESTROYING, 4)
    assert slow.waits_for_seal
    office.seal()
    office.run(office.hire(seal=lambda: None))
    assert (office.state(id).status, personal(office, ana)) == (ErasureStatus.COMPLETED, 0)


def test_nothing_new_is_recorded_of_who_is_blocked_by_whatever_door(office: Office, shop: Shop) -> None:
    ana, bea = shop.customer(), shop.customer(email="bea@shop.test")
    order = shop.order(ana, "2026-03-01 10:00")
    id = office.verified(ana)
    office.run()
    for command in (
        ChangeCustomerProfile(customer_id=ana, name="Ana again"),
        MergeCustomers(customer_id=ana, survivor_id=bea),
        MergeCustomers(customer_id=bea, survivor_id=ana),
        SetErasureHold(erasure_id=derived("nobody"), scope=HoldScope.TEXT, legal_basis="x"),
    ):
        with pytest.raises(Refused):
            shop.do(command)
    with pytest.raises(Refused, match="blocked or was erased") as no:
        shop.order(ana, "2026-03-02 10:00")
    assert (no.value.reason, no.value.field) == (NOTHING_MORE, "customer_id")
    with pytest.raises(Refused, match="blocked or was erased"):
        shop.cancel(order)
    fresh = [(RegisterCustomer(customer_id=derived("c", n), name=f"N{n}"), Request()) for n in range(3)]
    again = (ChangeCustomerProfile(customer_id=ana, language="en"), Request())
    outcomes = Bulk(office.log).do([*fresh, again])
    assert [outcome.events for outcome in outcomes] == [1, 1, 1, 0]
    assert outcomes[3].refused is not None
    assert outcomes[3].refused.reason == NOTHING_MORE
    office.at_once(id)
    office.run()
    with pytest.raises(Refused, match="blocked or was erased"):
        shop.order(ana, "2026-03-02 10:00")


def test_a_customer_is_asked_for_once_at_a_time_and_must_be_known(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    first = office.asked(ana)
    with pytest.raises(Refused, match="There is a request for this customer already"):
        office.asked(ana)
    with pytest.raises(Refused, match="There is no such customer"):
        office.asked(derived("nobody"))
    assert office.state(first).status is ErasureStatus.REQUESTED


def test_all_who_are_taken_to_be_the_person_are_erased(office: Office, shop: Shop) -> None:
    ana, annie, anita, bea = (shop.customer(name=f"Anna {n}", email=f"anna{n}@shop.test") for n in range(4))
    shop.do(MergeCustomers(customer_id=annie, survivor_id=ana))
    shop.do(MergeCustomers(customer_id=anita, survivor_id=ana))
    [id] = office.erased(annie)
    assert set(office.state(id).subjects) == {ana, annie, anita}
    assert [personal(office, each) for each in (ana, annie, anita, bea)] == [0, 0, 0, 3]
    assert line(office, ana) == NOBODY
    assert office.query("select customer_id from views.customers where customer_id = any(%s)", [annie, anita]) == []
    for each in (annie, anita):
        with pytest.raises(Refused, match="blocked or was erased"):
            shop.do(UnmergeCustomers(customer_id=each))
    assert office.rebuilt_is_live()


def test_a_second_request_for_the_same_person_is_answered_by_the_first(office: Office, shop: Shop) -> None:
    ana, annie = shop.customer(), shop.customer(email="annie@shop.test")
    shop.do(MergeCustomers(customer_id=annie, survivor_id=ana))
    first, second = office.verified(ana), office.verified(annie)
    office.run()
    standing = {office.state(id).status for id in (first, second)}
    assert standing == {ErasureStatus.PURGED, ErasureStatus.REFUSED}
    refused = next(state for id in (first, second) if (state := office.state(id)).status is ErasureStatus.REFUSED)
    assert refused.refusal is ErasureRefusal.ALREADY_BLOCKED


def test_what_was_known_before_it_was_known_whom_it_concerns_goes_as_well(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    lead = derived("lead", "web")
    shop.do(CaptureLead(lead_id=lead, source="web", name="Ana Lead", email="ana.lead@shop.test"))
    shop.do(QualifyLead(lead_id=lead))
    shop.do(ConvertLead(lead_id=lead, customer_id=ana))
    assert personal(office, lead) > 0
    office.erased(ana)
    assert personal(office, lead) == 0


def test_an_identifier_is_free_again_and_whoever_holds_it_too_owns_it(office: Office, shop: Shop) -> None:
    ana, bea = shop.customer(email="both@shop.test"), shop.customer(email="both@shop.test")
    shop.do(VerifyIdentifier(customer_id=ana, type=IdentifierType.EMAIL, value="both@shop.test", method="link"))
    assert office.log.owner("EMAIL", "both@shop.test") == ana
    office.erased(ana)
    assert office.log.holders("EMAIL", "both@shop.test") == [bea]
    assert office.query("select owner, firm from es.claim where holder = %s and until is null", bea) == [(True, False)]
    shop.do(VerifyIdentifier(customer_id=bea, type=IdentifierType.EMAIL, value="both@shop.test", method="link"))
    assert office.log.owner("EMAIL", "both@shop.test") == bea
    before = sorted(office.query("select kind, key, holder, owner, firm from es.claim where until is null"), key=str)
    office.log.rebuild_claims()
    assert (
        sorted(office.query("select kind, key, holder, owner, firm from es.claim where until is null"), key=str)
        == before
    )
    carla = shop.customer(email="carla@shop.test")
    shop.do(AddIdentifier(customer_id=carla, type=IdentifierType.EMAIL, value="both@shop.test"))


def test_what_was_promised_is_taken_back_and_nothing_is_promised_any_more(office: Office, shop: Shop) -> None:
    ana, bea = shop.customer(), shop.customer(email="bea@shop.test")
    promised, kept = shop.order(ana, "2026-05-20 10:00"), shop.order(bea, "2026-05-20 10:00")
    shop.worker.run()
    late = shop.order(ana, "2026-05-25 10:00")  # nobody has seen it yet
    office.verified(ana)
    office.run()
    shop.worker.run()
    assert shop.outcome(promised) == ("CANCELLED", "BLOCKED")
    assert shop.outcome(kept) == ("SCHEDULED", None)
    assert [
        (each.status, each.reason) for each in shop.ledger() if each.reason == "BLOCKED" and each.step == "none"
    ] == [(FollowUpStatus.SUPPRESSED, "BLOCKED")]
    assert late not in {each.trigger for each in shop.ledger("survey")}
    shop.until("2026-06-22 10:00")
    assert {str(mail["To"]) for mail in shop.mails()} == {"Ana <bea@shop.test>"}


def test_letters_and_mails_that_came_in_are_removed(house: House, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for place in ("new", "cur", "tmp"):
        (inbox / place).mkdir(parents=True)
    office = Office(house.log, house.dsn, tmp_path, inbox=inbox)
    shop = Shop(house.log, tmp_path / "mail")
    ana, bea = shop.customer(email="ana@shop.test"), shop.customer(email="bea@shop.test")
    shop.order(ana, "2026-01-10 10:00")
    shop.order(bea, "2026-01-10 10:00")
    shop.until("2026-02-10 10:00")
    assert len(shop.mails()) == 2
    mails = {"1": "Ana <ANA@shop.test>", "2": "bea@shop.test", "3": "ana.privately@home.test"}
    for number, sender in mails.items():
        text = f"From: {sender}\nTo: crm@shop.test\nMessage-ID: <{number}@mail.test>\nSubject: hello\n\nI am here\n"
        (inbox / "cur" / f"{number}:2,S").write_text(text)
    talk = derived("interaction", "talk")
    shop.do(StartInteraction(interaction_id=talk, customer_id=ana, channel=Channel.EMAIL, direction=Direction.IN))
    shop.do(ReceiveMessage(interaction_id=talk, message_id="<3@mail.test>", subject="hello", text="I am here"))
    office.erased(ana)
    assert {str(mail["To"]) for mail in shop.mails()} == {"Ana <bea@shop.test>"}
    assert [path.name[0] for path in (inbox / "cur").iterdir()] == ["2"]


def test_many_are_erased_in_one_go(office: Office, shop: Shop) -> None:
    people = [shop.customer(name=f"Somebody {n}", email=f"somebody{n}@shop.test") for n in range(12)]
    ids = office.erased(*people[:8])
    assert {office.state(id).status for id in ids} == {ErasureStatus.COMPLETED}
    names = {row[0] for row in office.query("select name from views.customers")}
    assert names == {None, *(f"Somebody {n}" for n in range(8, 12))}
    assert office.rebuilt_is_live()


def test_without_an_officer_nobody_is_blocked_and_it_goes_on_once_there_is_one(
    house: House, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    office = Office(house.log, house.dsn, tmp_path)
    office.query("delete from keys.blocking_key returning id")
    id = office.verified(shop.customer())
    office.run()
    assert office.state(id).status is ErasureStatus.BLOCKED
    assert "there is no officer" in caplog.text
    office.custodian.name_officer(office.officer.public)
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.PURGED


def test_a_term_that_is_over_needs_no_officer(house: House, shop: Shop, tmp_path: Path) -> None:
    office = Office(house.log, house.dsn, tmp_path)
    office.query("delete from keys.blocking_key returning id")
    id = office.verified(shop.customer())
    office.run()
    office.at_once(id)
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.COMPLETED


def test_the_officer_may_shorten_and_lengthen_the_term(office: Office, shop: Shop) -> None:
    id = office.verified(shop.customer())
    office.run()
    longer = office.now + timedelta(days=4000)
    office.do(DecideErasureBlock(erasure_id=id, until=longer, legal_basis="A court"))
    office.now += timedelta(days=3000)
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.PURGED
    office.now = longer
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.COMPLETED


def test_who_was_erased_may_come_back_as_somebody_new(office: Office, shop: Shop) -> None:
    ana = shop.customer(email="ana@shop.test")
    office.erased(ana)
    again = shop.customer(email="ana@shop.test")
    assert again != ana
    assert office.log.holders("EMAIL", "ana@shop.test") == [again]
    id = derived("again")
    office.do(RequestErasure(erasure_id=id, customer_id=again, basis=ErasureBasis.OBJECTED))
    assert office.state(id).status is ErasureStatus.REQUESTED


def test_a_term_that_was_lengthened_counts_for_what_is_still_there(office: Office, shop: Shop) -> None:
    ana = shop.customer()
    id = office.verified(ana)
    office.do(SetErasureHold(erasure_id=id, scope=HoldScope.TEXT, legal_basis="A court"))
    office.run()
    office.at_once(id)
    office.run()
    assert office.state(id).status is ErasureStatus.DESTROYING
    longer = office.now + timedelta(days=1000)
    office.do(DecideErasureBlock(erasure_id=id, until=longer, legal_basis="A court"))
    office.do(LiftErasureHold(erasure_id=id, scope=HoldScope.TEXT))
    office.run(office.hire())
    assert {key.key_class for key in office.custodian.of([ana]) if key.state != "DESTROYED"} == {"text"}
    office.now = longer
    office.run(office.hire())
    assert office.state(id).status is ErasureStatus.COMPLETED
