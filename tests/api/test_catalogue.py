"""The catalogue, the papers of an order, leads, quotes, carts and people as GraphQL shows them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.house import House
from api.schema import execute
from domain.activity import ActivityKind, ScheduleActivity
from domain.article import ArticleVisibility, DraftArticle, PublishArticle
from domain.article_use import RecordArticleUsed
from domain.cart import AddCartItem, ConvertCart, StartCart
from domain.customer import RegisterCustomer
from domain.invoice import InvoiceLine, IssueInvoice
from domain.kernel import Command, derived, reference
from domain.lead import AssignLead, CaptureLead
from domain.order import OrderLine, PlaceOrder
from domain.order_sync import OrderAspect, RecordOrderDiscrepancy
from domain.payment import RecordPayment
from domain.price_list import PriceRule, PublishPriceList
from domain.product import IntroduceProduct
from domain.quote import DraftQuote, IssueQuote
from domain.quote_lines import QuoteLine
from domain.returns import RequestReturn, ReturnLine
from domain.staff import AddStaff
from domain.stock import ReportStock
from domain.team import DefineTeam, JoinTeam
from domain.web_session import StartWebSession, TrackWebSession, WebHit, WebHitKind
from eventstore.envelope import Request
from tests.api.conftest import Ask
from tests.api.test_statements import counting

ANA = reference("customer", "shop", "ana")
DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
ROWS = 6


def eva(n: int) -> Any:
    return reference("staff", "hr", f"eva{n}")


def one_of_each(n: int) -> list[Command]:
    """One of everything that is shown, each about an order, a product and somebody of its own."""
    order, invoice, product, visit = (derived(noun, n) for noun in ("order", "invoice", "product", "visit"))
    line = OrderLine(sku=f"SKU{n}", quantity=2, unit_price=Decimal(50))
    hit = WebHit(number=1, kind=WebHitKind.PRODUCT, product=f"SKU{n}", at_s=5)
    article = derived("article", n)
    return [
        AddStaff(staff_id=eva(n), name=f"Eva {n}", manager_id=eva(n + 1)),
        DefineTeam(team_id=derived("team", n), name=f"Team {n}", manager_id=eva(n)),
        JoinTeam(team_id=derived("team", n), staff_id=eva(n)),
        IntroduceProduct(product_id=product, sku=f"SKU{n}", name="Tile", price=Decimal(50), currency="EUR"),
        ReportStock(sku=f"SKU{n}", site="MAD", on_hand=10 + n, as_of=DAY),
        PlaceOrder(order_id=order, customer_id=ANA, lines=(line,)),
        IssueInvoice(
            invoice_id=invoice, number=f"F{n}", customer_id=ANA, order_id=order, issued_on=date(2026, 3, 2),
            due_on=date(2026, 3, 12), lines=(InvoiceLine(sku="A", unit_price=Decimal(100)),),
        ),
        RecordPayment(payment_id=derived("payment", n), customer_id=ANA, amount=Decimal(30), order_id=order),
        RequestReturn(
            return_id=derived("return", n), customer_id=ANA, order_id=order, lines=(ReturnLine(sku=f"SKU{n}", quantity=1),)
        ),
        RecordOrderDiscrepancy(order_id=order, field=OrderAspect.TOTAL, ours="100", theirs="90"),
        CaptureLead(lead_id=derived("lead", n), name=f"Luis {n}", source="fair"),
        AssignLead(lead_id=derived("lead", n), staff_id=eva(n)),
        DraftQuote(
            quote_id=derived("quote", n), customer_id=ANA,
            lines=(QuoteLine(sku=f"SKU{n}", quantity=1, unit_price=Decimal(10)),),
        ),
        IssueQuote(quote_id=derived("quote", n), valid_until=DAY + timedelta(days=9)),
        StartWebSession(web_session_id=visit, anonymous_id="cookie"),
        TrackWebSession(web_session_id=visit, hits=(hit,)),
        StartCart(cart_id=derived("cart", n), web_session_id=visit),
        AddCartItem(cart_id=derived("cart", n), sku=f"SKU{n}", quantity=2, unit_price=Decimal(50)),
        ConvertCart(cart_id=derived("cart", n), order_id=order),
        DraftArticle(article_id=article, key=f"a{n}", language="es", title="Tejas", body="Cómo se ponen.", category="c"),
        PublishArticle(article_id=article, language="es", visibility=ArticleVisibility.PUBLIC),
        RecordArticleUsed(article_id=article, case_id=derived("case", n), staff_id=eva(n)),
        ScheduleActivity(
            activity_id=derived("activity", n), kind=ActivityKind.CALL, subject="Call", staff_id=eva(n),
            starts_at=DAY, duration_s=3600,
        ),
    ]  # fmt: skip


@pytest.fixture
def company(house: House) -> Callable[[int], None]:
    def live(count: int) -> None:
        house.log.do(RegisterCustomer(customer_id=ANA, name="Ana"), Request(occurred_at=DAY))
        for n in range(count):
            for command in one_of_each(n):
                house.log.do(command, Request(occurred_at=DAY))
        house.engine.catch_up()

    return live


def test_an_order_shows_what_was_invoiced_paid_and_sent_back(company: Callable[[int], None], ask: Ask) -> None:
    company(1)
    (order,) = ask(
        """{ orders(first: 5) { nodes { invoiced paid outstanding refunded
             settlements { currency invoiced paid baseOutstanding }
             invoices { number lines { sku unitPrice } outstanding } payments { amount status }
             returns { status lines { sku quantity } } erp { aspects differing } } } }"""
    )["orders"]["nodes"]
    assert order == {
        "invoiced": "100.00", "paid": "30.00", "outstanding": "70.00", "refunded": "0",
        "settlements": [{"currency": "EUR", "invoiced": "100.00", "paid": "30.00", "baseOutstanding": "70.00"}],
        "invoices": [{"number": "F0", "lines": [{"sku": "A", "unitPrice": "100"}], "outstanding": "70.00"}],
        "payments": [{"amount": "30.00", "status": "RECEIVED"}],
        "returns": [{"status": "REQUESTED", "lines": [{"sku": "SKU0", "quantity": 1}]}],
        "erp": [{"aspects": ["TOTAL"], "differing": {"TOTAL": {"ours": "100", "theirs": "90"}}}],
    }  # fmt: skip


def test_what_is_outstanding_is_told_by_age_and_by_invoice_now_and_as_it_was(
    company: Callable[[int], None], ask: Ask
) -> None:
    company(2)
    query = """query($on: Date, $asOf: AsOf) {
      receivables(on: $on, asOf: $asOf) { age outstanding invoices }
      openInvoices(customerId: "shop:ana", on: $on, asOf: $asOf, first: 1) { number outstanding overdueDays }
    }"""
    found = ask(query, on="2026-03-20")
    assert found["receivables"] == [{"age": "DAYS_1_30", "outstanding": "140.00", "invoices": 2}]
    ((each,),) = (found["openInvoices"],)
    assert (each["outstanding"], each["overdueDays"]) == ("70.00", 8)
    assert ask(query, on="2026-03-20", asOf={"position": 7})["receivables"] == []
    assert ask(query, on="2026-03-20", asOf={"validAt": "2026-03-01T00:00:00Z"})["openInvoices"] == []


def test_a_price_and_the_stock_can_be_asked_for(company: Callable[[int], None], house: House, ask: Ask) -> None:
    company(1)
    rule = PriceRule(sku="SKU0", customer_id=ANA, discount=Decimal("0.1"))
    published = PublishPriceList(price_list_id=derived("list", 1), key="trade", currency="EUR", rules=(rule,))
    house.log.do(published, Request(occurred_at=DAY))
    query = """query($sku: String!, $whom: Ref) {
      price(sku: $sku, quantity: 3, customerId: $whom) { unitPrice total listPrice priceList version forCustomer discount }
      stock(skus: [$sku]) { sku onHand available sites { site onHand } }
    }"""
    found = ask(query, sku="SKU0", whom="shop:ana")
    assert found["price"] == {
        "unitPrice": "45.0", "total": "135.0", "listPrice": "50", "priceList": "trade", "version": 1,
        "forCustomer": True, "discount": "0.1",
    }  # fmt: skip
    assert found["stock"] == [{"sku": "SKU0", "onHand": 10, "available": 10, "sites": [{"site": "MAD", "onHand": 10}]}]
    assert ask(query, sku="NONE")["price"] is None
    (product,) = ask("{ products { nodes { sku stock { onHand } } } }")["products"]["nodes"]
    assert product == {"sku": "SKU0", "stock": {"onHand": 10}}


def test_knowledge_is_searched_and_says_how_much_it_helps(company: Callable[[int], None], ask: Ask) -> None:
    company(1)
    (hit,) = ask('{ knowledge(search: "poner teja") { code title snippet } }')["knowledge"] or [None]
    assert hit == {"code": "a0", "title": "Tejas", "snippet": "Cómo se **ponen**."}
    (article,) = ask("{ articles { nodes { code languages usage { used helpful views deflected } } } }")["articles"][
        "nodes"
    ]
    assert article["usage"] == {"used": 1, "helpful": 0, "views": 0, "deflected": 0}
    (error,) = ask('{ knowledge(search: "") { code } }', errors=True)
    assert (error["extensions"]["code"], "what to look for" in error["message"]) == ("BAD_REQUEST", True)


def test_leads_quotes_and_carts_are_counted(company: Callable[[int], None], ask: Ask) -> None:
    company(2)
    found = ask(
        """{ leads(first: 1, orderBy: [{field: SOURCE}]) { nodes { name staff { name } } }
             waitingLeads { staffId rung } leadSources { source captured conversion }
             quoteRegister { open openWorth overdue } quotes { nodes { lines { sku } } }
             cartFunnel { started converted conversion }
             siteTraffic(by: PRODUCT, from: "2026-03-01T00:00:00Z", to: "2026-03-09T00:00:00Z") { value visits orders revenue }
           }"""
    )
    assert found["leads"]["nodes"][0]["name"].startswith("Luis")
    assert found["leads"]["nodes"][0]["staff"]["name"].startswith("Eva")
    assert {(each["staffId"], each["rung"]) for each in found["waitingLeads"]} == {(str(eva(n)), 3) for n in range(2)}
    assert found["leadSources"] == [{"source": "fair", "captured": 2, "conversion": "0.000000"}]
    assert found["quoteRegister"] == [{"open": 2, "openWorth": "20.00", "overdue": 2}]
    assert sorted(quote["lines"][0]["sku"] for quote in found["quotes"]["nodes"]) == ["SKU0", "SKU1"]
    assert found["cartFunnel"] == [{"started": 2, "converted": 2, "conversion": "1.000000"}]
    assert found["siteTraffic"] == [
        {"value": f"SKU{n}", "visits": 1, "orders": 1, "revenue": "100"} for n in range(2)
    ]  # fmt: skip


def test_people_have_teams_and_a_manager_and_meet_when_they_are_free(company: Callable[[int], None], ask: Ask) -> None:
    company(2)
    found = ask(
        """{ staff(orderBy: [{field: NAME}]) { nodes { name manager { name } teams { name people { name } } } }
             freeSlots(staffIds: ["hr:eva0", "hr:eva1"], minutes: 60, first: 2
                       from: "2026-03-02T09:00:00Z", to: "2026-03-03T18:00:00Z") { start end }
             freeBusyOfEach(staffIds: ["hr:eva0"], from: "2026-03-02T09:00:00Z", to: "2026-03-02T12:00:00Z") {
               staffId busy { start } }
             agendaLoad { staffId open overdue } agenda { nodes { overdue staff { name } } } }"""
    )
    assert found["staff"]["nodes"] == [
        {"name": "Eva 0", "manager": {"name": "Eva 1"}, "teams": [{"name": "Team 0", "people": [{"name": "Eva 0"}]}]},
        {"name": "Eva 1", "manager": None, "teams": [{"name": "Team 1", "people": [{"name": "Eva 1"}]}]},
    ]
    assert found["freeSlots"] == [
        {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"},
        {"start": "2026-03-02T11:00:00Z", "end": "2026-03-02T12:00:00Z"},
    ]
    assert found["freeBusyOfEach"] == [{"staffId": str(eva(0)), "busy": [{"start": "2026-03-02T09:00:00Z"}]}]
    assert {(load["open"], load["overdue"]) for load in found["agendaLoad"]} == {(1, 1)}
    assert all(entry["overdue"] for entry in found["agenda"]["nodes"])
    under = ask('{ staff(filter: {managerId: {eq: "hr:eva1"}}) { nodes { name } } }')["staff"]["nodes"]
    assert under == [{"name": "Eva 0"}]


NESTED = [
    "orders(first: N AS_OF) { nodes { invoiced paid outstanding settlements { currency }"
    " invoices { number outstanding overdueDays lines { sku } } payments { amount } returns { status } erp { digest } } }",
    "invoices(first: N AS_OF) { nodes { number customer { name } order { total } payments { amount } outstanding } }",
    "payments(first: N AS_OF) { nodes { order { total } invoice { number } } }",
    "returns(first: N AS_OF) { nodes { order { total paid } replacement { total } } }",
    "orderSyncs(first: N AS_OF) { nodes { order { total } } }",
    "products(first: N AS_OF) { nodes { sku stock { onHand sites { site } } } }",
    "articles(first: N) { nodes { code usage { used views } } }",
    "articleUses(first: N AS_OF) { nodes { article { code usage { used } } staff { name } } }",
    "leads(first: N AS_OF) { nodes { name company staff { name teams { name } } opportunity { stage } } }",
    "quotes(first: N AS_OF) { nodes { lines { sku } customer { name } } }",
    "carts(first: N AS_OF) { nodes { visit { hits } order { total invoiced } } }",
    "agenda(first: N AS_OF) { nodes { subject overdue staff { name } } }",
    "staff(first: N) { nodes { manager { name } territory { name } teams { people { name } parent { name } } } }",
    "teams(first: N) { nodes { manager { name } people { name manager { name } } everybody { name } } }",
]


@pytest.mark.parametrize("as_of", ["", ', asOf: {validAt: "2026-03-02T10:00:00Z"}'])
def test_more_rows_do_not_take_more_statements(
    company: Callable[[int], None], house: House, monkeypatch: pytest.MonkeyPatch, as_of: str
) -> None:
    company(ROWS)
    for query in NESTED:
        used = []
        for rows in (2, ROWS):
            asked = "{ " + query.replace("N", str(rows), 1).replace(" AS_OF", as_of) + " }"
            with counting(monkeypatch) as statements:
                found = execute(house, asked)
            assert "errors" not in found, found["errors"]
            used.append(len(statements))
            assert len(next(iter(found["data"].values()))["nodes"]) == rows
        assert (query, used[0]) == (query, used[1])
