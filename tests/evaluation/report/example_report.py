"""Small reports whose numbers a test can do in its head."""

import io
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from lookalike.evaluation import Evaluation, Measure
from lookalike.evaluation.report import (
    Circumstances,
    DepthCurve,
    EvaluationReport,
    JudgementSummary,
    QueryDescription,
    QueryStrip,
    StripHit,
)
from lookalike.types import Box

NDCG, MAP, JUDGED = Measure("nDCG", cutoff=10), Measure("mAP"), Measure("Judged", cutoff=10)
VOID = {"meta", "link", "img", "input", "br", "hr", "path", "rect"}
OPTIONAL_END = {"tr", "td", "th", "li", "dt", "dd", "p", "option"}


class Parsed(HTMLParser):
    """A page's elements and text, and whether they nest."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open, self.faults = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        while self.open and self.open[-1] != tag and self.open[-1] in OPTIONAL_END:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, text):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.texts.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def evaluation(values, *, run="ours", queries=None, measures=(NDCG, MAP, JUDGED), **more):
    values = np.asarray(values, dtype=np.float64)
    counts: dict = {"queries_without_results": (), "queries_without_judgements": (), "unjudged_results": 0}
    return Evaluation(
        run=run,
        measures=measures,
        queries=tuple(queries or (f"q{row}.jpg" for row in range(len(values)))),
        values=values,
        results=10 * len(values),
        **(counts | more),
    )


def jpeg(colour=(200, 30, 60)):
    content = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(content, "JPEG")
    return content.getvalue()


def report(served=None, **changes):
    """Forty queries in two kinds and two tags, everything shown; `changes` replace fields."""
    random = np.random.default_rng(5)
    values = random.random((40, 3)) * 0.5 + 0.2
    values[7] = [np.nan, np.nan, 0.5]
    served = served or evaluation(values)
    hits = (
        StripHit(image="hit one.jpg", rank=1, grade=5, cosine=0.987, picture=jpeg()),
        StripHit(image="hit two.jpg", rank=2, grade=None, cosine=None, picture=None),
    )
    missed = (StripHit(image="missed.jpg", rank=None, grade=4, picture=jpeg((0, 90, 10))),)
    strip = QueryStrip(
        query=served.queries[0],
        value=0.4321,
        picture=jpeg(),
        crop=Box(x=0.25, y=0.5, width=0.5, height=0.25),
        hits=hits,
        missed=missed,
    )
    fields = {
        "circumstances": Circumstances(
            library="My pictures",
            model="tiny",
            fingerprint="tiny-0a1b2c",
            generation="0a1b2c-3-44",
            backend="faiss-ivfpq",
            depth=100,
            at=datetime(2026, 1, 31, 10, 30, tzinfo=UTC),
            version="9.8.7",
            command="lookalike evaluate judged.csv --html out.html",
            warnings=("3 images are not in the library.",),
        ),
        "judgements": JudgementSummary(
            name="judged.csv", rule="by hand", queries=40, pairs=1234, images=567, grades=(1000, 34, 50, 50, 50, 50)
        ),
        "served": served,
        "exact": evaluation(np.minimum(served.values + 0.01, 1.0), run="exact", queries=served.queries),
        "against": evaluation(served.values - 0.1, run="theirs", queries=served.queries),
        "queries": {
            query: QueryDescription(kind="crop" if row % 2 else "whole image", tags=("red",) if row < 8 else ())
            for row, query in enumerate(served.queries)
        },
        "best": (strip,),
        "worst": (strip,),
        "curves": tuple(
            DepthCurve(system=system, measure="nDCG", depths=(1, 10, 100), means=(0.5, 0.4, 0.45))
            for system in ("served", "exact search")
        ),
        "resamples": 200,
    }
    return EvaluationReport(**(fields | changes))
