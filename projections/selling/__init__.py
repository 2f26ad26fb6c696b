"""Selling: products and prices, leads, opportunities and quotes, orders and their money."""
