"""What results show of themselves in a notebook."""

import re

import pytest

from doubles import picture
from lookalike import Query
from lookalike.library.notebook import Tile, pictures_html, table_html
from lookalike.types import Visibility

HOSTILE = "<script>alert('x')</script>"


def test_every_text_is_escaped():
    tile = Tile(picture=None, caption=HOSTILE, title=f"' onload='{HOSTILE}")
    shown = pictures_html([tile], notes=[HOSTILE]) + str(table_html([HOSTILE], [[HOSTILE]], title=HOSTILE))
    assert "<script" not in shown
    assert "' onload='" not in shown
    assert shown.count("&lt;script&gt;") == 6, "note, title, caption; title, heading, cell"


def test_hits_are_a_row_of_pictures(library, shop):
    shown = library.search(Query.picture(shop / "3-0.png"), limit=4)._repr_html_()
    assert len(re.findall("src='data:image/jpeg;base64,", shown)) == 4
    assert "3-0.png" in shown


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.BLOCKED])
def test_a_picture_hidden_since_the_search_is_not_shown(library, shop, visibility):
    found = library.search(Query.picture(shop / "3-0.png"), limit=4)
    library.parts.catalog.images.update(found[0].image.id, visibility=visibility)
    assert found._repr_html_().count("data:image/jpeg") == 3
    assert "3-0.png" not in found._repr_html_()


def test_hits_of_a_closed_library_are_counted(library, shop):
    found = library.search(Query.picture(shop / "3-0.png"), limit=4)
    library.close()
    assert "data:image" not in found._repr_html_()
    assert "4 hits are not shown" in found._repr_html_()


def test_a_hostile_file_name_is_text(library, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "<img src=x onerror=alert(1)>.png").write_bytes(picture(1))
    library.index([folder])
    shown = library.search(Query.picture(picture(1)))._repr_html_()
    assert "<img src=x" not in shown
    assert "&lt;img src=x" in shown


def test_an_evaluation_is_a_table_with_a_plot(library, shop):
    shown = library.evaluate(shop / "grades.qrels", measures="nDCG@10,mAP", resamples=200)._repr_html_()
    assert "<td>nDCG@10</td>" in shown
    assert "<svg" in shown
    assert "<table>" in library.index([shop])._repr_html_()
    assert "<td>tiny</td>" in library.bench(shop / "grades.qrels", models=["tiny"], measures="mAP")._repr_html_()
    assert "blind answers now" in library.promote("blind", force=True)._repr_html_()
