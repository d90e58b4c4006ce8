"""The images of a run, divided into training, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lookalike.errors import TrainingRefused
from lookalike.training.examples import (
    Part,
    Split,
    joined_groups,
    near_duplicate_groups,
    split,
    without_low_grades,
)
from lookalike.training.library import KnownImages, random_crops
from lookalike.training.network.source_kinds import Examples, Labels
from lookalike.training.recipes import HeadRecipe
from lookalike.training.rows import DescribedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Which images are learnt from, and which validate and test.

    Attributes:
        groups: image id -> name of its group; near-duplicates, and what the user says belongs together, share one.
        images: the part of each image.
        crops: image id -> a part of it, to validate and test learning from views by; empty without views.
    """

    groups: Mapping[str, str]
    images: Split
    crops: Mapping[str, DescribedRow]


def gather(known: KnownImages, labels: Labels, recipe: HeadRecipe) -> Examples:
    """The images of a run and their labels; graded or clicked images come first.

    Raises:
        TrainingRefused: a teacher is to be learnt from, and none was named.
    """
    if "teacher" in recipe.shares and labels.teacher is None:
        raise TrainingRefused("teacher: none was named")
    if "teacher" not in recipe.shares:
        labels = replace(labels, teacher=None)
    pairs = tuple(without_low_grades(labels.clicks.pairs if labels.clicks else (), labels.graded))
    needed = {image for query in labels.graded for image in (query.row.image_id, *query.images)}
    needed |= {image for pair in pairs for image in pair.images}
    return Examples(known=known.sample(needed, recipe.most_images), labels=labels, pairs=pairs)


def divide(examples: Examples, recipe: HeadRecipe) -> Division:
    """Divide the images by groups into training, validation and test."""
    known = examples.known
    alike = near_duplicate_groups(known.image_ids, known.difference_hashes, known.vectors)
    leaders: dict[str, str] = {}
    pairs = [(image_id, leader) for image_id, leader in alike.items() if image_id != leader]
    for image_id in known.image_ids:
        named = examples.labels.groups.get(image_id)
        if named is not None:
            pairs.append((image_id, leaders.setdefault(named, image_id)))
    groups = joined_groups(known.image_ids, pairs)
    images = split(known.image_ids, groups, recipe.shares_held_out)
    held = [image_id for image_id in known.image_ids if images.parts[image_id] is not Part.TRAIN]
    crops = random_crops(held, seed=recipe.seed) if "views" in recipe.shares else {}
    return Division(groups=groups, images=images, crops=crops)
