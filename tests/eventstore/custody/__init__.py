"""The keys of personal values, from the first use to the last backup, on a real PostgreSQL and real files."""
