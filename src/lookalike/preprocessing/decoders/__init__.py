"""From header to pixels: one decoder per format, each with a limit on its memory."""

from lookalike.preprocessing.decoders.choice import decoder_for
from lookalike.preprocessing.decoders.scale import MOST_COPIED, Decoder, Wanted

__all__ = ["MOST_COPIED", "Decoder", "Wanted", "decoder_for"]
