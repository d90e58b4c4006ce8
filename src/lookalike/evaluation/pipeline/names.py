"""The catalog's images behind the names that judgement files use."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.catalog import Catalog
from lookalike.reranking import visible
from lookalike.types import Image

_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class NamedImages:
    """What stands behind some names.

    Attributes:
        images: name -> the public, readable image.
        unknown: names no image of the library has.
        ambiguous: names that several images could have.
        hidden: names of images that can't be found: private, blocked or not readable.
    """

    images: Mapping[str, Image]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]
    hidden: tuple[str, ...]


def find_images_named(catalog: Catalog, names: Iterable[str], *, folders: Sequence[Path] = ()) -> NamedImages:
    """The images that names mean, tried in this order.

    1. an image's id;
    2. a path as it was indexed, taken relative to each of `folders` in turn where it is relative;
    3. the end of exactly one indexed path: `images/17.jpg` means `/photos/shoes/images/17.jpg`.

    Args:
        catalog: where images are known.
        names: from a file.
        folders: where relative names start, such as the folder of the judgement file.
    """
    wanted = list(dict.fromkeys(names))
    ids = {image_id: image_id for image_id in catalog.images.get_many([n for n in wanted if _IMAGE_ID.fullmatch(n)])}
    for folder in folders:
        left = {name: os.path.abspath(folder / name) for name in wanted if name not in ids}  # noqa: PTH100 - as indexed
        known = catalog.sources.image_ids_at(left.values())
        ids |= {name: known[path] for name, path in left.items() if path in known}
    by_ending = _by_ending(catalog, [name for name in wanted if name not in ids])
    ids |= {name: next(iter(found)) for name, found in by_ending.items() if len(found) == 1}
    records = catalog.images.get_many(list(dict.fromkeys(ids.values())))
    images = {name: records[ids[name]] for name in wanted if name in ids and ids[name] in records}
    shown = visible(images.values())
    return NamedImages(
        images={name: image for name, image in images.items() if image.id in shown},
        unknown=tuple(name for name in wanted if name not in images and len(by_ending.get(name, ())) < 2),  # noqa: PLR2004
        ambiguous=tuple(name for name, found in by_ending.items() if len(found) > 1),
        hidden=tuple(name for name, image in images.items() if image.id not in shown),
    )


def _by_ending(catalog: Catalog, names: Sequence[str]) -> dict[str, set[str]]:
    """Ids of the images that have a path ending in each name."""
    if not names:
        return {}
    of_basename: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        of_basename[os.path.basename(name)].append(name)  # noqa: PTH119 - a Path would lose a trailing dot
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, state in catalog.sources.below(os.sep).items():
        for name in of_basename.get(os.path.basename(path), ()):  # noqa: PTH119
            if state.image_id and (path == name or path.endswith(os.sep + name.lstrip("./"))):
                found[name].add(state.image_id)
    return dict(found)
