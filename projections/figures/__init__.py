"""Figures: KPIs and cubes over the facts, and the events behind every value."""
