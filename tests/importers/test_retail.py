import zlib
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from domain.customer import CustomerRegistered
from domain.interaction import InteractionLogged
from domain.kernel import Refused, reference
from domain.order import GoodsReturned, LinesReturned, OrderPlaced
from domain.product import ProductIntroduced
from tests.conftest import House
from tests.importers.conftest import Import, happened, imported, refusals

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
WHOLE_FILE = Path(__file__).parents[3] / "shared/data/online_retail/online_retail.csv.gz"

SALE = HEADER + (
    "1001,A1,RED MUG,6,2010-12-01 08:26:00,2.55,17,United Kingdom\n"
    '1001,B2,"BLUE, ROUND JUG",1,2010-12-01 08:26:00,3.395,17,United Kingdom\n'
    "1001,A1,RED MUG,6,2010-12-01 08:26:00,2.55,17,United Kingdom\n"
    "1001,F0,A GIFT,2,2010-12-01 08:27:00,0,17,United Kingdom\n"
)


def orders(house: House) -> list[OrderPlaced]:
    return [event for event in happened(house) if isinstance(event, OrderPlaced)]


def returns(house: House) -> list[tuple[str, str, int]]:
    """(order or credit note, article, pieces) of everything that came back, in the order of the log."""
    names = {reference("order", "retail", name): name for name in ("1001", "1002", "1003", "C1", "C2", "C3")}
    return [
        (names[at.stream_id], line.sku, line.quantity)
        for event, at in imported(house)
        if isinstance(event, LinesReturned | GoodsReturned)
        for line in event.lines
    ]


def test_an_invoice_is_an_order_with_its_customer_and_its_products(house: House, load: Import) -> None:
    report = load("retail", SALE)
    assert (report.taken, report.complete) == (5, True)
    customer, *products, order = happened(house)
    assert isinstance(customer, CustomerRegistered)
    assert (customer.name, customer.country, customer.timezone, customer.language) == (
        None,
        "United Kingdom",
        "Europe/London",
        "en",
    )
    assert [(p.sku, p.name) for p in products if isinstance(p, ProductIntroduced)] == [
        ("A1", "RED MUG"), ("B2", "BLUE, ROUND JUG"), ("F0", "A GIFT"),
    ]  # fmt: skip
    assert isinstance(order, OrderPlaced)
    assert order.customer_id == reference("customer", "retail", "17")
    assert [(line.sku, line.quantity) for line in order.lines] == [("A1", 6), ("B2", 1), ("A1", 6), ("F0", 2)]
    assert (order.total.amount, order.total.currency, order.number) == (Decimal("33.995"), "GBP", "1001")


def test_times_are_local_and_everything_happened_at_them(house: House, load: Import) -> None:
    load("retail", SALE.replace("2010-12-01", "2011-07-01"))
    assert {at.occurred_at for _, at in imported(house)} == {
        datetime.fromisoformat("2011-07-01T07:26:00Z"), datetime.fromisoformat("2011-07-01T07:27:00Z"),
    }  # fmt: skip


