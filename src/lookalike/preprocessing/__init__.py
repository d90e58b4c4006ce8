"""Bytes to upright RGB pixels to a normalised batch: one path for indexing and queries."""
