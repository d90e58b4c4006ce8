"""Learning what "similar" means here: sources of examples, the division of images, heads and projections, model cards.

What needs torch is in `network` and nowhere else.
"""
