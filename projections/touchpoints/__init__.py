"""Touchpoints: every contact and message, what is planned, and what comes and goes between systems."""
