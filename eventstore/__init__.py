"""The memory: one append-only log on PostgreSQL, and nothing that was remembered is ever rewritten."""
