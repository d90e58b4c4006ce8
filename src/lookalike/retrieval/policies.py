"""The setting `policies`: which re-rankers a library's hits go through, and in which order."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from lookalike.catalog import Catalog
from lookalike.errors import CallerError
from lookalike.reranking import (
    BoostTags,
    Diversify,
    FollowedBlockList,
    ModerationThreshold,
    NotItself,
    PinAndBury,
    ReRanker,
    VerifySameThing,
    WithoutBlocked,
    WithoutOwners,
)
from lookalike.retrieval.rankers import NEAR_DUPLICATES, stored_keypoints

DEFAULT_POLICIES = "not-itself, block-list, near-duplicates, verify"
"""What is done where nothing else is asked for; a test holds it equal to the setting's default."""


def policies_of(text: str, catalog: Catalog) -> tuple[ReRanker, ...]:
    """The re-rankers that a text names, in its order.

    Args:
        text: names between commas; what a policy needs stands behind a colon, and several values between bars, as in
            `not-itself, owner-blocks:ann|bob, near-duplicates, boost:sale=0.05|old=-0.1, diversity:0.7, verify`.
        catalog: where policies look images up.

    Raises:
        CallerError: a name is not known, or what it needs is missing or no value of the kind.
    """
    found: list[ReRanker] = []
    for part in (one.strip() for one in text.split(",")):
        name, _, values = part.partition(":")
        make = _POLICIES.get(name.strip())
        if make is None:
            known = ", ".join(_POLICIES)
            raise CallerError(f"policies: {part[:60]!a} is not known; known are {known}")
        try:
            found.append(make(catalog, [value.strip() for value in values.split("|") if value.strip()]))
        except ValueError as mistake:
            raise CallerError(f"policies: {part[:60]!a}: {mistake}") from None
    return tuple(found)


def _owner_blocks(catalog: Catalog, owners: Sequence[str]) -> ReRanker:
    _require(owners, "name owners, as in owner-blocks:ann|bob")
    return WithoutOwners(blocked=frozenset(owners), owners_of=partial(_owners, catalog))


def _block_list(catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require_none(values)
    return WithoutBlocked(blocked=FollowedBlockList(catalog))


def _boosts(catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require(values, "give weights of tags, as in boost:sale=0.05|old=-0.1")
    pairs = [value.rpartition("=") for value in values]
    weights = {tag.strip(): _number(weight, least=-2, most=2) for tag, _, weight in pairs}
    return BoostTags(weights=weights, tags_of=partial(_tags, catalog))


def _moderation(catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require(values, "give greatest scores of labels, as in moderation:nudity/explicit=0.5")
    pairs = [value.rpartition("=") for value in values]
    most = {label.strip(): _number(score, least=0, most=1) for label, _, score in pairs}
    return ModerationThreshold(most=most, scores_of=partial(_scores, catalog))


def _diversity(_catalog: Catalog, values: Sequence[str]) -> ReRanker:
    if len(values) > 1:
        raise ValueError("give one number, as in diversity:0.7")
    return Diversify(relevance=_number(values[0], least=0, most=1)) if values else Diversify()


def _pins(_catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require(values, "name images by id, as in pin:ID|ID")
    return PinAndBury(pinned=tuple(values))


def _burials(_catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require(values, "name images by id, as in bury:ID|ID")
    return PinAndBury(buried=frozenset(values))


def _not_itself(_catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require_none(values)
    return NotItself()


def _near_duplicates(_catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require_none(values)
    return NEAR_DUPLICATES


def _verify(catalog: Catalog, values: Sequence[str]) -> ReRanker:
    _require_none(values)
    return VerifySameThing(keypoints_of=partial(stored_keypoints, catalog))


_POLICIES: Mapping[str, Callable[[Catalog, Sequence[str]], ReRanker]] = {
    "not-itself": _not_itself,
    "owner-blocks": _owner_blocks,
    "block-list": _block_list,
    "moderation": _moderation,
    "near-duplicates": _near_duplicates,
    "boost": _boosts,
    "diversity": _diversity,
    "pin": _pins,
    "bury": _burials,
    "verify": _verify,
}


def _owners(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, str]:
    found = catalog.images.get_many(image_ids)
    return {image_id: image.owner_id for image_id, image in found.items() if image.owner_id is not None}


def _tags(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, Sequence[str]]:
    return {image_id: image.tags for image_id, image in catalog.images.get_many(image_ids).items()}


def _scores(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, Mapping[str, float]]:
    return {image_id: about.verdict.scores for image_id, about in catalog.moderation.get(image_ids).items()}


def _require(values: Sequence[str], what: str) -> None:
    if not values:
        raise ValueError(what)


def _require_none(values: Sequence[str]) -> None:
    if values:
        raise ValueError("takes no values")


def _number(text: str, *, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text[:20]!a} is not a number") from None
    if not least <= number <= most:
        raise ValueError(f"{number:g} must be from {least:g} to {most:g}")
    return number
