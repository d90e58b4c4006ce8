import csv
import json

import numpy as np
import pytest

from doubles import picture
from lookalike.catalog import Catalog, content_id
from parts import write_pictures

SHADES = 3  # of each kind in the shop


def test_the_served_pipeline_is_measured(run, shop):
    found = run.json("evaluate", shop / "grades.qrels", "--measures", "nDCG@10,mAP,MRR", "--resamples", 200)
    assert list(found["measures"]) == ["nDCG@10", "mAP", "MRR"]
    assert found["judgements"]["queries"] == 12
    assert found["judgements"]["pairs"] == 24  # a query does not count as its own answer
    first = found["measures"]["mAP"]
    assert 0.8 < first["low"] <= first["mean"] <= first["high"] <= 1
    assert first["exact"] == first["mean"]
    assert first["index_loss"]["mean"] == 0
    assert len(found["served"]["queries"]) == 12
    for query, values in found["served"]["queries"].items():
        assert query.endswith("-0.png")
        assert 0 <= values["MRR"] <= 1


def test_what_people_read(run, shop, tmp_path):
    table = tmp_path / "queries.csv"
    read = run("evaluate", shop / "grades.qrels", "--per-query", table, "--resamples", 200).stdout
    assert "nDCG@10" in read
    assert "index loses" in read
    assert "best" in read
    assert "worst" in read
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 12
    assert all(0 <= float(row["nDCG@10"]) <= 1 for row in rows)


def test_a_report_is_one_file_with_pictures(run, shop, tmp_path):
    report = tmp_path / "report.html"
    run("evaluate", shop / "grades.qrels", "--html", report, "--resamples", 200)
    page = report.read_text()
    assert page.count("data:image/jpeg;base64,") > 24
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_crops_are_described_in_a_table(run, shop, tmp_path):
    (tmp_path / "boxes.tsv").write_text(
        "qid\timage\tx0\ty0\tx1\ty1\tlabel\n"
        + "".join(f"c{seed}\t{seed}-0.png\t0\t0\t64\t{41 + seed % 7}\tkind {seed % 2}\n" for seed in range(12))
    )
    (tmp_path / "crops.tsv").write_text(
        "qid\trelevant\tgrade\n" + "".join(f"c{seed}\t{seed}-0.png\t2\n" for seed in range(12))
    )
    found = run.json(
        *("evaluate", tmp_path / "crops.tsv", "--queries", tmp_path / "boxes.tsv", "--group-by", "label"),
        *("--images", shop, "--measures", "R@5", "--resamples", 200),
    )
    assert found["measures"]["R@5"]["mean"] > 0.5  # the image a part was cut from may be found
    groups = {(group["axis"], group["name"]): group["queries"] for group in found["groups"]}
    assert groups["kind", "crop"] == 12
    assert groups["tag", "label: kind 0"] == groups["tag", "label: kind 1"] == 6


def test_a_run_file_is_compared_query_by_query(run, shop, tmp_path):
    ours, theirs = tmp_path / "ours.run", tmp_path / "theirs.csv"
    run("evaluate", shop / "grades.qrels", "--run", ours, "--resamples", 200)
    same = run.json("evaluate", shop / "grades.qrels", "--against", ours, "--resamples", 200)["against"]
    assert {(one["difference"]["mean"], one["p_value"]) for one in same["measures"].values()} == {(0, 1)}
    rows = "".join(f"{seed}-0.png,{(seed + n) % 12}-2.png,{n}\n" for seed in range(12) for n in range(1, 6))
    theirs.write_text("query,image,rank\n" + rows)
    worse = run.json("evaluate", shop / "grades.qrels", "--against", theirs, "--resamples", 200)["against"]
    assert worse["name"] == "theirs.csv"
    assert worse["measures"]["nDCG@10"]["difference"]["low"] > 0.5
    assert worse["measures"]["nDCG@10"]["adjusted_p_value"] < 0.01
    read = run("evaluate", shop / "grades.qrels", "--against", theirs, "--resamples", 200).stdout
    assert "ranks better" in read.replace("\n", " ")


def test_another_model_is_compared_without_going_live(run, shop):
    before = run.json("stats")["model"]
    found = run.json("evaluate", shop / "grades.qrels", "--against", "tiny", "--resamples", 200)
    assert found["against"]["measures"]["mAP"]["ties"] == 12
    assert run.json("stats")["model"] == before


