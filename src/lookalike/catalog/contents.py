"""An image's bytes, from its upload or from any file it was seen at."""

import logging
from collections.abc import Sequence
from pathlib import Path

from lookalike.blobs import Blobs
from lookalike.catalog.records import SourceFile, content_id
from lookalike.regular_files import TooLarge, read_regular

logger = logging.getLogger(__name__)


def read_content(image_id: str, originals: Blobs, files: Sequence[SourceFile]) -> tuple[bytes | None, list[str]]:
    """The bytes that the id is the hash of, and the paths of files that hold other bytes by now.

    None where neither the upload nor any of the files has them. Each is hashed before it is used: a file may be
    rewritten with its size and time kept.
    """
    tried: list[str] = []
    differing: list[str] = []
    try:
        content = originals.get(image_id)
        if content_id(content) == image_id:
            return content, differing
        tried.append("uploaded bytes: are damaged")
    except FileNotFoundError:
        pass
    except OSError as error:
        tried.append(f"uploaded bytes: {error.strerror or error}")
    for file in files:
        try:
            content, _ = read_regular(Path(file.path), most=file.byte_count)
        except TooLarge:
            content = b""
        except OSError as error:
            tried.append(f"{file.path!a}: {error.strerror or error}")
            continue
        if content_id(content) == image_id:
            return content, differing
        differing.append(file.path)
        tried.append(f"{file.path!a}: holds other bytes than when it was indexed")
    # The paths go to the log only: the answer may be shown to somebody who must not learn them.
    logger.warning("image %s cannot be read: %s", image_id, "; ".join(tried))
    return None, differing
