"""File headers: size and orientation before any pixel is decoded, and the bytes without their metadata."""

from lookalike.preprocessing.containers.header import Header, read_header
from lookalike.preprocessing.containers.raw import raw_kind
from lookalike.preprocessing.containers.record import NotRead

__all__ = ["Header", "NotRead", "raw_kind", "read_header"]
