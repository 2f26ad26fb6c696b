"""The log is tested against a real PostgreSQL, down to the crash."""
