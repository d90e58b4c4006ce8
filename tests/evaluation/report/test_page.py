"""The report as a page: whole, harmless, and with the numbers it was given."""

import math
import os
import re
import stat

import numpy as np
import pytest

from evaluation.report.example_report import NDCG, Parsed, evaluation, jpeg, report
from lookalike.errors import StorageFailed
from lookalike.evaluation.report import (
    BenchPoint,
    BenchReport,
    Circumstances,
    DepthCurve,
    JudgementSummary,
    QueryDescription,
    QueryStrip,
    StripHit,
    write_bench_report,
    write_report,
)

HOSTILE = "<script>alert(1)</script>\"' onload=x\n\u202e{{7*7}}\ud800\x00&amp;.jpg"


def bench(**changes):
    point = BenchPoint(
        name="tiny", quality=0.5, low=0.45, high=0.55, milliseconds=5.25, bytes_per_image=1280, images_per_second=190
    )
    fields = {
        "measure": "nDCG@10",
        "explanation": "how near.",
        "judgements": "fashion",
        "queries": 20,
        "images": 100,
        "points": (point,),
        "machine": "two cores",
        "at": report().circumstances.at,
        "version": "9.8.7",
        "command": "lookalike models bench",
    }
    return BenchReport(**(fields | changes))


def references(text):
    """Every place from which a browser might fetch."""
    page = Parsed(text)
    named = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "poster", "data", "background", "xlink:href"}
    ]
    return named + re.findall(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\s*\(", text)


def test_elements_nest(written):
    page = written()
    assert page.faults == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.all("a")} <= set(ids)


def test_it_refers_to_nothing_outside(tmp_path):
    write_report(report(), tmp_path / "report.html")
    write_bench_report(bench(), tmp_path / "bench.html")
    for name in ("report.html", "bench.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert all(value.startswith(("#", "data:")) for value in references(text))
        assert not re.search(r"https?:|//", re.sub(r"base64,[^\"']*|sha256-[^']*", "", text))
        (policy,) = [meta["content"] for meta in Parsed(text).all("meta") if "http-equiv" in meta]
        assert policy.startswith("default-src 'none'; img-src data:;")
        assert "unsafe" not in policy


def test_numbers_are_those_given(written):
    given = report()
    page = written()
    for row in given.tables.measures:
        assert f"{row.served.mean:.3f}" in page.text
        assert f"{row.served.low:.3f} to {row.served.high:.3f}" in page.text
        assert f"{row.exact:.3f}" in page.text
    compared = given.tables.comparisons[0].comparison
    assert "+0.100" in page.text
    assert compared.wins == 39
    for text in ("1,234 pairs", "567 images", "1,000", "by hand", "tiny-0a1b2c", "0a1b2c-3-44", "faiss-ivfpq", "9.8.7"):
        assert text in page.text
    assert "2026-01-31 10:30 UTC" in page.text
    assert "lookalike evaluate judged.csv --html out.html" in page.text
    assert "3 images are not in the library." in page.text
    assert "0.432" in page.text  # the value of a strip
    assert "0.99" in page.text  # a cosine


def test_every_query_has_its_row(written):
    given = report()
    page = written()
    rows = page.text[page.text.index("Every query", page.text.index("Worst queries")) :]
    for query, values in given.served.table():
        shown = " ".join("not defined" if math.isnan(value) else f"{value:.3f}" for value in values.values())
        described = given.describe(query)
        assert " ".join([query, shown, described.kind, *described.tags]) in rows


def test_what_is_undefined_is_never_a_number(written):
    nothing = evaluation([[np.nan, np.nan, np.nan]] * 3)
    page = written(
        served=nothing,
        best=(),
        worst=(),
        curves=(DepthCurve(system="s", measure="P", depths=(1, 5), means=(np.nan, np.nan)),),
    )
    tables = page.text[page.text.index("Mind this") : page.text.rindex("How it was made")]
    assert "not defined" in tables
    assert not re.search(r"\b0\.000\b", tables)
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)
    assert "3 of 3 queries have no value of nDCG@10" in page.text
    assert "cannot be compared" in page.text


def test_nothing_optional_is_needed(written):
    page = written(exact=None, against=None, queries={}, best=(), worst=(), curves=())
    assert page.faults == []
    assert "lost by the index" not in page.text.lower()
    assert "Against" not in page.text
    assert "Best queries" not in page.text


def test_one_query(written):
    page = written(served=evaluation([[0.5, 0.25, 1.0]]))
    assert page.faults == []
    assert "0.250" in page.text
    assert "Only 1 query has" in page.text
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)


