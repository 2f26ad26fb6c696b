"""What the company does by itself: policies that react to what happens, and the clock that keeps its promises."""

from processes import (
    assignment,
    campaign_execution,
    consent_guard,
    duplicate_detection,
    first_visit,
    lead_response,
    objective_watch,
    opportunity_hygiene,
    order_progress,
    post_purchase_survey,
    quote_follow_up,
    report_delivery,
)

POLICIES = (
    assignment.policy,
    campaign_execution.policy,
    consent_guard.policy,
    duplicate_detection.policy,
    first_visit.policy,
    lead_response.policy,
    objective_watch.policy,
    opportunity_hygiene.policy,
    order_progress.policy,
    post_purchase_survey.policy,
    quote_follow_up.policy,
    report_delivery.policy,
)
"""Every policy. To add one: write its file, and its name here."""
