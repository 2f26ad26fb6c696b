"""Random histories of what a company sells, of whom it may sell to, and of the papers that follow."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from hypothesis import strategies as st

from domain.article import ArticleVisibility, DraftArticle, PublishArticle, RetireArticle, ReviseArticle
from domain.article_use import RateArticle, RecordArticleUsed
from domain.business_calendar import DefineBusinessCalendar, OpeningHours
from domain.cart import (
    AbandonCart,
    AddCartItem,
    ChangeCartQuantity,
    ConvertCart,
    IdentifyCart,
    RemoveCartItem,
    StartCart,
    StartCheckout,
)
from domain.invoice import InvoiceLine, IssueCreditNote, IssueInvoice
from domain.kernel import Command, derived
from domain.lead import (
    AssignLead,
    CaptureLead,
    ConvertLead,
    DisqualifyLead,
    QualifyLead,
    RecordLeadContacted,
    RecycleLead,
    ScoreLead,
)
from domain.order import PlaceOrder
from domain.order_sync import OrderAspect, RecordOrderDiscrepancy, RecordOrderSynced
from domain.payment import IssueRefund, PaymentFailure, RecordPayment, RecordPaymentFailed, RefundKind
from domain.price_list import PriceRule, PublishPriceList
from domain.product import DiscontinueProduct, IntroduceProduct, ReviseProduct
from domain.quote import (
    AcceptQuote,
    DraftQuote,
    ExpireQuote,
    IssueQuote,
    RecordQuoteViewed,
    RejectQuote,
    RequestQuote,
    ReviseQuote,
)
from domain.quote_lines import QuoteLine
from domain.returns import AuthoriseReturn, ReceiveReturn, RefuseReturn, RequestReturn, ReturnLine, ShipReplacement
from domain.staff import AddStaff, ChangeStaff, GrantSkill, LeaveStaff, SetCapacity
from domain.stock import ReportStock
from domain.team import DefineTeam, JoinTeam, LeaveTeam
from domain.territory import AssignTerritory, DefineTerritory, TerritoryRule
from domain.web_session import IdentifyWebSession, StartWebSession, TrackWebSession, WebHit, WebHitKind
from tests.projections.histories import codes, customers, lines, merges, moments, orders, prices, staff


def some(noun: str, count: int = 2) -> st.SearchStrategy[UUID]:
    """One of a few, the first more often than the others: so more comes of what is asked."""
    return st.sampled_from([*[1] * count, *range(1, count + 1)]).map(lambda n: derived(noun, n))


def lived(asked: st.SearchStrategy[Command]) -> st.SearchStrategy[list[tuple[Command, datetime]]]:
    """Histories in which these things are asked, and customers are merged now and then."""
    return st.lists(st.tuples(asked | asked | asked | asked | merges, moments), min_size=20, max_size=60)


skus = st.sampled_from("ABC")
words = st.sampled_from(["garantía", "devolución de pedidos", "Returns and refunds", "ñandú"])
languages = st.sampled_from(["es", "en", "es-MX", "fr"])
days = moments.map(lambda moment: moment.date())
shares = st.decimals(0, 1, places=2)
cents = st.decimals(Decimal("0.01"), 500, places=2)
money = st.sampled_from(
    [
        {"currency": "EUR"},
        {"currency": "EUR"},
        {"currency": "GBP", "rate": Decimal("1.1733"), "base_currency": "EUR"},
    ]
)
sessions, carts, leads, quotes, products = (some(noun) for noun in ("web_session", "cart", "lead", "quote", "product"))
articles, teams, territories = (some(noun) for noun in ("article", "team", "territory"))
invoices, payments, returns = some("invoice", 3), some("payment", 4), some("return")

sold: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        IntroduceProduct, product_id=products, sku=skus, name=codes, category=st.none() | codes, price=prices,
        currency=st.just("EUR"), unit_cost=st.none() | prices,
    ),
    st.builds(ReviseProduct, product_id=products, price=prices, name=st.none() | codes, category=st.none() | codes),
    st.builds(DiscontinueProduct, product_id=products, reason=st.none() | codes),
    st.builds(
        PublishPriceList, price_list_id=some("price_list"), key=st.just("p"), currency=st.just("EUR"),
        rules=st.lists(
            st.builds(
                PriceRule, sku=st.none() | skus, category=st.none() | codes, customer_id=st.none() | customers,
                segment=st.none() | codes, min_quantity=st.integers(1, 3), price=prices,
            )
            | st.builds(PriceRule, sku=st.none() | skus, min_quantity=st.integers(1, 3), discount=shares),
            min_size=1, max_size=4,
        ).map(tuple),
        valid_from=st.none() | moments, valid_until=st.none() | moments,
    ),
    st.builds(
        ReportStock, sku=skus, site=codes, on_hand=st.integers(-5, 50), as_of=moments,
        reserved=st.none() | st.integers(0, 5),
    ),
)  # fmt: skip
known: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        DraftArticle, article_id=articles, key=st.just("a"), language=languages, title=words, body=words,
        category=st.just("c"),
    ),
    st.builds(ReviseArticle, article_id=articles, language=languages, body=words),
    st.builds(
        PublishArticle, article_id=articles, language=languages,
        visibility=st.none() | st.sampled_from(list(ArticleVisibility)),
    ),
    st.builds(PublishArticle, article_id=articles, language=languages),
    st.builds(RetireArticle, article_id=articles),
    st.builds(RecordArticleUsed, article_id=articles, case_id=some("case"), customer_id=st.none() | customers),
    st.builds(RateArticle, article_id=articles, customer_id=customers, helpful=st.booleans()),
)  # fmt: skip
wanted: st.SearchStrategy[Command] = st.one_of(
    st.builds(CaptureLead, lead_id=leads, name=codes, source=codes, customer_id=st.none() | customers),
    st.builds(ScoreLead, lead_id=leads, score=st.integers(0, 100), model=st.just("m")),
    st.builds(AssignLead, lead_id=leads, staff_id=staff),
    st.builds(RecordLeadContacted, lead_id=leads, interaction_id=st.none() | st.uuids()),
    st.builds(QualifyLead, lead_id=leads),
    st.builds(DisqualifyLead, lead_id=leads, reason=codes),
    st.builds(RecycleLead, lead_id=leads, until=moments),
    st.builds(ConvertLead, lead_id=leads, customer_id=customers),
)
offered: st.SearchStrategy[Command] = st.one_of(
    st.builds(RequestQuote, quote_id=quotes, customer_id=customers, note=codes),
    st.builds(
        lambda money, **said: DraftQuote(**said, **money), money, quote_id=quotes, customer_id=customers,
        discount=shares,
        lines=st.lists(
            st.builds(QuoteLine, sku=skus, quantity=st.integers(1, 5), unit_price=prices, discount=shares),
            min_size=1, max_size=2,
        ).map(tuple),
    ),
    st.builds(
        ReviseQuote, quote_id=quotes,
        lines=st.builds(QuoteLine, sku=skus, quantity=st.integers(1, 5), unit_price=prices).map(lambda line: (line,)),
    ),
    st.builds(IssueQuote, quote_id=quotes, valid_until=moments),
    st.builds(IssueQuote, quote_id=quotes, valid_until=moments, number=codes),
    st.builds(RecordQuoteViewed, quote_id=quotes),
    st.builds(AcceptQuote, quote_id=quotes),
    st.builds(RejectQuote, quote_id=quotes, reason=st.none() | codes, by_us=st.booleans()),
    st.builds(ExpireQuote, quote_id=quotes),
)  # fmt: skip
put_in: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        lambda money, **said: StartCart(**said, **money), money, cart_id=carts, customer_id=st.none() | customers,
        web_session_id=st.none() | sessions,
    ),
    st.builds(AddCartItem, cart_id=carts, sku=skus, quantity=st.integers(1, 5), unit_price=prices),
    st.builds(ChangeCartQuantity, cart_id=carts, sku=skus, quantity=st.integers(1, 5)),
    st.builds(RemoveCartItem, cart_id=carts, sku=skus),
    st.builds(StartCheckout, cart_id=carts),
    st.builds(AbandonCart, cart_id=carts, policy=st.none() | codes),
    st.builds(IdentifyCart, cart_id=carts, customer_id=customers),
    st.builds(ConvertCart, cart_id=carts, order_id=orders),
)  # fmt: skip


def _hit(kind: WebHitKind, number: int, at_s: int, what: str) -> WebHit:
    about = {"PAGE": "page", "SEARCH": "query"}.get(kind.value, "product" if kind != "ARTICLE" else "article")
    return WebHit(number=number, kind=kind, at_s=at_s, **{about: what}, form="f" if kind == "FORM" else None)


visited: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        StartWebSession, web_session_id=sessions, anonymous_id=codes, campaign=st.none() | codes, device=codes,
        landing=st.just("/"),
    ),
    st.builds(
        TrackWebSession, web_session_id=sessions,
        hits=st.builds(
            _hit, st.sampled_from(list(WebHitKind)), st.integers(1, 9), st.integers(0, 900), skus
        ).map(lambda hit: (hit,)),
    ),
    st.builds(IdentifyWebSession, web_session_id=sessions, customer_id=customers),
    put_in,
)  # fmt: skip
invoice_lines = st.lists(
    st.builds(
        InvoiceLine, sku=skus, quantity=st.integers(1, 5), unit_price=prices,
        tax_rate=st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.21")]),
    ),
    min_size=1, max_size=2,
).map(tuple)  # fmt: skip
billed: st.SearchStrategy[Command] = st.one_of(
    st.builds(PlaceOrder, order_id=orders, customer_id=customers, lines=lines),
    st.builds(
        lambda money, **said: IssueInvoice(**said, **money), money, invoice_id=invoices, number=codes,
        customer_id=customers, lines=invoice_lines, issued_on=st.just(date(2026, 1, 1)), due_on=st.none() | days,
        order_id=st.none() | orders,
    ),
    st.builds(
        IssueCreditNote, invoice_id=invoices, number=codes, issued_on=days,
        lines=st.builds(InvoiceLine, sku=skus, unit_price=cents).map(lambda line: (line,)),
    ),
    st.builds(
        lambda money, **said: RecordPayment(**said, **money), money, payment_id=payments, customer_id=customers,
        amount=cents, order_id=st.none() | orders, invoice_id=st.none() | invoices,
    ),
    st.builds(
        RecordPaymentFailed, payment_id=payments, customer_id=customers, amount=cents, attempt=st.integers(1, 2),
        cause=st.sampled_from(list(PaymentFailure)),
    ),
    st.builds(
        IssueRefund, payment_id=payments, refund_ref=codes, kind=st.sampled_from(list(RefundKind)),
        amount=st.none() | cents,
    ),
)  # fmt: skip
return_lines = st.builds(ReturnLine, sku=skus, quantity=st.integers(1, 3)).map(lambda line: (line,))
sent_back: st.SearchStrategy[Command] = st.one_of(
    st.builds(RequestReturn, return_id=returns, order_id=orders, customer_id=customers, lines=return_lines),
    st.builds(AuthoriseReturn, return_id=returns, until=st.none() | moments),
    st.builds(RefuseReturn, return_id=returns),
    st.builds(ReceiveReturn, return_id=returns, lines=return_lines),
    st.builds(ShipReplacement, return_id=returns, lines=return_lines, replacement_order_id=st.none() | orders),
    st.builds(RecordOrderSynced, order_id=orders, external_id=codes, digest=codes),
    st.builds(RecordOrderDiscrepancy, order_id=orders, field=st.sampled_from(list(OrderAspect)), ours=codes),
)
hours = st.integers(1, 7).map(lambda day: (OpeningHours(weekday=day, opens="09:00", closes="17:00"),))
employed: st.SearchStrategy[Command] = st.one_of(
    st.builds(AddStaff, staff_id=staff, name=codes, territory_id=st.none() | territories),
    st.builds(ChangeStaff, staff_id=staff, name=st.none() | codes, timezone=st.just("Europe/Paris")),
    st.builds(GrantSkill, staff_id=staff, skill=codes, level=st.integers(0, 2)),
    st.builds(SetCapacity, staff_id=staff, capacity=st.integers(0, 5)),
    st.builds(LeaveStaff, staff_id=staff),
    st.builds(DefineTeam, team_id=teams, name=codes, parent_id=st.none() | teams, manager_id=st.none() | staff),
    st.builds(JoinTeam, team_id=teams, staff_id=staff, role=st.none() | codes),
    st.builds(LeaveTeam, team_id=teams, staff_id=staff),
    st.builds(
        DefineTerritory, territory_id=territories, key=st.just("t"), name=codes, staff_id=st.none() | staff,
        rule=st.none() | st.just(TerritoryRule(countries=("ES",))),
    ),
    st.builds(AssignTerritory, territory_id=territories, staff_id=staff),
    st.builds(
        DefineBusinessCalendar, business_calendar_id=some("business_calendar"), key=st.just("c"),
        timezone=st.just("Europe/Madrid"), hours=hours,
    ),
)  # fmt: skip
