"""Feeds: what a body says, when to ask again, lists of feeds. No database, no network: records in, records out."""
