"""Bytes by their content id: `Blobs`, and a folder of files, `FolderBlobs`."""

from lookalike.blobs.blobs import Blobs
from lookalike.blobs.folder import FolderBlobs

__all__ = ["Blobs", "FolderBlobs"]
