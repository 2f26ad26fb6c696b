"""What the company does by itself: policies that react to what happens, and the clock that keeps its promises."""

from processes import (
    benefit_authorisation,
    campaign_execution,
    cart_abandonment,
    churn_risk,
    consent_guard,
    cross_sell,
    duplicate_detection,
    objective_watch,
    order_progress,
    post_purchase_survey,
    report_delivery,
    returns,
    tier_at_risk,
    tier_evaluation,
    tier_nudge,
)

POLICIES = (
    benefit_authorisation.policy,
    campaign_execution.policy,
    cart_abandonment.policy,
    churn_risk.policy,
    consent_guard.policy,
    cross_sell.policy,
    duplicate_detection.policy,
    objective_watch.policy,
    order_progress.policy,
    post_purchase_survey.policy,
    report_delivery.policy,
    returns.policy,
    tier_at_risk.policy,
    tier_evaluation.policy,
    tier_nudge.policy,
)
"""Every policy. To add one: write its file, and its name here."""
