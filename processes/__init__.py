"""What the company does by itself: policies that react to what happens, and the clock that keeps its promises."""

from processes import (
    campaign_execution,
    consent_guard,
    duplicate_detection,
    objective_watch,
    order_progress,
    post_purchase_survey,
    report_delivery,
)

POLICIES = (
    campaign_execution.policy,
    consent_guard.policy,
    duplicate_detection.policy,
    objective_watch.policy,
    order_progress.policy,
    post_purchase_survey.policy,
    report_delivery.policy,
)
"""Every policy. To add one: write its file, and its name here."""
