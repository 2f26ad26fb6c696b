"""Custody: who keeps the keys of personal values, under which other keys, for how long, and how they end."""
