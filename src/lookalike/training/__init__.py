"""Learning what "similar" means here: examples, losses, backbones, the loop, and heads over cached features.

`examples`, `views` and `whitening` need no torch; everything else takes it from `framework`, whose import says what to
install where it is missing.
"""