def test_judgement_sets_are_kept_in_the_library(run, shop, tmp_path):
    kept = run.json("judgements", "import", shop / "grades.qrels", "--name", "shades")
    assert (kept["grades"], kept["unknown"]) == (36, [])
    (one,) = run.json("judgements", "list")
    assert (one["name"], one["queries"], one["rule"]) == ("shades", 12, "read from grades.qrels")
    from_file = run.json("evaluate", shop / "grades.qrels", "--resamples", 200)["measures"]
    from_set = run.json("evaluate", "shades", "--resamples", 200)["measures"]
    assert from_set == from_file
    for suffix in (".qrels", ".csv", ".tsv", ".json"):
        run("judgements", "export", "shades", tmp_path / f"out{suffix}", "--paths")
        assert run.json("evaluate", tmp_path / f"out{suffix}", "--resamples", 200)["measures"] == from_file
    assert run.json("judgements", "remove", "shades")["removed"] == 36
    assert "no such file" in run("evaluate", "shades", code=2).stderr


def test_crops_survive_the_catalog(run, shop, tmp_path):
    (tmp_path / "crops.csv").write_text(
        "query,image,grade\n0-0.png#xywh=pixel:0,0,32,24,1-0.png,3\n".replace("0,0,32,24", '0,0,32,24"').replace(
            "\n0-0", '\n"0-0'
        )
    )
    run("judgements", "import", tmp_path / "crops.csv", "--images", shop, "--name", "parts")
    run("judgements", "export", "parts", tmp_path / "again.csv")
    (row,) = csv.DictReader((tmp_path / "again.csv").read_text().splitlines())
    assert row["query"] == content_id(picture(0, noise=1)) + "#xywh=percent:0,0,50,50"
    assert row["image"] == content_id(picture(1, noise=1))


def test_labels_instances_and_triplets_become_judgements(run, shop, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "path,kind,shade\n" + "".join(f"{seed}-{n}.png,k{seed},{n}\n" for seed in range(12) for n in range(SHADES))
    )
    made = run.json("judgements", "from-labels", table, tmp_path / "l.qrels", "--labels", "kind")
    assert (made["queries"], made["grades"], "labels:hierarchy" in made["rule"]) == (36, 72, True)
    run("judgements", "from-instances", table, tmp_path / "i.qrels", "--instance", "kind")
    assert {line.split()[3] for line in (tmp_path / "i.qrels").read_text().splitlines()} == {"5"}
    votes = tmp_path / "votes.tsv"
    votes.write_text("reference\ta\tb\n0-0.png\t0-1.png\t1-0.png\n0-0.png\t0-1.png\t2-0.png\n")
    run("judgements", "from-triplets", votes, tmp_path / "t.tsv", "--columns", "reference,a,b")
    found = run.json("evaluate", tmp_path / "t.tsv", "--images", shop, "-m", "nDCG@10", "--resamples", 200)
    assert found["judgements"]["queries"] == 1


def test_what_cannot_be_evaluated_is_said(run, shop, tmp_path):
    def refused(text, *options, suffix=".tsv"):
        path = tmp_path / f"bad{suffix}"
        path.write_text(text)
        return run("evaluate", path, "--images", shop, *options, code=2).stderr.replace("\n", " ")

    head = "query\timage\tgrade\n"
    assert "6" in refused(head + "0-0.png\t0-1.png\t6\n")
    assert "disagree" in refused(head + "0-0.png\t0-1.png\t1\n0-0.png\t0-1.png\t2\n")
    assert "no judged query can be asked" in refused(head + "gone.png\talso-gone.png\t1\n")
    assert "no judged query can be asked" in refused(head + "0-0.png\t0-0.png\t5\n")
    assert "grade" in refused("query\timage\n0-0.png\t0-1.png\n")
    assert "did you mean" in refused(head + "0-0.png\t0-1.png\t1\n", "--measures", "NDGC@10")
    assert "no model" in refused(head + "0-0.png\t0-1.png\t1\n", "--against", "no-such-model")
    assert "NaN" in refused(head + "0-0.png\t0-1.png\t1\n", "--against", bad_run(tmp_path))
    refused("")


def test_what_could_not_be_written_is_refused_before_the_work(run, shop, tmp_path):
    grades = shop / "grades.qrels"
    assert "no folder" in run("evaluate", grades, "--html", tmp_path / "gone" / "r.html", code=3).stderr
    assert "not runs" in run("evaluate", grades, "--run", tmp_path / "run.json", code=2).stderr
    assert ".svg or .png" in run("models", "bench", grades, "--plot", tmp_path / "plot.gif", code=2).stderr


def bad_run(folder):
    path = folder / "nan.csv"
    path.write_text("query,image,score\n0-0.png,0-1.png,nan\n")
    return path


def test_good_lines_are_kept_when_asked_and_what_is_missing_is_told(run, shop, tmp_path):
    path = tmp_path / "mixed.tsv"
    path.write_text("query\timage\tgrade\n0-0.png\t0-1.png\t3\n0-0.png\tgone.png\t3\nlost.png\t0-1.png\t3\nx\ty\tz\n")
    done = run("evaluate", path, "--images", shop, "--keep-good", "--resamples", 200)
    said = done.stderr.replace("\n", " ")
    assert "1 bad lines" in said
    assert "line 5" in said
    assert "1 judged images are not in the library" in said
    assert "lost.png" in said
    document = json.loads(run("evaluate", path, "--images", shop, "--keep-good", "--json").stdout)
    assert document["judgements"]["queries"] == 1


