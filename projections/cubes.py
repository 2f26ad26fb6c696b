"""The cubes: what can be asked of the facts, each in a few lines."""

from projections import sales
from projections.cube import Cube, Measure, Segment

SALES = Cube(
    "sales",
    "Sales",
    "What was ordered, less what was called off or came back: a fact for each article.",
    sales.sales,
    measures=(
        Measure("revenue", "Revenue", "coalesce(sum({base_amount}), 0)", "base currency", "base_currency"),
        Measure(
            "ordered", "Ordered", "coalesce(sum({base_amount}) filter (where {kind} = 'PLACED'), 0)", "base currency",
            "base_currency",
        ),
        Measure(
            "returned", "Returned", "coalesce(-sum({base_amount}) filter (where {kind} = 'RETURNED'), 0)", "base currency",
            "base_currency",
        ),
        Measure("cost", "Cost of goods", "sum({cost})", "base currency", "base_currency"),
        Measure("margin", "Margin", "sum({base_amount} - {cost})", "base currency", "base_currency"),
        Measure("pieces", "Pieces", "coalesce(sum({quantity}), 0)::bigint", "pieces"),
        Measure("orders", "Orders", "coalesce(sum({orders}), 0)::bigint", "orders"),
        Measure("customers", "Customers", "count(distinct {customer_id})", "customers"),
        Measure(
            "averageOrder", "Average order", "sum({base_amount}) / nullif(sum({orders}), 0)", "base currency", "base_currency"
        ),
        Measure("count", "Facts", "count(*)", "facts"),
    ),
    segments=(Segment("returns", "What came back", "{kind} = 'RETURNED'"),),
    owner="order_id",
    hidden=("orders", "cost"),
)  # fmt: skip

CUBES = {cube.name: cube for cube in (SALES,)}
"""Every cube. To add one: declare it, and write its name here."""
