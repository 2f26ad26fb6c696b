"""Goods: the articles of the company and how many of each there are, as policies that share something remember them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from domain.product import ProductDiscontinued, ProductIntroduced, ProductRevised
from domain.stock import StockReported
from eventstore.envelope import Recorded
from processes.policy import Policy


@dataclass(slots=True)
class Article:
    """What an article is called and costs, and whether it is still sold."""

    sku: str
    name: str
    price: Decimal | None = None
    currency: str | None = None
    discontinued: bool = False


@dataclass(slots=True)
class Goods:
    """The articles by the ids of their products, and the last report of each place on each article."""

    products: dict[UUID, Article] = field(default_factory=dict)
    skus: dict[str, UUID] = field(default_factory=dict)
    stock: dict[str, dict[str, tuple[datetime, int]]] = field(default_factory=dict)

    def article(self, sku: str) -> Article | None:
        """What is known of an article, if it was introduced."""
        return self.products[self.skus[sku]] if sku in self.skus else None

    def available(self, sku: str) -> int | None:
        """How many pieces all places have that are not promised to anybody; None if nobody ever reported."""
        places = self.stock.get(sku)
        return None if places is None else sum(count for _, count in places.values())


class KnowsGoods(Protocol):
    """Whatever all memories of a policy share, if the goods are part of it."""

    goods: Goods


def learns_goods(policy: Policy[Any]) -> None:
    """Lets a policy know the articles and the stock: what its memories share must have `goods`."""

    @policy.learn(ProductIntroduced)
    def introduced(shared: KnowsGoods, introduced: ProductIntroduced, at: Recorded) -> None:
        article = Article(introduced.sku, introduced.name, introduced.price, introduced.currency)
        shared.goods.products[at.stream_id] = article
        shared.goods.skus.setdefault(introduced.sku, at.stream_id)

    @policy.learn(ProductRevised)
    def revised(shared: KnowsGoods, revised: ProductRevised, at: Recorded) -> None:
        if (article := shared.goods.products.get(at.stream_id)) is not None:
            article.name = revised.name or article.name
            article.price = article.price if revised.price is None else revised.price
            article.currency = revised.currency or article.currency

    @policy.learn(ProductDiscontinued)
    def discontinued(shared: KnowsGoods, discontinued: ProductDiscontinued, at: Recorded) -> None:
        if (article := shared.goods.products.get(at.stream_id)) is not None:
            article.discontinued = True

    @policy.learn(StockReported)
    def reported(shared: KnowsGoods, reported: StockReported, at: Recorded) -> None:
        places = shared.goods.stock.setdefault(reported.sku, {})
        last = places.get(reported.site)
        if last is None or reported.as_of >= last[0]:
            places[reported.site] = reported.as_of, reported.on_hand - (reported.reserved or 0)
