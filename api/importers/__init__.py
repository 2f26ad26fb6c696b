"""Doors for files: one importer for each layout."""

from api.importers import clickstream, commands, contacts, crm, loyalty, mail, rates, retail, tickets

IMPORTERS = (
    commands.importer,
    retail.importer,
    crm.importer,
    tickets.importer,
    loyalty.importer,
    clickstream.importer,
    mail.importer,
    contacts.importer,
    rates.importer,
)
"""Every layout. To add one: write its file, and its name here."""
