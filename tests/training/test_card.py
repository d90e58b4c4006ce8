"""A model's card says what the model learnt from, survives being written and read, and needs no torch."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import ModelRefused, StorageFailed
from lookalike.evaluation import compare
from lookalike.training.card import HeldOutMeasure, ImageCounts, LabelSource, ModelCard, flat_settings, read_card
from lookalike.training.parity import Parity

CARD = ModelCard(
    name="shoes",
    base="clip-vit-b16",
    base_licence="MIT",
    fingerprint="ab" * 32,
    method="linear head",
    images=ImageCounts(trained=1_800, validated=300, tested=400),
    seconds=754.2,
    date="2026-11-23T16:40:00+00:00",
    labels=(
        LabelSource(source="grades.tsv", count=12_345, unit="grades"),
        LabelSource(source="clicks", count=800, unit="pairs", simulated=True, note="20 % noise"),
    ),
    settings={"steps": 600, "learning_rate": 0.001, "average": None, "symmetric": True, "optimiser": "adamw"},
    measures=(
        HeldOutMeasure(
            measure="nDCG@10", held_out="queries", queries=210, base=0.61, new=0.724, difference=0.114, low=0.09,
            high=0.1378, p=0.0001,
        ),
        HeldOutMeasure(measure="mAP", held_out="article types", queries=1, base=0.5, new=0.4, difference=-0.1),
    ),
    parity=Parity(pictures=128, most_error=0.0004, least_cosine=0.99998, recall=0.998),
    notes=("The temperature was chosen on the validation queries.", "Watches: not enough of them to say."),
)  # fmt: skip

texts = st.text(max_size=30) | st.sampled_from(["name-\udcff.png", "a | b", "\\", "\x1b[31m", "<script>"])
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 10**12)
maybe = st.none() | numbers
cards = st.builds(
    ModelCard,
    **dict.fromkeys(("name", "base", "base_licence", "fingerprint", "method", "date", "version"), texts),
    images=st.builds(ImageCounts, trained=counts, validated=counts, tested=counts),
    seconds=st.floats(0, 1e7),
    labels=st.lists(
        st.builds(LabelSource, source=texts, count=counts, unit=texts, simulated=st.booleans(), note=texts), max_size=3
    ).map(tuple),
    settings=st.dictionaries(texts, texts | counts | numbers | st.booleans() | st.none(), max_size=4),
    measures=st.lists(
        st.builds(
            HeldOutMeasure,
            measure=texts, held_out=texts, queries=counts, base=numbers, new=numbers, difference=numbers,
            low=maybe, high=maybe, p=st.none() | st.floats(0, 1),
        ),
        max_size=3,
    ).map(tuple),
    parity=st.none() | st.builds(Parity, pictures=counts, most_error=numbers, least_cosine=numbers, recall=numbers),
    notes=st.lists(texts, max_size=3).map(tuple),
)  # fmt: skip


@pytest.fixture(scope="session")
def one_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("card")


@settings(deadline=None, max_examples=60)
@given(card=cards)
def test_what_was_saved_is_read(one_folder, card):
    card.save(one_folder)
    assert read_card(one_folder) == card


@settings(deadline=None, max_examples=60)
@given(card=cards)
def test_no_text_breaks_the_tables_for_people(card):
    lines = card.as_markdown().split("\n")
    assert lines == [*card.as_markdown().splitlines(), ""], "no line ends where none was meant to"
    columns = [len(re.findall(r"\|", re.sub(r"\\.", "", line))) if line.startswith("|") else 0 for line in lines]
    for above, below in pairwise(columns):
        assert not above or not below or above == below
    assert not [c for c in card.as_markdown() if not c.isprintable() and c != "\n"]
    assert "<" not in re.sub(r"\\<|< 0\.001", "", card.as_markdown())


def test_people_read_what_it_learnt_from_and_what_it_gained(tmp_path):
    CARD.save(tmp_path)
    text = (tmp_path / "CARD.md").read_text()
    assert text == CARD.as_markdown()
    assert text.startswith("# shoes\n\nMade from clip-vit-b16 by linear head")
    assert "| grades.tsv | 12,345 grades |" in text
    assert "| clicks | 800 pairs | simulated | 20 % noise |" in text
    assert "**Some of these labels are simulated" in text
    assert "| nDCG@10 | queries | 210 | 0.6100 | 0.7240 | +0.1140 | +0.0900 to +0.1378 | \\< 0.001 |" in text
    assert "| mAP | article types | 1 | 0.5000 | 0.4000 | −0.1000 | not defined | not defined |" in text  # noqa: RUF001
    assert "| time | 13 min |" in text
    assert "| average | none |" in text
    assert "| symmetric | yes |" in text
    assert "least cosine 0.999980" in text
    assert "- Watches" in text


def test_a_model_that_nobody_measured_says_so():
    text = replace(CARD, labels=(), measures=(), parity=None, settings={}, notes=()).as_markdown()
    assert "No labels: the images alone." in text
    assert "Not measured" in text
    assert "simulated" not in text
    assert "\n\n\n" not in text
    assert "Settings" not in text


def test_a_comparison_becomes_a_row():
    found = compare([0.9, 0.8, 0.7, 0.6], [0.5, 0.5, 0.5, 0.5])
    row = HeldOutMeasure.of("mAP", found, held_out="queries")
    assert (row.base, row.queries) == (0.5, 4)
    assert row.new == pytest.approx(0.75)
    assert row.difference == pytest.approx(0.25)
    assert (row.low, row.high) == (found.difference.low, found.difference.high)
    assert row.p == found.p_value
    alone = HeldOutMeasure.of("mAP", compare([0.9], [0.5]), held_out="queries")
    assert (alone.low, alone.high) == (None, None)


def test_numbers_of_numpy_and_numbers_that_are_none_can_be_written(tmp_path):
    odd = {"rate": np.float32(0.5), "steps": np.int64(3), "best": math.nan, "file": tmp_path}
    replace(CARD, settings=flat_settings(odd)).save(tmp_path)
    assert read_card(tmp_path).settings == {"rate": 0.5, "steps": 3, "best": None, "file": str(tmp_path)}


def test_settings_in_groups_are_kept_flat(tmp_path):
    flat = flat_settings({"loop": {"steps": 3, "views": {"crop": (0.5, 1.0)}}, "measures": {"mAP"}, "seed": 0})
    assert flat == {"loop.steps": 3, "loop.views.crop": "0.5, 1.0", "measures": "mAP", "seed": 0}
    replace(CARD, settings=flat).save(tmp_path)
    assert read_card(tmp_path).settings == flat


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    CARD.save(tmp_path)
    with pytest.raises(ValueError, match=r"card\.seconds: None"):
        replace(CARD, seconds=math.nan).save(tmp_path)
    with pytest.raises(ValueError, match=r"card\.settings\.loop"):
        replace(CARD, settings={"loop": cast("str", {"steps": 3})}).save(tmp_path)
    assert read_card(tmp_path) == CARD


def test_there_need_be_no_card(tmp_path):
    assert read_card(tmp_path) is None
    assert read_card(tmp_path / "nowhere") is None
    with pytest.raises(StorageFailed, match="CARD.md"):
        CARD.save(tmp_path / "nowhere")


DOCUMENT = CARD.as_document()


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        ("{", "not a model card"),
        ("\udcff", "not a model card"),
        ("[]", "card:"),
        ({"format": 2}, "newer"),
        ({"name": 5}, "card.name: 5"),
        ({"images": None}, "card.images"),
        ({"images": {}}, "trained"),
        ({"labels": {}}, "card.labels"),
        ({"labels": [{"source": "clicks", "count": "many"}]}, r"card\.labels\[0\]\.count"),
        ({"labels": [{"source": "clicks", "count": 1, "simulated": 1}]}, r"simulated"),
        ({"settings": {"steps": [1]}}, r"card\.settings\.steps"),
        ({"parity": 3}, "card.parity"),
        ({"seconds": "long"}, "card.seconds"),
    ],
)
def test_a_damaged_card_is_refused_by_the_name_of_its_field(tmp_path, damaged, says):
    text = damaged if isinstance(damaged, str) else json.dumps({**DOCUMENT, **damaged})
    (tmp_path / "card.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelRefused, match=says) as refused:
        read_card(tmp_path)
    assert str(tmp_path / "card.json") in str(refused.value)


def test_a_field_of_a_later_version_is_passed_over(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({**DOCUMENT, "carbon": 1}))
    assert read_card(tmp_path) == CARD


def test_a_card_is_read_where_there_is_no_torch(tmp_path):
    CARD.save(tmp_path)
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from lookalike.training.card import read_card\n"
        "card = read_card(Path(sys.argv[1])); card.as_markdown(); print(card.name)\n"
        "assert not {'transformers', 'openvino', 'faiss', 'matplotlib', 'onnx'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)
    assert done.stdout == "shoes\n"
