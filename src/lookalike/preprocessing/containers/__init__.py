"""File headers: size and orientation before any pixel is decoded, and the bytes without their metadata."""

from lookalike.preprocessing.containers.header import Header, read_header

__all__ = ["Header", "read_header"]
