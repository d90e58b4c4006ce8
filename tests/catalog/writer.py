"""A process that adds images until it is killed: prints each id, one a line, once it is acknowledged.

Arguments: the database's URL, the folder of originals, a name that makes this writer's images its own, how many.
"""

import sys
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog, ImageAddition, SourceFile, content_id
from lookalike.columns import image_row


def addition(name: str, number: int) -> ImageAddition:
    """The image of that number: its vector is known from it, and every third one is an upload."""
    content = f"{name} {number}".encode()
    upload = number % 3 == 0
    return ImageAddition(
        content_id=content_id(content),
        width=1,
        height=1,
        mean_colour="#000000",
        columns=image_row(difference_hash=number),
        media_type="image/png",
        byte_count=len(content),
        upload=content if upload else None,
        source=None if upload else SourceFile(path=f"/{name}/{number}", byte_count=1, modified_ns=1),
        fingerprint="5" * 64,
        vector=np.eye(8)[number % 8],
    )


def main(url: str, originals: str, name: str, most: int) -> None:
    with Catalog.open(url, originals=Path(originals)) as catalog:
        for number in range(0, most, 2):
            batch = [addition(name, number), addition(name, number + 1)]
            if not all(catalog.images.add(batch)):
                raise SystemExit(f"{number} was there already")
            for added in batch:
                sys.stdout.write(added.content_id + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
