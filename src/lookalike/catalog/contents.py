"""An image's bytes, from its upload or from any file it was seen at."""

import logging
import stat
from collections.abc import Sequence
from pathlib import Path

from lookalike.catalog.originals import Originals
from lookalike.catalog.records import SourceFile, content_id
from lookalike.errors import ImageRefused

logger = logging.getLogger(__name__)


def read_content(image_id: str, originals: Originals, files: Sequence[SourceFile]) -> bytes:
    """The bytes; a file that was written since it was indexed is used only if they are still the same.

    Raises:
        ImageRefused: neither the upload nor any of the files can be read; reason `unreadable`.
    """
    tried: list[str] = []
    try:
        return originals.get(image_id)
    except FileNotFoundError:
        pass
    except OSError as error:
        tried.append(f"uploaded bytes: {error.strerror or error}")
    for file in files:
        try:
            content = _unchanged(file, image_id)
        except OSError as error:
            tried.append(f"{file.path!a}: {error.strerror or error}")
            continue
        if content is not None:
            return content
        tried.append(f"{file.path!a}: is another image now")
    logger.warning("image %s cannot be read: %s", image_id, "; ".join(tried))
    # The paths go to the log only: the message may be shown to somebody who must not learn them.
    raise ImageRefused(image_id, "unreadable", "its file is gone, unreadable, or has changed; run `lookalike index`")


def _unchanged(file: SourceFile, image_id: str) -> bytes | None:
    path = Path(file.path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{file.path!a} is not a regular file any more")
    content = path.read_bytes()
    if (status.st_size, status.st_mtime_ns) == (file.byte_count, file.modified_ns):
        return content
    return content if content_id(content) == image_id else None
