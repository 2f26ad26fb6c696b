"""P01: whoever was merged is asked as the one that remains, with what is known of both; what is taken back, not at all."""

from uuid import UUID

from domain.consent import GrantConsent, Purpose, WithdrawConsent
from domain.import_batch import RevertImport, StartImport, run_id
from domain.kernel import derived
from domain.merging import MergeCustomers, UnmergeCustomers
from eventstore.envelope import Origin, Request
from tests.processes.shop import NEW_YORK, Shop, local

BATCH = derived("batch")


def merge(shop: Shop, customer: UUID, survivor: UUID) -> None:
    shop.do(MergeCustomers(customer_id=customer, survivor_id=survivor))


def test_what_one_of_them_withdrew_counts_for_both_once_they_are_one(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer(email="eva@shop.test")
    shop.do(GrantConsent(customer_id=ana, purpose=Purpose.SURVEY))
    order = shop.order(ana, "2026-01-10 12:00")
    shop.worker.run()
    shop.do(WithdrawConsent(customer_id=eva, purpose=Purpose.SURVEY))
    merge(shop, eva, ana)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "NO_CONSENT")
    assert shop.mails() == []


def test_what_one_of_them_withdrew_is_their_own_again_once_they_part(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer(email="eva@shop.test")
    shop.do(GrantConsent(customer_id=ana, purpose=Purpose.SURVEY))
    order = shop.order(ana, "2026-01-10 12:00")
    shop.worker.run()
    shop.do(WithdrawConsent(customer_id=eva, purpose=Purpose.SURVEY))
    merge(shop, eva, ana)
    shop.do(UnmergeCustomers(customer_id=eva))
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order)[0] == "DELIVERED"


def test_two_who_are_one_are_asked_once(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer(email="eva@shop.test")
    first, second = shop.order(ana, "2026-01-10 12:00"), shop.order(eva, "2026-01-12 12:00")
    shop.worker.run()
    merge(shop, eva, ana)
    shop.until("2026-02-13 10:00")
    assert (shop.outcome(first)[0], shop.outcome(second)) == ("DELIVERED", ("SUPPRESSED", "CAPPED"))
    assert len(shop.mails()) == 1


def test_a_promise_to_who_was_merged_is_kept_to_the_one_that_remains(shop: Shop) -> None:
    ana, eva = shop.customer(), shop.customer(email=None)
    order = shop.order(eva, "2026-01-10 12:00")
    shop.worker.run()
    merge(shop, eva, ana)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order)[0] == "DELIVERED"
    assert shop.mails()[0]["To"] == "Ana <ana@shop.test>"


def test_what_an_import_said_of_a_customer_is_not_relied_on_once_it_was_taken_back(shop: Shop) -> None:
    ana = shop.customer()
    shop.do(WithdrawConsent(customer_id=ana, purpose=Purpose.SURVEY))
    shop.do(StartImport(import_batch_id=BATCH, source="crm", file="consents.csv", digest="0" * 64))
    grant = GrantConsent(customer_id=ana, purpose=Purpose.SURVEY)
    shop.log.do(grant, Request(origin=Origin.IMPORT, correlation_id=run_id(BATCH, 1), occurred_at=shop.now))
    order = shop.order(ana, "2026-01-10 12:00")
    shop.worker.run()
    shop.do(RevertImport(import_batch_id=BATCH))
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("SUPPRESSED", "NO_CONSENT")


def test_what_the_merged_one_buys_is_promised_with_what_is_known_of_both(shop: Shop) -> None:
    ana, eva = shop.customer(timezone=NEW_YORK, country="US"), shop.customer(email=None)
    merge(shop, eva, ana)
    order = shop.order(eva, "2026-01-10 12:00")
    shop.worker.run()
    assert local(shop.entry(order).due_at, NEW_YORK) == "2026-02-10 10:00"
    shop.until("2026-02-10 20:00")
    assert shop.outcome(order)[0] == "DELIVERED"
    assert shop.mails()[0]["To"] == "Ana <ana@shop.test>"
