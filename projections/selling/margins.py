"""Margins: what was sold, with what the goods cost the company."""

from psycopg import sql

from eventstore.reader import AsOf, Reader
from projections.facts import counted
from projections.history import known_versions
from projections.selling import products
from projections.selling.sales import sales

COSTED = sql.SQL("""
select s.*, coalesce(s.cost, case u.currency
         when s.base_currency then u.unit_cost * s.quantity
         when s.currency then round(u.unit_cost * s.quantity * s.base_amount / nullif(s.amount, 0), 4) end) as goods
  from (select sales.*, case kind when 'PLACED' then occurred_at else coalesce(
                 (select o.occurred_at from views.sales o where o.owner_id = sales.owner_id and o.orders = 1 limit 1),
                 occurred_at) end as priced_at
          from {sales} where {where}) s
  left join (select sku, unit_cost, currency, valid_from, row_number() over told = 1 as is_first,
                    lead(valid_from) over told as valid_until
               from {products} where unit_cost is not null
             window told as (partition by sku order by valid_from, from_position)) u
    on u.sku = s.sku and (u.is_first or u.valid_from <= s.priced_at)
   and (u.valid_until is null or u.valid_until > s.priced_at)
""")


def costed_sales(as_of: AsOf, reader: Reader, where: sql.Composable = sql.SQL("true")) -> sql.Composable:
    """The `sales` that count as of a moment with `goods`: what the goods cost the company, in the base currency.

    That is what the order said, or else quantity x unit cost of the product when the order was placed, before the first
    word on it the first word; goods that come back are worth what they were. Empty if nobody said what they cost. A unit
    cost in the currency of the order is converted at the order's own rate and rounded to 4 decimals.
    """
    return COSTED.format(
        sales=counted(sales, as_of, reader),
        products=known_versions(products.view, as_of, reader),
        where=where,
    )
