"""Online Retail: the invoices of a wholesaler as one CSV line per article, with credit notes."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.importers.importing import Context, Importer, LeftAside, Line, Read, Rejected
from api.importers.lines import Source
from domain.customer import CustomerKind, RegisterCustomer
from domain.interaction import Direction, LogInteraction
from domain.kernel import MAX_LINE, MAX_TEXT, Command, Refused, reference
from domain.order import OrderLine, PlaceOrder, RecordReturn, ReturnLines
from domain.product import IntroduceProduct
from domain.values import MAX_QUANTITY, Channel, fault
from eventstore.commands import moment

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
SOURCE = "retail"
ZONE = "Europe/London"
CURRENCY = "GBP"
LANGUAGE = "en"
LOCAL = ZoneInfo(ZONE)

MAX_OPEN_INVOICES = 8
"""How many invoices may be begun before the first of them is complete: their lines need not be quite together."""

NO_CUSTOMER = "it names no customer"
ADJUSTMENT = "it adjusts an account, and is no invoice"
WRITE_OFF = "it writes stock off"
CUT_SHORT = "The file breaks off, so this invoice may not be complete. Import the whole file."
COME_AGAIN = "Its invoice was complete long before this line. Put the lines of an invoice together."


class Item(NamedTuple):
    """One line of the file that makes sense, its quantity and price as they stand there."""

    number: int
    invoice: str
    sku: str
    description: str
    quantity: int
    unit_price: Decimal
    at: datetime
    customer: str
    country: str

    @property
    def is_return(self) -> bool:
        """Whether it stands on a credit note."""
        return self.invoice.startswith("C")

    def line(self, quantity: int | None = None) -> OrderLine:
        """The line of an order, or so many pieces of it."""
        return OrderLine(
            sku=self.sku,
            quantity=abs(self.quantity) if quantity is None else quantity,
            unit_price=self.unit_price,
            description=self.description or None,
        )


@dataclass(slots=True)
class Sold:
    """Pieces of an article on an order of a customer, of which some have not come back."""

    order: str
    at: datetime
    left: int


def read(source: Source, context: Context) -> Iterator[Read]:
    """What each invoice asks for: the customers and products that are new in it, and the order or the return."""
    books = Books(context)
    open_invoices: dict[str, list[Item]] = {}
    closed: set[str] = set()
    last = ""
    for found in items(source, context):
        if not isinstance(found, Item):
            yield found
            continue
        last = found.invoice
        if last in open_invoices:
            open_invoices[last].append(found)
        elif last in closed:
            yield Rejected(found.number, COME_AGAIN, "InvoiceNo")
        else:
            open_invoices[last] = [found]
            if len(open_invoices) > MAX_OPEN_INVOICES:
                oldest = next(iter(open_invoices))
                closed.add(oldest)
                yield from books.enter(open_invoices.pop(oldest))
    for invoice, its in open_invoices.items():
        if invoice == last and source.damage is not None:
            yield from (Rejected(item.number, CUT_SHORT, "InvoiceNo") for item in its)
        else:
            yield from books.enter(its)


# From bytes to items.


def items(source: Source, context: Context) -> Iterator[Item | Rejected | LeftAside]:
    """Every line after the header. Raises `Refused` if the header is not that of this layout."""
    places: list[int] | None = None
    width = 0
    for number, raw, wrong in source:
        if raw is None:
            yield Rejected(number, wrong)
        elif raw and not raw.isspace():
            try:
                cells = split(raw)
                if places is None:
                    places, width = columns(cells), len(cells)
                elif len(cells) != width:
                    raise Refused(f"This line has {len(cells)} cells and the header has {width}.")
                else:
                    found = item(number, [cells[place] for place in places], context)
                    yield found if isinstance(found, Item) else LeftAside(number, found)
            except Refused as refused:
                if places is None:
                    raise
                yield Rejected(number, refused.reason, refused.field)
    if places is None:
        raise Refused(f"This file is empty. It should begin with the header {','.join(COLUMNS)}.", "file")


def split(raw: bytes) -> list[str]:
    """The cells of a line. Raises `Refused`."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"Byte {error.start + 1} of this line is not UTF-8. Save the file as UTF-8.") from None
    if "\0" in text:
        raise Refused("This line holds a NUL character, which no text may.")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise Refused("A quotation mark is opened on this line and not closed, or stands within a cell.") from None