def test_columns_may_stand_in_any_order_and_be_more(house: House, load: Import) -> None:
    turned = "\n".join(",".join([*line.split(",")[::-1], "more"]) for line in SALE.splitlines() if '"' not in line)
    load("retail", turned.replace("more", "Warehouse", 1))
    assert orders(house)[0].total.amount == Decimal("30.60")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (HEADER.replace("UnitPrice", "Price"), "UnitPrice"),
        (HEADER.replace("Country", "InvoiceNo"), "InvoiceNo"),
        ("", "file"),
        ("\n\n", "file"),
    ],
)
def test_a_file_with_another_header_is_refused_naming_the_column(load: Import, header: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        load("retail", header)
    assert refused.value.field == field


def test_goods_come_back_to_the_latest_orders_that_still_have_them(house: House, load: Import) -> None:
    load("retail", HEADER + (
        "1001,A1,MUG,5,2010-12-01 08:00:00,2.50,17,UK\n"
        "1001,A1,MUG,5,2010-12-01 08:00:00,2.50,17,UK\n"
        "1002,A1,MUG,3,2010-12-02 08:00:00,2.00,17,UK\n"
        "1003,A1,MUG,9,2010-12-02 09:00:00,2.00,18,UK\n"
        "C1,A1,MUG,-4,2010-12-03 08:00:00,2.00,17,UK\n"
        "C2,A1,MUG,-12,2010-12-04 08:00:00,2.50,17,UK\n"
        "C3,D,DISCOUNT,-1,2010-12-05 08:00:00,27.50,17,UK\n"
    ))  # fmt: skip
    assert returns(house) == [("1002", "A1", 3), ("1001", "A1", 1), ("1001", "A1", 9), ("C2", "A1", 3), ("C3", "D", 1)]
    worth = sum(e.value.amount for e in happened(house) if isinstance(e, LinesReturned | GoodsReturned))
    assert worth == Decimal("4") * 2 + Decimal("12") * Decimal("2.50") + Decimal("27.50")


def test_what_is_bought_after_a_credit_note_was_not_returned_by_it(house: House, load: Import) -> None:
    load("retail", HEADER + (
        "1001,A1,MUG,5,2010-12-09 08:00:00,2.50,17,UK\n"
        "C1,A1,MUG,-4,2010-12-03 08:00:00,2.50,17,UK\n"
    ))  # fmt: skip
    assert returns(house) == [("C1", "A1", 4)]


def test_two_equal_lines_of_a_credit_note_are_two(house: House, load: Import) -> None:
    text = SALE + "C1,A1,RED MUG,-2,2010-12-03 08:00:00,2.55,17,UK\n" * 2
    load("retail", text)
    assert returns(house) == [("1001", "A1", 2), ("1001", "A1", 2)]
    assert load("retail", text).taken == 0


def test_gifts_alone_are_a_contact(house: House, load: Import) -> None:
    load("retail", HEADER + "1001,A1,MUG,5,2010-12-09 08:00:00,0.0,17,UK\n1001,B2,,1,2010-12-09 08:00:00,0,17,UK\n")
    gift = happened(house)[-1]
    assert isinstance(gift, InteractionLogged)
    assert (gift.topic, gift.text, gift.direction) == ("free-goods", "5 x A1 MUG\n1 x B2", "OUT")
    assert orders(house) == []


def test_what_concerns_no_customer_is_left_aside_and_counted(house: House, load: Import) -> None:
    report = load("retail", HEADER + (
        "1001,A1,MUG,5,2010-12-09 08:00:00,1.0,,UK\n"
        "C1,A1,MUG,-5,2010-12-09 08:00:00,1.0,,UK\n"
        "A506401,B,Adjust bad debt,1,2011-08-12 14:50:00,-11062.06,,UK\n"
        "1002,A1,broken,-5,2010-12-09 08:00:00,0,17,UK\n"
    ))  # fmt: skip
    assert report.left_aside == {
        "it names no customer": 2, "it adjusts an account, and is no invoice": 1, "it writes stock off": 1,
    }  # fmt: skip
    assert (report.refused, len(imported(house))) == (0, 0)


def test_the_lines_of_an_invoice_need_not_be_quite_together(house: House, load: Import) -> None:
    other = "1002,A1,MUG,1,2010-12-09 08:00:00,2.50,18,UK\n"
    line = "1001,A1,MUG,5,2010-12-09 08:00:00,2.50,17,UK\n"
    assert load("retail", HEADER + line + other + line).complete
    assert Counter(order.total.amount for order in orders(house)) == {Decimal("25"): 1, Decimal("2.5"): 1}


def test_lines_that_come_long_after_their_invoice_are_refused(house: House, load: Import) -> None:
    others = "".join(f"2{n:03},A1,MUG,1,2010-12-09 08:00:00,2.50,18,UK\n" for n in range(20))
    line = "1001,A1,MUG,5,2010-12-09 08:00:00,2.50,17,UK\n"
    report = load("retail", HEADER + line + others + line)
    assert refusals(report) == [(23, "InvoiceNo")]
    assert len(orders(house)) == 21


BAD = [
    ("1001,A1,MUG,five,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("1001,A1,MUG,0,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("1001,A1,MUG,1.5,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("1001,A1,MUG,=1+1,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("1001,A1,MUG,٣,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("1001,A1,MUG,99999999999,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("C1,A1,MUG,1,2010-12-09 08:00:00,2.50,17,UK", "Quantity"),
    ("1001,A1,MUG,1,2010-12-09 08:00:00,-2.50,17,UK", "UnitPrice"),
    ("1001,A1,MUG,1,2010-12-09 08:00:00,NaN,17,UK", "UnitPrice"),
    ("1001,A1,MUG,1,2010-12-09 08:00:00,,17,UK", "UnitPrice"),
    ("1001,A1,MUG,1,2010-12-09 08:00:00,1e99,17,UK", "UnitPrice"),
    ("1001,A1,MUG,1,09/12/2010 08:00,2.50,17,UK", "InvoiceDate"),
    ("1001,A1,MUG,1,2010-12-09,2.50,17,UK", "InvoiceDate"),
    ("1001,A1,MUG,1,2010-12-09T08:00:00Z,2.50,17,UK", "InvoiceDate"),
    ("1001,A1,MUG,1,1010-12-09 08:00:00,2.50,17,UK", "InvoiceDate"),
    ("1001,A1,MUG,1,9910-12-09 08:00:00,2.50,17,UK", "InvoiceDate"),
    ("1001,A1," + "M" * 201 + ",1,2010-12-09 08:00:00,2.50,17,UK", "Description"),
    ("1001,,MUG,1,2010-12-09 08:00:00,2.50,17,UK", "StockCode"),
    (",A1,MUG,1,2010-12-09 08:00:00,2.50,17,UK", "InvoiceNo"),
    ("1001,A1,MUG,1,2010-12-09 08:00:00,2.50,17", None),
    ('1001,A1,"MUG,1,2010-12-09 08:00:00,2.50,17,UK', None),
    ("1001,A1,M\0UG,1,2010-12-09 08:00:00,2.50,17,UK", None),
]


def test_a_bad_line_names_its_column_and_never_loses_a_good_one(house: House, load: Import) -> None:
    good = "1001,A1,MUG,1,2010-12-09 08:00:00,2.50,17,UK\n"
    report = load("retail", HEADER + "".join(f"{bad}\n{good}" for bad, _ in BAD))
    assert refusals(report) == [(2 * n + 2, field) for n, (_, field) in enumerate(BAD)]
    assert [order.total.amount for order in orders(house)] == [Decimal("2.5") * len(BAD)]


def test_a_line_in_another_encoding_is_refused_alone(house: House, load: Import) -> None:
    lines = "1001,A1,TÉ,1,2010-12-09 08:00:00,2.50,17,UK\n"
    report = load("retail", (HEADER + lines).encode() + lines.encode("cp1252") + lines.encode())
    assert refusals(report) == [(3, None)]
    assert "Byte 10 of this line is not UTF-8" in report.refusals[0].reason
    assert orders(house)[0].total.amount == 5


def test_an_invoice_that_comes_again_with_other_lines_is_refused_and_not_passed_over(load: Import) -> None:
    load("retail", SALE)
    report = load("retail", SALE.replace("RED MUG,6", "RED MUG,7"))
    assert [each.reason for each in report.refusals] == ["This order has already been placed."]


def test_an_invoice_that_may_not_be_complete_waits_for_the_whole_file(house: House, load: Import) -> None:
    compress = zlib.compressobj(wbits=31)
    more = "1002,A1,MUG,5,2010-12-09 08:00:00,2.50,17,UK\n"
    cut = compress.compress((SALE + more).encode()) + compress.flush(zlib.Z_SYNC_FLUSH)
    report = load("retail", cut)
    assert report.damage is not None
    assert refusals(report) == [(6, "InvoiceNo")]
    assert [order.number for order in orders(house)] == ["1001"]
    assert load("retail", SALE + more * 2).complete
    assert [order.total.amount for order in orders(house)] == [Decimal("33.995"), 25]


@pytest.mark.skipif(not WHOLE_FILE.exists(), reason="the Online Retail file is not part of the repository")
def test_the_whole_file_comes_to_the_published_figures(house: House, load: Import) -> None:
    report = load("retail", WHOLE_FILE)
    assert (report.refused, report.damage, sum(report.left_aside.values())) == (0, None, 135_080)
    head = len(imported(house))
    assert report.events == head
    placed, worth, back, registered = set(), Decimal(0), Decimal(0), 0
    count = 0
    for page in house.log.reader.fold(
        types=house.log.codec.names([OrderPlaced, LinesReturned, GoodsReturned, CustomerRegistered])
    ):
        for event, _ in page:
            match event:
                case OrderPlaced():
                    count += 1
                    placed.add(event.customer_id)
                    worth += event.total.amount
                case LinesReturned() | GoodsReturned():
                    back += event.value.amount
                case _:
                    registered += 1
    assert (count, len(placed), worth) == (18_532, 4_338, Decimal("8911407.904"))
    assert (back, registered) == (Decimal("611342.09"), 4_372)
    again = load("retail", WHOLE_FILE)
    assert (again.taken, again.events, again.refused, len(imported(house))) == (0, 0, 0, head)
