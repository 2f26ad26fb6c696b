"""The KPIs of sales: what was ordered, by whom, through which channel, and how it spreads over the customers."""

from psycopg import sql

from domain.kpi import KpiDirection
from projections.figures.counting import END_OF_ALL, END_OF_PERIOD, Look, Part, Tallied, Tally
from projections.figures.kpi_sources import CATEGORISED, FIRST_ORDERS, SALES
from projections.figures.measures import MONEY, Measure, Worked
from projections.tallying import counts_as, happened

HIGHER = KpiDirection.HIGHER_IS_BETTER
TOP_SHARE = "0.2"
"""The part of the customers whose share of the revenue the Pareto share is."""

ORDERED = "kind = 'PLACED'"
NET = Part("revenue", SALES, "base_amount", money=True)
GROSS = Part("ordered", SALES, "base_amount", ORDERED, money=True)
ORDERS = Part("orders", SALES, "orders")
BUYERS = Part("customers", SALES, "customer_id", ORDERED, tally=Tally.DISTINCT)
SPENT = Part("ordered", SALES, "base_amount", f"{ORDERED} and customer_id is not null", money=True)
NEW_CUSTOMERS = Part("new_customers", FIRST_ORDERS, where="(earlier_known_at is null or earlier_known_at > {known})")
CROSS_SOLD = Part(
    "cross_sold",
    CATEGORISED,
    "base_amount",
    "category is not null and customer_known_at <= {known}"
    " and (category_known_at is null or category_known_at > {known})",
    money=True,
)


def _pareto(look: Look) -> Tallied:
    """What the best customers brought in: as many as TOP_SHARE of those who bought, rounded up.

    Of customers who brought in the same the sum does not depend on who is taken.
    """
    query = sql.SQL(
        "with spent as materialized ("
        "  select nth_period, customer_id, sum(base_amount) as restated,"
        "         sum(base_amount) filter (where known_at <= {end_of_period}) as reported,"
        "         sum(base_amount) filter (where known_at <= {end_of_all}) as reported_in_all"
        "    from {rows} where {counts} group by nth_period, customer_id"
        "), ranked as ("
        "  select nth_period, restated, reported,"
        "         row_number() over (partition by nth_period order by restated desc) as place,"
        "         count(*) over (partition by nth_period) as buyers,"
        "         row_number() over (partition by nth_period order by reported desc nulls last) as reported_place,"
        "         count(reported) over (partition by nth_period) as reported_buyers"
        "    from (select nth_period, restated, reported from spent"
        "          union all select 0, sum(restated), sum(reported_in_all) from spent group by customer_id) each_one"
        ")"
        "select nth_period, sum(restated) filter (where place <= ceil(buyers * %(share)s::numeric)),"
        "       sum(reported) filter (where reported_place <= ceil(reported_buyers * %(share)s::numeric))"
        "  from ranked group by nth_period"
    ).format(
        rows=happened(look, SPENT), counts=counts_as(look, SPENT), end_of_period=END_OF_PERIOD, end_of_all=END_OF_ALL
    )
    return look.worked(query, share=TOP_SHARE)


MEASURES = (
    Measure(
        "revenue",
        {"en": "Revenue", "es": "Ingresos"},
        "What was ordered, less what was called off or came back, each when it happened, in the base currency.",
        MONEY, HIGHER, "S3; DOMAIN section 6", (NET,),
    ),
    Measure(
        "gross_revenue",
        {"en": "Gross revenue", "es": "Ventas brutas"},
        "What was ordered, in the base currency, whatever became of it.",
        MONEY, HIGHER, "S3", (GROSS,),
    ),
    Measure(
        "orders",
        {"en": "Orders", "es": "Pedidos"},
        "Orders that were placed.",
        "orders", HIGHER, "S3", (ORDERS,),
    ),
    Measure(
        "customers",
        {"en": "Customers", "es": "Clientes que compran"},
        "Different customers who placed an order.",
        "customers", HIGHER, "S3", (BUYERS,),
    ),
    Measure(
        "new_customers",
        {"en": "New customers", "es": "Clientes nuevos"},
        "Customers whose first order was placed in the period.",
        "customers", HIGHER, "S1", (NEW_CUSTOMERS,),
    ),
    Measure(
        "avg_order_value",
        {"en": "Average order value", "es": "Valor medio del pedido"},
        "What was ordered ÷ orders placed.",
        MONEY, HIGHER, "S3", (GROSS, ORDERS),
    ),
    Measure(
        "revenue_per_customer",
        {"en": "Revenue per customer", "es": "Ingresos por cliente"},
        "Revenue ÷ different customers who placed an order.",
        MONEY, HIGHER, "S3", (NET, BUYERS),
    ),
    Measure(
        "revenue_per_rep",
        {"en": "Revenue per rep", "es": "Ingresos por comercial"},
        "Revenue of the orders that a rep made ÷ different reps who made one.",
        MONEY, HIGHER, "S3",
        (
            Part("revenue", SALES, "base_amount", "rep is not null", money=True),
            Part("reps", SALES, "rep", f"rep is not null and {ORDERED}", tally=Tally.DISTINCT),
        ),
    ),
    Measure(
        "online_sales_share",
        {"en": "Online share of sales", "es": "Cuota de ventas en línea"},
        "What was ordered on the web ÷ what was ordered, in %.",
        "%", HIGHER, "S0",
        (Part("online", SALES, "base_amount", f"{ORDERED} and channel = 'WEB'", money=True), GROSS),
    ),
    Measure(
        "cross_sell_share",
        {"en": "Cross-selling share", "es": "Cuota de venta cruzada"},
        "What customers who had ordered before ordered in categories that were new to them ÷ what was ordered, in %.",
        "%", HIGHER, "S0", (CROSS_SOLD, GROSS),
    ),
    Measure(
        "pareto_share",
        {"en": "Pareto share", "es": "Cuota de Pareto"},
        "What the best 20 % of the customers ordered ÷ what all customers ordered, in %; their number is rounded up.",
        "%", HIGHER, "S2, S4; Pareto 1896; Juran 1951",
        (
            Worked("best_customers", _pareto, SPENT),
            SPENT,
        ),
    ),
)  # fmt: skip
"""What can be said of sales alone."""
