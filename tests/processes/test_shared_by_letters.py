"""What all memories share is read once, also for letters, however many are sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from domain.follow_up import Action, ActionKind
from domain.kernel import Command, derived
from domain.order import OrderPlaced
from domain.product import IntroduceProduct, ProductIntroduced
from domain.values import Channel
from eventstore.envelope import Recorded
from processes.contact import Contact, keep, remembers
from processes.policy import Letter, Policy
from projections.touchpoints.due import Due
from tests.conftest import House
from tests.processes.shop import Shop


@dataclass(slots=True)
class Catalogue:
    """What is sold."""

    names: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """A customer, and what is sold."""

    catalogue: Catalogue
    contact: Contact = field(default_factory=Contact)


def test_letters_share_what_they_know_and_know_what_is_new(house: House, tmp_path: Path) -> None:
    policy, learnt = Policy("thanks", version=1, memory=Known, shared=Catalogue), list[str]()
    remembers(policy)

    @policy.learn(ProductIntroduced)
    def introduced(shared: Catalogue, product: ProductIntroduced, at: Recorded) -> None:
        learnt.append(product.sku)
        shared.names[product.sku] = product.name

    @policy.trigger(OrderPlaced)
    def promise(placed: OrderPlaced, at: Recorded, known: Known) -> Iterator[Command]:
        action = Action(kind=ActionKind.SEND_MESSAGE, template="thanks", channel=Channel.EMAIL, about=at.stream_id)
        yield policy.promise(at, "thanks", action, at.occurred_at)

    @policy.due
    def send(due: Due, now: datetime, known: Known) -> Iterator[Command]:
        yield from keep(policy, due, now, known.contact, None)

    @policy.letter
    def write(due: Due, known: Known) -> Letter:
        values = {"product": ", ".join(known.catalogue.names.values())}
        to = known.contact.address() or ""
        return Letter(to=to, name=None, language="en", template="cross_sell", hours=None, values=values)

    shop = Shop(house.log, tmp_path / "mail", policies=[policy])
    customer = shop.customer()
    for sku, name, day in (("cup", "Cup", "2026-01-07"), ("pot", "Pot", "2026-01-08")):
        shop.do(IntroduceProduct(product_id=derived("product", sku), sku=sku, name=name))
        for minute in range(3):
            shop.order(customer, f"{day} 12:0{minute}")
        shop.until(f"{day} 13:00")
    subjects = [mail["Subject"] for mail in shop.mails()]
    assert sorted(subjects) == ["You may like this: Cup"] * 3 + ["You may like this: Cup, Pot"] * 3
    assert sorted(learnt) == ["cup"] * 3 + ["pot"] * 3  # once to react, once to decide, once to write
