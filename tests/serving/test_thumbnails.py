import os
import time

from lookalike.serving.thumbnails import ThumbnailCache, ThumbnailSize
from serving.asking import address


def test_the_cache_keeps_to_its_bytes_and_throws_away_what_was_not_used_lately(tmp_path):
    cache = ThumbnailCache(tmp_path, most_bytes=1000)
    ids = [f"{number:032x}" for number in range(10)]
    for age, image_id in enumerate(ids):
        cache.put(image_id, ThumbnailSize.TINY, bytes([age]) * 100)
        path = next(tmp_path.rglob(f"{image_id}*"))
        os.utime(path, ns=(0, (age + 1) * 1_000_000_000))
    assert cache.get(ids[0], ThumbnailSize.TINY) == b"\x00" * 100  # used now: the youngest
    cache.put("f" * 32, ThumbnailSize.TINY, b"x" * 100)
    kept = [image_id for image_id in ids if cache.get(image_id, ThumbnailSize.TINY)]
    assert kept == [ids[0], *ids[3:]]
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) <= 1000


def test_a_new_cache_counts_what_an_old_one_left(tmp_path):
    ThumbnailCache(tmp_path, most_bytes=1000).put("a" * 32, ThumbnailSize.TINY, b"x" * 900)
    time.sleep(0.01)
    ThumbnailCache(tmp_path, most_bytes=1000).put("b" * 32, ThumbnailSize.TINY, b"x" * 200)
    assert [file.name for file in tmp_path.rglob("*-64")] == [f"{'b' * 32}-64"]


def test_a_cache_that_cannot_be_written_does_not_stop_thumbnails(client_of, images, tmp_path, caplog):
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where the folder should be")
    client = client_of(thumbnails=blocked)
    assert client.get(address(images[0], 64)).status_code == 200
    assert client.get(address(images[0], 64)).status_code == 200
    assert "not kept" in caplog.text


def test_an_empty_file_left_by_a_power_cut_is_made_anew(client, library, images):
    whole = client.get(address(images[0], 64)).content
    path = next((library.folder / "thumbnails").rglob(f"{images[0]}-64"))
    path.write_bytes(b"")
    assert client.get(address(images[0], 64)).content == whole
    assert path.read_bytes() == whole
    assert not list(path.parent.glob("*.part"))
