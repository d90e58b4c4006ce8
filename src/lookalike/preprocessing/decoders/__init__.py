"""From header to pixels: one decoder a format, each with a bound on the memory it takes."""

from lookalike.preprocessing.decoders.choice import decoder_for
from lookalike.preprocessing.decoders.scale import MOST_COPIED, Decoder, Wanted

__all__ = ["MOST_COPIED", "Decoder", "Wanted", "decoder_for"]
