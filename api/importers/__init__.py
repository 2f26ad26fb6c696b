"""Doors for files: one importer for each layout."""

from api.importers import commands, retail

IMPORTERS = (commands.importer, retail.importer)
"""Every layout. To add one: write its file, and its name here."""