def columns(header: list[str]) -> list[int]:
    """Where each of the columns stands. Raises `Refused` if one is missing, or stands twice."""
    names = [name.strip() for name in header]
    for name in COLUMNS:
        if names.count(name) != 1:
            state = "stands twice in" if name in names else "is missing from"
            expected = ",".join(COLUMNS)
            raise Refused(f"The column {name} {state} the header. It should be {expected}, in any order.", name)
    return [names.index(name) for name in COLUMNS]


def item(number: int, cells: list[str], context: Context) -> Item | str:
    """One line's item, or why it is left aside. Raises `Refused` with the column."""
    if max(map(len, cells)) > MAX_LINE:
        name, cell = next((name, cell) for name, cell in zip(COLUMNS, cells, strict=True) if len(cell) > MAX_LINE)
        raise Refused(f"{name} has {len(cell)} characters; {MAX_LINE} is the limit.", name)
    invoice, sku, description, amount, date, price, customer, country = map(str.strip, cells)
    if not invoice:
        raise Refused("InvoiceNo is missing.", "InvoiceNo")
    if invoice.startswith("A"):
        return ADJUSTMENT
    if not customer:
        return NO_CUSTOMER
    quantity = whole(amount)
    is_return = invoice.startswith("C")
    if is_return and quantity > 0:
        raise Refused("A credit note has negative quantities.", "Quantity")
    if quantity < 0 and not is_return:
        return WRITE_OFF
    if not sku:
        raise Refused("StockCode is missing.", "StockCode")
    return Item(
        number, invoice, sku, description, quantity, decimal(price), when(date, context),
        customer.removesuffix(".0"), country,
    )  # fmt: skip


def whole(cell: str) -> int:
    if not cell.removeprefix("-").isdecimal() or not cell.isascii():
        raise Refused(f"{cell!r} is not a whole number.", "Quantity")
    quantity = int(cell)
    if not 0 < abs(quantity) <= MAX_QUANTITY:
        raise Refused(f"The quantity must be from 1 to {MAX_QUANTITY}, or as much below zero.", "Quantity")
    return quantity


def decimal(cell: str) -> Decimal:
    try:
        price = Decimal(cell)
    except InvalidOperation:
        raise Refused(f"{cell!r} is not a price.", "UnitPrice") from None
    if wrong := fault(price):
        raise Refused(f"The price {wrong}.", "UnitPrice")
    return price


def when(cell: str, context: Context) -> datetime:
    """Local time, as it stands on the invoice. In the hour that comes twice in autumn, the first is meant."""
    try:
        local = datetime.fromisoformat(cell)
    except ValueError:
        local = None
    if local is None or local.tzinfo is not None or not cell[10:]:
        raise Refused(f"{cell!r} is not a local time as 2010-12-01 08:26:00.", "InvoiceDate")
    try:
        at = local.replace(tzinfo=LOCAL).astimezone(UTC)
    except OverflowError:
        raise Refused(f"{cell!r} is beyond the calendar.", "InvoiceDate") from None
    return moment(at, "InvoiceDate", now=context.now)


# From the items of an invoice to commands.