def test_images_that_nobody_may_find_do_not_count(run, shop, tmp_path):
    write_pictures(tmp_path / "other", [100])
    path = tmp_path / "grades.tsv"
    path.write_text(f"query\timage\tgrade\n{tmp_path / 'other' / '100.png'}\t0-1.png\t1\n")
    found = run.json("evaluate", path, "--images", shop, "--resamples", 200)  # a query need not be indexed
    assert found["judgements"]["queries"] == 1


def test_models_are_compared_on_the_users_own_images(run, shop, two_models, tmp_path):
    options = (shop / "grades.qrels", "--measures", "mAP,P@2", "--resamples", 500)
    plot, html = tmp_path / "front.svg", tmp_path / "bench.html"
    found = run.json("models", "bench", *options, "--plot", plot, "--html", html, models=two_models)
    scores = {model["name"]: model for model in found["models"]}
    assert set(scores) == {"tiny", "blind"}
    assert scores["tiny"]["measures"]["mAP"]["low"] > scores["blind"]["measures"]["mAP"]["high"]
    assert scores["tiny"]["adjusted_p_value_against_best"] is None
    assert scores["blind"]["adjusted_p_value_against_best"] < 0.05
    assert all(model["images_per_second"] > 0 < model["milliseconds_per_query"] for model in scores.values())
    assert scores["tiny"]["bytes_per_image"] == 32 * 4
    assert "tiny" in found["advice"]
    assert "<svg" in plot.read_text()
    assert "blind" in html.read_text()
    assert run.json("stats", models=two_models)["model"]["name"] == "tiny"  # who serves did not change
    read = run("models", "bench", *options, models=two_models).stdout
    assert read.index("tiny") < read.index("blind")  # the best comes first


def test_the_bench_agrees_with_plain_numpy(run, shop, tmp_path):
    found = run.json("models", "bench", shop / "grades.qrels", "--models", "tiny", "--measures", "mAP")
    (model,) = found["models"]
    with Catalog.open(f"sqlite:///{tmp_path / 'library' / 'catalog.sqlite'}", originals=tmp_path) as catalog:
        (block,) = catalog.vectors.blocks(model["fingerprint"])
    cosines = block.vectors @ block.vectors.T
    place = {image_id: row for row, image_id in enumerate(block.image_ids)}
    of = {(seed, n): place[content_id(picture(seed, noise=1 + 40 * n))] for seed in range(12) for n in range(SHADES)}
    expected = []
    for seed in range(12):
        query = of[seed, 0]
        order = [row for row in np.argsort(-cosines[query], kind="stable") if row != query]
        ranks = sorted(order.index(of[seed, n]) + 1 for n in (1, 2))
        expected.append((1 / ranks[0] + 2 / ranks[1]) / 2)
    assert model["measures"]["mAP"]["mean"] == pytest.approx(np.mean(expected), abs=1e-6)


def test_an_unknown_model_cannot_be_benched(run, shop):
    assert "no model" in run("models", "bench", shop / "grades.qrels", "--models", "nothing", code=2).stderr


def test_agreement_with_people_is_a_share_of_triplets(run, shop, tmp_path):
    votes = tmp_path / "votes.tsv"
    rows = [
        ("0-0", "0-1", "5-0", 3, 0),
        ("1-0", "6-0", "1-1", 0, 2),
        ("2-0", "7-0", "2-1", 2, 1),
        ("3-0", "3-1", "8-0", 1, 1),
    ]
    votes.write_text("reference\ta\tb\tfor_a\tfor_b\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    options = ("--columns", "reference,a,b", "--names-as", "{}.png", "--images", shop)
    voted = run.json("judgements", "agreement", votes, *options, "--votes", "for_a,for_b")
    assert (voted["triplets"], voted["even_votes"]) == (3, 1)
    assert voted["triplet_accuracy"] == pytest.approx(2 / 3)
    assert voted["ceiling"] == pytest.approx((3 + 2 + 2) / (3 + 2 + 3))
    plain = run.json("judgements", "agreement", votes, *options)
    assert (plain["triplets"], plain["triplet_accuracy"]) == (4, 0.5)
    assert "50 %" in run("judgements", "agreement", votes, *options).stdout
    assert "none of these images" in run("judgements", "agreement", votes, "--columns", "reference,a,b", code=2).stderr
    assert "give 3 columns" in run("judgements", "agreement", votes, "--columns", "a,b", code=2).stderr
    assert "whole numbers" in run("judgements", "agreement", votes, *options, "--votes", "a,b", code=2).stderr
