"""What the company does by itself: policies that react to what happens, and the clock that keeps its promises."""

from processes import (
    campaign_execution,
    case_closure,
    case_escalation,
    case_sla,
    consent_guard,
    detractor_recovery,
    duplicate_detection,
    objective_watch,
    order_progress,
    post_purchase_survey,
    queue_routing,
    report_delivery,
)

POLICIES = (
    campaign_execution.policy,
    case_closure.policy,
    case_escalation.policy,
    case_sla.policy,
    consent_guard.policy,
    detractor_recovery.policy,
    duplicate_detection.policy,
    objective_watch.policy,
    order_progress.policy,
    post_purchase_survey.policy,
    queue_routing.policy,
    report_delivery.policy,
)
"""Every policy. To add one: write its file, and its name here."""
