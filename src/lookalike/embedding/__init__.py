"""Images to unit vectors: model descriptions, sources, runtimes."""
