"""The views: what people look at, folded from the log and made anew from it at any time."""

from projections import (
    absences,
    agenda,
    cases,
    customer_360,
    customers,
    due,
    follow_ups,
    imports,
    kpi_definitions,
    opportunities,
    orders,
    timeline,
)

VIEWS = (
    customers.view,
    customer_360.view,
    timeline.view,
    orders.view,
    due.view,
    follow_ups.view,
    imports.view,
    agenda.view,
    absences.view,
    opportunities.view,
    cases.view,
    kpi_definitions.view,
)
"""Every view. To add one: write its file, and its name here."""
