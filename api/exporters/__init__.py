"""Exporters: slices of the log in the forms that other programs read."""
