import numpy as np
import pytest

from lookalike.catalog import VectorBlock
from lookalike.columns import unknown_rows
from lookalike.errors import SnapshotDamaged
from lookalike.neighbors import unit_rows
from lookalike.snapshot import Centring, PublicMean, centring_of, prune
from lookalike.types import WHOLE_IMAGE, Box, Visibility

FINGERPRINT = "ab" * 32
CROP = Box(0.1, 0.1, 0.5, 0.5)


def alike(count, *, seed=0, direction=0):
    """Unit rows of float16 values that have much in common, as photos of one kind have."""
    rows = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    rows[:, direction] += 6
    return unit_rows(rows).astype(np.float16).astype(np.float32)


def fitted(vectors, cuts):
    return Centring.of(vectors.mean(axis=0, dtype=np.float64), cuts)


@pytest.fixture
def vectors():
    return alike(200)


@pytest.fixture
def centring(vectors):
    return fitted(vectors, alike(100, seed=1, direction=3))


def block(vectors, visibilities, regions=None):
    return VectorBlock(
        image_ids=[f"{number:032x}" for number in range(len(vectors))],
        regions=np.zeros(len(vectors), np.int16) if regions is None else np.array(regions, np.int16),
        vectors=vectors,
        visibilities=list(visibilities),
        columns=unknown_rows(len(vectors)),
    )


def test_rows_have_nothing_in_common_any_more(centring, vectors):
    rows = centring.rows(vectors)
    assert np.linalg.norm(vectors.mean(axis=0)) > 0.7
    assert np.linalg.norm(rows.mean(axis=0)) < 0.1
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    assert np.array_equal(rows, rows.astype(np.float16).astype(np.float32)), "an index keeps float16"


def test_a_row_depends_on_nothing_but_itself(centring, vectors):
    rows = centring.rows(vectors)
    order = np.random.default_rng(2).permutation(len(vectors))
    assert np.array_equal(centring.rows(vectors[order]), rows[order])
    assert all(np.array_equal(centring.rows(vectors[[place]])[0], rows[place]) for place in range(20))
    assert all(np.array_equal(centring.query(vectors[place]), rows[place]) for place in range(20))


def test_parts_have_a_mean_of_their_own(centring):
    parts = alike(100, seed=1, direction=3)
    regions = np.arange(100, dtype=np.int16) % 2
    rows = centring.rows(parts, regions)
    for place in range(0, 100, 2):
        assert np.array_equal(rows[place], centring.query(parts[place]))
        assert np.array_equal(rows[place + 1], centring.query(parts[place + 1], CROP))
    assert np.linalg.norm(rows[regions == 1].mean(axis=0)) < 0.2 < np.linalg.norm(rows[regions == WHOLE_IMAGE].mean(0))


def test_without_cuts_parts_are_centred_as_whole_pictures(vectors):
    centring = fitted(vectors, vectors[:0])
    assert np.array_equal(centring.query(vectors[0], CROP), centring.query(vectors[0]))


def test_what_was_taken_out_can_be_put_back(centring, vectors):
    regions = np.arange(len(vectors), dtype=np.int16) % 3
    assert np.allclose(centring.restored(centring.rows(vectors)), vectors, atol=1e-3)
    assert np.allclose(centring.restored(centring.rows(vectors, regions), regions), vectors, atol=1e-3)


def test_off_nothing_is_changed(vectors):
    none = Centring.none(16)
    assert not none.is_on
    assert none.rows(vectors) is vectors
    assert none.query(vectors[0], CROP) is not None
    assert np.array_equal(none.query(vectors[0], CROP), vectors[0])
    assert none.restored(vectors) is vectors


def test_a_picture_that_is_the_mean_itself_still_has_a_direction(vectors):
    mean = unit_rows(vectors.mean(axis=0, keepdims=True))[0] * np.float32(0.9)
    centring = Centring(mean, mean)
    rows = centring.rows(np.stack([mean, vectors[0]]))
    assert np.isfinite(rows).all()
    assert np.array_equal(rows[1], centring.query(vectors[0]))


def test_a_library_of_one_picture_many_times_is_not_centred():
    same = np.repeat(alike(1), 600, axis=0)
    assert not fitted(same, same[:0]).is_on


def test_no_rows_are_centred(centring, vectors):
    assert centring.rows(vectors[:0]).shape == (0, 16)
    assert centring.restored(vectors[:0]).shape == (0, 16)


def test_hidden_images_and_parts_have_no_say_in_the_mean(vectors):
    visibilities = [Visibility.PUBLIC] * 40 + [Visibility.PRIVATE, Visibility.BLOCKED] * 30 + [Visibility.PUBLIC] * 100
    regions = [0] * 100 + [1] * 100
    seen = PublicMean(16, sampled=30)
    seen.take(block(vectors, visibilities, regions))
    assert seen.size == 40
    assert np.allclose(seen.mean, vectors[:40].mean(axis=0), atol=1e-6)
    assert seen.first_ids == [f"{number:032x}" for number in range(30)]


def test_the_mean_of_blocks_is_the_mean_of_all(vectors):
    whole, pieces = PublicMean(16, sampled=70), PublicMean(16, sampled=70)
    given = block(vectors, [Visibility.PUBLIC] * 200)
    whole.take(given)
    for start in range(0, 200, 60):
        piece = slice(start, start + 60)
        ids, visibilities = given.image_ids[piece], given.visibilities[piece]
        pieces.take(
            VectorBlock(
                image_ids=ids,
                regions=given.regions[piece],
                vectors=given.vectors[piece],
                visibilities=visibilities,
                columns=given.columns[piece],
            )
        )
    assert np.allclose(whole.mean, pieces.mean, atol=1e-12)
    assert whole.first_ids == pieces.first_ids == given.image_ids[:70]


def test_no_images_have_a_mean_of_nothing():
    assert not PublicMean(16, sampled=3).mean.any()


def test_it_comes_back_with_its_snapshot(made, centring):
    snapshot = made(centring=centring, centre_from=7).snapshot
    assert np.array_equal(snapshot.centring.whole, centring.whole)
    assert np.array_equal(snapshot.centring.part, centring.part)
    assert snapshot.manifest.centre_from == 7
    assert not made(watermark=2).snapshot.centring.is_on


def test_one_of_another_dimension_is_damaged(centring, tmp_path):
    np.save(tmp_path / "centring.npy", centring.means)
    with pytest.raises(SnapshotDamaged, match="shape"):
        Centring.open(tmp_path / "centring.npy", 17)
    with pytest.raises(SnapshotDamaged, match="cannot be read"):
        Centring.open(tmp_path / "other.npy", 16)


def test_it_outlives_its_snapshot(made, root, centring):
    made(centring=centring)
    for watermark in (2, 3):
        made(watermark=watermark)
    prune(root, FINGERPRINT, keep=1)
    first, second, third, fourth = (centring_of(root, FINGERPRINT, number=n, dimension=16) for n in (1, 2, 3, 4))
    assert np.array_equal(first.part, centring.part)
    assert not second.is_on
    assert not third.is_on
    assert fourth is None


def test_only_the_latest_outlive_their_snapshots(made, root, centring, monkeypatch):
    monkeypatch.setattr("lookalike.snapshot.stored._MOST_CENTRINGS", 2)
    for watermark in range(1, 6):
        made(watermark=watermark, centring=centring)
        prune(root, FINGERPRINT, keep=1)
    known = [centring_of(root, FINGERPRINT, number=number, dimension=16) is not None for number in range(1, 6)]
    assert known == [False, False, True, True, True]