@dataclass(slots=True)
class Books:
    """What must be remembered of the invoices so far: who and what is known, and what could still come back."""

    context: Context
    customers: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    sold: defaultdict[tuple[str, str], list[Sold]] = field(default_factory=lambda: defaultdict(list))

    def enter(self, invoice: list[Item]) -> Iterator[Line]:
        """Everything that one invoice asks for. Lines of several customers are several invoices of that number."""
        for _, its in groupby(sorted(invoice, key=lambda item: item.customer), key=lambda item: item.customer):
            yield from self._enter(sorted(its, key=lambda item: item.number))

    def _enter(self, invoice: list[Item]) -> Iterator[Line]:
        yield from self._introduce(invoice)
        if invoice[0].is_return:
            yield from self._take_back(invoice)
        elif any(item.unit_price for item in invoice):
            yield from self._sell(invoice)
        else:
            yield self._give(invoice)

    def _introduce(self, invoice: list[Item]) -> Iterator[Line]:
        first = invoice[0]
        if first.customer not in self.customers:
            self.customers.add(first.customer)
            register = RegisterCustomer(
                customer_id=reference("customer", SOURCE, first.customer),
                kind=CustomerKind.ORGANISATION,
                language=LANGUAGE,
                timezone=ZONE,
                country=first.country or None,
                source="online-retail",
            )
            yield self._ask(first, register, "customer", first.customer)
        for item in invoice:
            if item.sku not in self.products:
                self.products.add(item.sku)
                name = item.description or item.sku
                introduce = IntroduceProduct(product_id=reference("product", SOURCE, item.sku), sku=item.sku, name=name)
                yield self._ask(item, introduce, "product", item.sku)

    def _sell(self, invoice: list[Item]) -> Iterator[Line]:
        first = invoice[0]
        pieces: Counter[str] = Counter()
        for item in invoice:
            pieces[item.sku] += item.quantity
        for sku, quantity in pieces.items():
            self.sold[first.customer, sku].append(Sold(first.invoice, first.at, quantity))
        lines = tuple(item.line() for item in invoice)
        place = PlaceOrder(
            order_id=reference("order", SOURCE, first.invoice),
            customer_id=reference("customer", SOURCE, first.customer),
            lines=lines,
            currency=CURRENCY,
            number=first.invoice,
        )
        # The lines are part of the id: an invoice that comes again with others is refused, not passed over.
        yield self._ask(first, place, "order", first.invoice, lines)

    def _give(self, invoice: list[Item]) -> Line:
        """Goods for nothing alone are no order, but they are a contact."""
        first = invoice[0]
        text = "\n".join(f"{item.quantity} x {item.sku} {item.description}".rstrip() for item in invoice)
        give = LogInteraction(
            interaction_id=reference("interaction", SOURCE, first.invoice),
            customer_id=reference("customer", SOURCE, first.customer),
            channel=Channel.LETTER,
            direction=Direction.OUT,
            text=text[:MAX_TEXT],
            topic="free-goods",
        )
        return self._ask(first, give, "interaction", first.invoice)

    def _take_back(self, invoice: list[Item]) -> Iterator[Line]:
        """The latest earlier orders first. What is on none of them comes back by itself."""
        first = invoice[0]
        unknown: list[OrderLine] = []
        times: Counter[str] = Counter()
        for item in invoice:
            times[item.sku] += 1
            rest = -item.quantity
            for sold in self._newest_first(item):
                part = min(rest, sold.left)
                sold.left -= part
                rest -= part
                back = ReturnLines(order_id=reference("order", SOURCE, sold.order), lines=(item.line(part),))
                yield self._ask(item, back, "return", item.invoice, sold.order, item.sku, times[item.sku])
                if not rest:
                    break
            if rest:
                unknown.append(item.line(rest))
        if unknown:
            alone = RecordReturn(
                order_id=reference("order", SOURCE, first.invoice),
                customer_id=reference("customer", SOURCE, first.customer),
                lines=tuple(unknown),
                currency=CURRENCY,
            )
            yield self._ask(first, alone, "return", first.invoice, unknown)

    def _newest_first(self, item: Item) -> Iterable[Sold]:
        there = self.sold.get((item.customer, item.sku), [])
        return [sold for sold in reversed(there) if sold.left and sold.at <= item.at]

    def _ask(self, item: Item, command: Command, *meaning: object) -> Line:
        return self.context.ask(item.number, command, item.at, SOURCE, *meaning)


importer = Importer("retail", "The Online Retail layout: one line of CSV per article, with credit notes.", read)
