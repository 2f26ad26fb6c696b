"""P01: nobody is asked about an order whose last lines were called off."""

import pytest

from processes import points
from tests.processes.shop import Shop


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize(
    ("pieces", "outcome"), [(1, ("DELIVERED", None)), (2, ("CANCELLED", "ORDER_CANCELLED"))], ids=["partly", "fully"]
)
def test_an_order_whose_last_lines_were_called_off_is_not_surveyed(
    shop: Shop, pieces: int, outcome: tuple[str, str | None], seen: bool
) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00", pieces=2)
    shop.worker.run()
    shop.call_off(order, pieces)
    if seen:
        shop.worker.run()
        assert shop.outcome(order)[0] == ("CANCELLED" if pieces == 2 else "SCHEDULED")
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == outcome


@pytest.mark.parametrize("point", ["firing: decided", "delivery: decided"])
def test_what_is_called_off_while_the_worker_decides_is_not_surveyed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    order = shop.order(shop.customer(), "2026-01-10 12:00", pieces=2)
    shop.worker.run()
    pieces = iter([1, 1])

    def reached(here: str) -> None:
        if here == point:
            for each in pieces:
                shop.call_off(order, each)

    monkeypatch.setattr(points, "reached", reached)
    shop.until("2026-02-10 10:00")
    assert shop.outcome(order) == ("CANCELLED", "ORDER_CANCELLED")
    assert shop.mails() == []
