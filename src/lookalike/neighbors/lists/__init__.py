"""Inverted lists with different contents: whole vectors, 8-bit product codes, bits."""
