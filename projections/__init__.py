"""The views: what people look at, folded from the log and made anew from it at any time."""

from projections import (
    absences,
    agenda,
    calls,
    case_slas,
    cases,
    customer_360,
    customers,
    due,
    follow_ups,
    imports,
    interactions,
    opportunities,
    orders,
    shifts,
    survey_definitions,
    surveys,
    timeline,
    work_items,
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
    case_slas.view,
    work_items.view,
    calls.view,
    shifts.view,
    interactions.view,
    surveys.view,
    survey_definitions.view,
)
"""Every view. To add one: write its file, and its name here."""
