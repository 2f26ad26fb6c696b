"""What the facts of several cubes are joined with: whom they concern, what was sold, who did it, and for which campaign."""

from dataclasses import replace

from projections.company import staff
from projections.customers import profiles
from projections.figures.cube import Join
from projections.marketing import campaigns
from projections.selling import products

WHO = ("kind", "country", "territory", "sector", "size", "language", "source", "stage", "staff_id", "registered_at")

CUSTOMERS = Join("customers", "Customer", profiles.view, {"customer_id": "customer_id"}, columns=WHO)
CUSTOMERS_THEN = replace(CUSTOMERS, name="customersThen", title="Customer then", then=True)
CUSTOMER = (CUSTOMERS, CUSTOMERS_THEN)
"""Whom a fact concerns: as they are, and as they were when it happened."""

PRODUCTS = Join(
    "products",
    "Product",
    products.view,
    {"sku": "sku"},
    latest="introduced_at",
    columns=("name", "category", "tax_class"),
)
STAFF = Join("staff", "Staff", staff.view, {"staff_id": "staff_id"}, columns=("role", "territory_id", "manager_id"))
NAMED = ("code", "title", "kind", "status")
CAMPAIGNS = Join("campaigns", "Campaign", campaigns.view, {"campaign_id": "campaign_id"}, columns=NAMED)
