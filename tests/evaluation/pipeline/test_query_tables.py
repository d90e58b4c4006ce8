import pytest

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.pipeline import read_query_table, read_rows
from lookalike.types import Box


@pytest.fixture
def table(tmp_path):
    def write(text, name="queries.tsv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_boxes_are_corners_in_pixels_or_fractions_or_nothing(table):
    read = read_query_table(
        table(
            "qid,image,x0,y0,x1,y1,x,y,width,height\n"
            "a,1.jpg,10,20,110,70,,,,\n"
            "b,2.jpg,,,,,0.25,0.5,0.5,0.25\n"
            "c,3.jpg,,,,,,,,\n",
            "queries.csv",
        )
    )
    assert read["a"].query.region == Box(10, 20, 100, 50, unit="pixel")
    assert read["b"].query.region == Box(0.25, 0.5, 0.5, 0.25)
    assert read["c"].query.region is None
    assert [row.query.image for row in read.values()] == ["1.jpg", "2.jpg", "3.jpg"]


def test_a_manifest_describes_whole_images(table):
    path = table("path\twidth\theight\tKind\n1.jpg\t640\t480\tshoe\n")
    read = read_query_table(path, group_by=["Kind"])
    assert read["1.jpg"].query.image == "1.jpg"
    assert read["1.jpg"].query.region is None
    assert read["1.jpg"].groups == {"Kind": "shoe"}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("image\tkind\n1.jpg\n", {}, "1 cells instead of 2"),
        ("image\tx0\ty0\tx1\ty1\n1.jpg\t1\t2\t3\t\n", {}, "line 2"),
        ("image\tx0\ty0\tx1\ty1\n1.jpg\t1\t2\tthree\t4\n", {}, "not four numbers"),
        ("image\tx0\ty0\tx1\ty1\n1.jpg\t1\t2\t1\t4\n", {}, "line 2: crop .* area above 0"),
        ("label\nshoe\n", {}, "missing: query"),
        ("image\n1.jpg\n", {"group_by": ["colour"]}, "colour"),
        ("", {}, "missing: query"),
    ],
)
def test_what_cannot_be_read_names_the_line(table, text, options, message):
    with pytest.raises(EvaluationRefused, match=message):
        read_query_table(table(text), **options)


def test_rows_of_chosen_columns(table):
    path = table("path,Label,size\n1.jpg,shoe,3\n2.jpg,bag,4\n", "labels.csv")
    assert read_rows(path, ["path", "label"]) == [
        {"path": "1.jpg", "label": "shoe"},
        {"path": "2.jpg", "label": "bag"},
    ]
    with pytest.raises(EvaluationRefused, match="missing: colour"):
        read_rows(path, ["path", "colour"])
