"""Hits to better hits: visibility, near-duplicates, limit."""
