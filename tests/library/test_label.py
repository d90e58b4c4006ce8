import csv

import pytest

import lookalike
from lookalike.library.label import LabelRequest, label
from lookalike.progress import Silent


def waiting(library, name="mine"):
    return library.parts.catalog.grading_queue.waiting(name)


def test_chosen_pairs_wait_and_go_into_a_table_that_is_imported_back(library, shop, tmp_path):
    table = tmp_path / "pairs.tsv"
    request = LabelRequest(judgement_set="mine", count=20, queries=10, depth=5, out=table)
    found = label(library.parts, request, Silent())
    pairs = waiting(library)
    assert found.queued == len(pairs) == 20
    with table.open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    table.write_text("query\timage\tgrade\n" + "".join(f"{row['query']}\t{row['image']}\t3\n" for row in rows))
    library.import_judgements(table, name="mine")
    assert waiting(library) == []
    again = label(library.parts, request, Silent())
    assert again.graded == 20
    assert not {(one.query_image_id, one.image_id) for one in waiting(library)} & {
        (one.query_image_id, one.image_id) for one in pairs
    }


@pytest.mark.parametrize("strategy", ["disagreement", "coverage", "random", "estimate"])
def test_every_strategy_fills_the_queue(library, shop, strategy):
    request = LabelRequest(judgement_set="mine", strategy=strategy, count=10, queries=6, depth=5, model="blind")
    assert label(library.parts, request, Silent()).queued == 10
    assert {one.strategy for one in waiting(library)} == {strategy}
    assert all(one.query_image_id != one.image_id for one in waiting(library))


@pytest.mark.parametrize("strategy", ["random", "estimate"])
def test_each_image_is_asked_with_once_if_no_number_of_queries_is_given(library, shop, strategy):
    found = label(library.parts, LabelRequest(judgement_set="mine", strategy=strategy, count=15), Silent())
    assert found.queued == found.queries == 15


def test_images_without_grades_are_asked_with_before_the_others(library, shop, tmp_path):
    table = tmp_path / "pairs.tsv"
    label(library.parts, LabelRequest(judgement_set="mine", strategy="random", count=15, out=table), Silent())
    first = {one.query_image_id for one in waiting(library)}
    table.write_text(table.read_text().replace("\t\n", "\t3\n"))
    library.import_judgements(table, name="mine")
    label(library.parts, LabelRequest(judgement_set="mine", strategy="random", count=15, seed=1), Silent())
    assert not first & {one.query_image_id for one in waiting(library)}


def test_disagreement_needs_another_model(library, shop):
    with pytest.raises(lookalike.CallerError, match="--model"):
        label(library.parts, LabelRequest(judgement_set="mine", strategy="disagreement"), Silent())