def test_names_are_text(tmp_path):
    served = evaluation([[0.5, 0.5, 0.5], [0.1, 0.2, 0.3]], run=HOSTILE, queries=[HOSTILE, "q"])
    hit = StripHit(image=HOSTILE, rank=1, grade=1, cosine=0.5, picture=b"<svg onload=alert(1)>")
    strip = QueryStrip(
        query=HOSTILE, value=0.5, hits=(hit,), missed=(hit,), description=QueryDescription(tags=(HOSTILE,))
    )
    texts = ("library", "model", "fingerprint", "generation", "backend", "version", "command")
    given = report(
        served=served,
        circumstances=Circumstances(
            **dict.fromkeys(texts, HOSTILE),
            depth=3,
            at=report().circumstances.at,
            warnings=(HOSTILE,),
        ),
        judgements=JudgementSummary(
            name=HOSTILE, rule=HOSTILE, queries=1, pairs=1, images=1, grades=(1, 0, 0, 0, 0, 0)
        ),
        queries={HOSTILE: QueryDescription(tags=(HOSTILE,))},
        best=(strip,),
        worst=(strip,),
        curves=(DepthCurve(system=HOSTILE, measure="nDCG", depths=(1, 2), means=(0.5, 0.5)),),
    )
    write_report(given, tmp_path / "report.html")
    page = Parsed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.faults == []
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.all("img") == []  # what is no picture is not shown as one
    assert "{{7*7}}" in page.text
    assert r"\ud800" in page.text
    assert "\0" not in page.text


def test_bench_names_are_text(tmp_path):
    point = BenchPoint(
        name=HOSTILE, quality=0.5, low=0.4, high=0.6, milliseconds=1, bytes_per_image=1, images_per_second=1
    )
    write_bench_report(bench(points=(point,), machine=HOSTILE, warnings=(HOSTILE,)), tmp_path / "bench.html")
    page = Parsed((tmp_path / "bench.html").read_text(encoding="utf-8"))
    assert page.faults == []
    assert len(page.all("script")) == 1


def test_pictures_are_inside_and_missing_ones_say_so(written):
    page = written()
    sources = [image["src"] for image in page.all("img")]
    assert len(sources) == 2 + 2 + 1  # the query and one hit in each strip, what was missed in the worst
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(image["alt"] for image in page.all("img"))
    assert "no picture" in page.text
    assert "not returned" in page.text
    assert any(one.get("title") == "nobody judged this image for this query" for one in page.all("span"))


def test_the_crop_is_drawn_where_it_is(written):
    boxes = [box for box in written().all("rect") if box.get("width") == "50.00"]
    assert boxes
    assert {(box["x"], box["y"], box["height"]) for box in boxes} == {("25.00", "50.00", "25.00")}


def test_dark_mode_and_print_have_styles(tmp_path):
    write_report(report(), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "@media (prefers-color-scheme: dark)" in text
    assert "@media print" in text


def test_ten_thousand_queries_stay_light(tmp_path):
    random = np.random.default_rng(0)
    many = evaluation(random.random((10_000, 3)), queries=[f"shoes/{row:06d}.jpg" for row in range(10_000)])
    write_report(report(served=many, against=None, exact=None, resamples=10), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_twenty_strips_stay_moderate(tmp_path):
    picture = jpeg() + bytes(6_000)  # as large as a thumbnail of 128 pixels may get
    hit = StripHit(image="a", rank=1, grade=1, picture=picture)
    strip = QueryStrip(query="q", value=0.5, picture=picture, hits=(hit,) * 10, missed=(hit,) * 6)
    write_report(report(best=(strip,) * 10, worst=(strip,) * 10), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 5_000_000


@pytest.mark.parametrize(
    "write", [lambda path: write_report(report(), path), lambda path: write_bench_report(bench(), path)]
)
def test_a_place_that_cannot_be_written_is_said(write, tmp_path):
    with pytest.raises(StorageFailed, match="missing"):
        write(tmp_path / "missing" / "report.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StorageFailed, match=r"folder\.html"):
        write(tmp_path / "folder.html")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_a_failed_write_leaves_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StorageFailed, match="No space left"):
        write_report(report(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_readable_like_any_other(tmp_path):
    path, other = tmp_path / "report.html", tmp_path / "other"
    other.touch()
    write_report(report(), path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_the_first_measure_leads(written):
    page = written()
    title = page.text[: page.text.index("Skip to")]
    assert str(NDCG) in title
    assert f"{report().served.mean(NDCG):.3f}" in title
