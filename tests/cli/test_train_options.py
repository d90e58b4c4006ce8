"""`lookalike train --loss`: what applies where, and SimCLR and MoCo as documented."""

import pytest
import torch

from pictures import write_kinds


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two test processes share the machine, and sums do not depend on how work is split."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def things(tmp_path, run):
    """Forty pictures of four kinds, indexed."""
    folder = write_kinds(tmp_path / "things", kinds=4, each=10)
    run("index", folder)
    return folder


QUICK = ("--held-out", "0.2", "--resamples", "100")
ON_VIEWS = ("--on", "views", "--backbone", "resnet18:random", "--tune", "full")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--on", "views", "--loss", "listwise"), "listwise: applies to grades, clicks, not to views"),
        (("--on", "grades", "--loss", "hinge"), "choose one of listwise, softmax, supervised, triplet, nt-xent, moco"),
        (("--on", "views", "--loss", "moco"), "use it with --on views --tune full"),
        (("--on", "views,grades", "--loss", "nt-xent", "--tune", "full"), "applies to views alone, not to grades"),
        (("--on", "views", "--loss", "nt-xent", "--tune", "full"), "choose a --backbone, such as resnet18:random"),
        ((*ON_VIEWS, "--loss", "moco", "--features", "levels"), "trains a network for its final features"),
        (("--on", "views", "--batch", "8"), "--batch: applies to --tune full with --loss nt-xent or moco"),
    ],
)
def test_a_loss_that_does_not_apply_says_what_it_applies_to(run, things, options, said):
    refused = run("train", "mine", *options, code=2)
    assert said in refused.stderr.replace("\n", " ")


def test_a_loss_of_a_head_is_in_its_card(run, things):
    options = ("--on", "grades", "--judgements", things / "grades.tsv", "--steps", "5")
    done = run.json("train", "mine", *options, "--loss", "supervised", *QUICK)
    assert done["model"]["settings"]["loss"] == "supervised"


def test_simclr_trains_resnet18_from_a_random_start_to_a_model_that_serves(run, things):
    """The documented command, one step of it."""
    options = (*ON_VIEWS, "--loss", "nt-xent", "--tune-steps", "1", "--batch", "4", "--most-images", "16")
    shown = run("train", "mine", *options, *QUICK).stdout.replace("\n", " ")
    assert "mine is resnet18 trained on views by SimCLR" in shown
    assert run.json("models", "promote", "mine", "--force")["model"]["dimension"] == 512
    hits = run.json("search", things / "0-0.png")["hits"]
    assert hits[0]["source"].endswith("0-0.png")


@pytest.mark.slow
def test_a_network_whose_training_was_killed_goes_on_to_the_same_bits(program, things, tmp_path):
    network = ("--on", "views", "--backbone", "resnet18-small:random", "--loss", "moco", "--tune", "full")
    options = (*network, "--tune-steps", "8", "--batch", "4", *QUICK)
    whole = program.json("train", "whole", *options, OMP_NUM_THREADS="1")
    metrics = tmp_path / "library" / "training" / "runs" / "killed" / "metrics.jsonl"
    program.kill_once_written(metrics, "train", "killed", *options, OMP_NUM_THREADS="1")
    resumed = program.json("train", "killed", "--resume", *options, OMP_NUM_THREADS="1")
    assert resumed["model"]["fingerprint"] == whole["model"]["fingerprint"]
