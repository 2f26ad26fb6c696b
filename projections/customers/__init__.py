"""Customers: who they are, what is known of them, and what to do next."""
