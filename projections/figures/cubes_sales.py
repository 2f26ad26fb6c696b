"""The cubes of what is sold: sales, pipeline, leads, quotes, carts and costs."""

from dataclasses import replace

from projections.company import costs
from projections.figures.cube import Cube, Measure, Segment
from projections.figures.cubes_joins import CAMPAIGNS, CUSTOMER, PRODUCTS, STAFF
from projections.selling import carts, leads, quotes, sales, transitions

MONEY = "base currency"

SALES = Cube(
    "sales",
    "Sales",
    "What was ordered, less what was called off or came back: a fact for each article.",
    sales.sales,
    measures=(
        Measure("revenue", "Revenue", "coalesce(sum({base_amount}), 0)", MONEY, "base_currency"),
        Measure(
            "ordered", "Ordered", "coalesce(sum({base_amount}) filter (where {kind} = 'PLACED'), 0)", MONEY, "base_currency"
        ),
        Measure(
            "returned", "Returned", "coalesce(-sum({base_amount}) filter (where {kind} = 'RETURNED'), 0)", MONEY,
            "base_currency",
        ),
        Measure("cost", "Cost of goods", "sum({cost})", MONEY, "base_currency"),
        Measure("margin", "Margin, where the cost is known", "sum({base_amount} - {cost})", MONEY, "base_currency"),
        Measure("pieces", "Pieces", "coalesce(sum({quantity}), 0)::bigint", "pieces"),
        Measure("orders", "Orders", "coalesce(sum({orders}), 0)::bigint", "orders"),
        Measure("customers", "Customers", "count(distinct {customer_id})", "customers"),
        Measure("averageOrder", "Average order", "sum({base_amount}) / nullif(sum({orders}), 0)", MONEY, "base_currency"),
        Measure("count", "Facts", "count(*)", "facts"),
    ),
    joins=(*CUSTOMER, PRODUCTS),
    segments=(Segment("returns", "What came back", "{kind} = 'RETURNED'"),),
    owner="order_id",
    hidden=("orders", "cost"),
)  # fmt: skip

TRANSITIONS = Cube(
    "transitions",
    "Pipeline changes",
    "What became of opportunities: opened, moved, revised, won, lost.",
    transitions.transitions,
    measures=(
        Measure("count", "Changes", "count(*)", "changes"),
        Measure("opportunities", "Opportunities", "count(distinct {owner_id})", "opportunities"),
        Measure("won", "Won", "count(*) filter (where {kind} = 'WON')", "opportunities"),
        Measure("lost", "Lost", "count(*) filter (where {kind} = 'LOST')", "opportunities"),
        Measure(
            "wonAmount", "Won amount", "coalesce(sum({amount_after}) filter (where {kind} = 'WON'), 0)", MONEY,
            "base_currency",
        ),
        Measure(
            "amountChange", "Change of amount", "coalesce(sum(coalesce({amount_after}, 0) - coalesce({amount_before}, 0)), 0)",
            MONEY, "base_currency",
        ),
        Measure("meanDwell", "Mean time at the stage left", "avg({dwell_s})", "s"),
    ),
    joins=(*CUSTOMER, replace(STAFF, on={"staff_id": "staff_after"}), replace(PRODUCTS, on={"sku": "product"})),
    owner="opportunity_id",
)  # fmt: skip

LEADS = Cube(
    "leadMoves",
    "Lead steps",
    "What became of leads: captured, assigned, contacted, qualified, converted.",
    leads.moves,
    measures=(
        Measure("count", "Steps", "count(*)", "steps"),
        Measure("leads", "Leads", "count(distinct {owner_id})", "leads"),
        Measure("converted", "Converted", "count(*) filter (where {step} = 'CONVERTED')", "leads"),
        Measure("meanAge", "Mean age at the step", "avg({age_s})", "s"),
        Measure("meanDwell", "Mean time since the step before", "avg({dwell_s})", "s"),
    ),
    joins=(*CUSTOMER, STAFF, CAMPAIGNS),
    owner="lead_id",
)

QUOTES = Cube(
    "quoteMoves",
    "Quote steps",
    "What became of quotes: requested, issued, accepted, rejected, expired.",
    quotes.moves,
    measures=(
        Measure("count", "Steps", "count(*)", "steps"),
        Measure("quotes", "Quotes", "count(distinct {owner_id})", "quotes"),
        Measure("accepted", "Accepted", "count(*) filter (where {step} = 'ACCEPTED')", "quotes"),
        Measure(
            "acceptedTotal", "Accepted total", "coalesce(sum({base_total}) filter (where {step} = 'ACCEPTED'), 0)", MONEY,
            "base_currency",
        ),
        Measure("meanAge", "Mean age at the step", "avg({age_s})", "s"),
    ),
    joins=CUSTOMER,
    owner="quote_id",
)  # fmt: skip

CARTS = Cube(
    "cartMoves",
    "Cart steps",
    "What became of carts: filled, abandoned, taken up again, ordered.",
    carts.moves,
    measures=(
        Measure("count", "Steps", "count(*)", "steps"),
        Measure("carts", "Carts", "count(distinct {owner_id})", "carts"),
        Measure("recovered", "Taken up again", "coalesce(sum({recovered}), 0)::bigint", "carts"),
        Measure("value", "Value in the carts", "coalesce(sum({base_value}), 0)", MONEY, "base_currency"),
    ),
    joins=CUSTOMER,
    owner="cart_id",
    hidden=("recovered",),
)

COSTS = Cube(
    "costs",
    "Costs",
    "What the company spent: a fact for each cost, and for each correction of one.",
    costs.costs,
    measures=(
        Measure("amount", "Amount", "coalesce(sum({amount}), 0)", MONEY, "base_currency"),
        Measure("count", "Entries", "count(*)", "entries"),
    ),
    joins=(STAFF, CAMPAIGNS),
    owner="cost_id",
    hidden=("amount",),
)

CUBES = (SALES, TRANSITIONS, LEADS, QUOTES, CARTS, COSTS)
