"""Do SimCLR and MoCo learn from scratch here as well as in `lightly`, on CIFAR-10 with equal steps and backbone?

Each method runs three times, each in a process of its own: by this project's losses, heads and loop; by lightly's loss,
head and momentum code in the plain loop of its tutorials, everything else equal; and by lightly with what its examples
choose (temperature 0.5, their heads and, for MoCo, a momentum that grows from 0.996 to 1). All get the same images,
views, start weights, batches, optimiser and schedule. Judged by weighted k-nearest-neighbour accuracy
(k 200, temperature 0.1) of the backbone's features; no step, temperature or checkpoint is chosen by it.

    python benchmarks/training_scratch.py [--folder DIR] [--steps 600] [--quick] [--jobs 2]

The folder keeps finished runs and checkpoints, so a command that was stopped goes on when given again; beside them is a
report of what has finished so far. When all have, it goes to results/training-scratch.json and .md (not of --quick).
"""

# mypy: disable-error-code="arg-type,assignment,index,no-any-return,operator"
# lightly has no types, and what is measured of both sides goes through dictionaries

import argparse
import copy
import importlib
import importlib.util
import io
import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from lookalike.evaluation.significance import bootstrap_interval
from lookalike.preprocessing import Preprocessing
from lookalike.training.network.backbones import Embedder, ProjectionHead
from lookalike.training.network.backbones.resnet import BasicBlock
from lookalike.training.network.loop import LoopSettings, Stopped, Training
from lookalike.training.network.losses.moco import KeyQueue, follow, moco
from lookalike.training.network.losses.nt_xent import nt_xent
from lookalike.training.network.schedule import WarmUpCosine
from lookalike.training.network.view_batches import ViewBatches
from lookalike.training.run import RunFolder
from lookalike.training.views import MOCO_VIEWS

PROJECT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared"))
RESULTS = PROJECT / "benchmarks" / "results"
INSTALL = "pip install --no-deps lightly==1.6.0"
METHODS = ("simclr", "moco")
REFERENCES = ("lightly", "lightly-examples")
RUNS = (
    "start",
    "simclr-ours",
    "simclr-lightly",
    "moco-ours",
    "moco-lightly",
    "simclr-lightly-examples",
    "moco-lightly-examples",
)

CLASSES, NEIGHBORS, VOTE_TEMPERATURE, RESAMPLES, POINTS = 10, 200, 0.1, 10_000, 4
WIDTHS, HIDDEN, OUTPUTS, QUEUE = (32, 64, 128), 512, 128, 4_096
TEMPERATURE, MOMENTUM, EXAMPLES_TEMPERATURE, EXAMPLES_MOMENTUM = 0.2, 0.99, 0.5, 0.996
RATE, DECAY, WARM_UP = 0.06, 5e-4, 20
VIEWS = replace(MOCO_VIEWS, size=32, blur=0)
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is trained and measured: images of each class by name, batches, and steps."""

    steps: int
    batch: int = 128
    train: int = 1_000
    test: int = 1_000


def main() -> None:
    options = parsed()
    sizes = Sizes(steps=20, batch=64, train=50, test=50) if options.quick else Sizes(steps=options.steps)
    if options.one:
        one_run(options.one, sizes, options.folder)
        return
    if importlib.util.find_spec("lightly") is None:
        sys.exit(f"the reference is missing: {INSTALL} (what it needs of torchvision is replaced by empty names)")
    with tempfile.TemporaryDirectory() as working:
        folder = options.folder or Path(working)
        read_images(folder, sizes)
        arguments = ["--folder", str(folder), "--steps", str(options.steps), *(["--quick"] if options.quick else [])]

        writing = threading.Lock()

        def run(name: str) -> None:
            subprocess.run([sys.executable, __file__, "--one", name, *arguments], check=True)
            with writing:
                report(folder, sizes, keep=not options.quick)

        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(run, RUNS))
        print(as_markdown(collected(folder, sizes)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2, help="runs beside each other, of one thread each")
    parser.add_argument("--one", choices=RUNS, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- images and features


def read_images(folder: Path, sizes: Sizes) -> dict[str, np.ndarray]:
    """The first images of each class by name, decoded once: pixels [n, 32, 32, 3] and labels [n] of both parts."""
    kept = folder / f"cifar10-{sizes.train}-{sizes.test}.npz"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        beside = kept.with_name(f"unfinished-{os.getpid()}.npz")
        np.savez(beside, **decoded(sizes))
        beside.replace(kept)
    with np.load(kept) as arrays:
        return dict(arrays)


def decoded(sizes: Sizes) -> dict[str, np.ndarray]:
    most = {"train": sizes.train, "test": sizes.test}
    found: dict[str, dict[str, np.ndarray]] = {"train": {}, "test": {}}
    with tarfile.open(SHARED / "data" / "cifar10.tar.gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if member.isfile() and parts[1] == "images" and int(Path(parts[4]).stem) < most[parts[2]]:
                image = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
                found[parts[2]]["/".join(parts[3:])] = np.asarray(image)
    names = sorted({name.split("/")[0] for name in found["test"]})
    assert len(names) == CLASSES
    arrays = {}
    for part, images in found.items():
        assert len(images) == CLASSES * most[part], f"{part}: {len(images)} images"
        arrays[part] = np.stack([images[name] for name in sorted(images)])
        arrays[f"{part}_labels"] = np.array([names.index(name.split("/")[0]) for name in sorted(images)])
    return arrays


def view_batches(images: dict[str, np.ndarray], sizes: Sizes) -> ViewBatches:
    return ViewBatches(
        [str(row) for row in range(len(images["train"]))],
        lambda row: images["train"][int(row)],
        views=VIEWS,
        preprocessing=Preprocessing(size=32, mean=MEAN, std=STD),
        groups={},
        batch=sizes.batch,
        workers=1,
    )


@torch.no_grad()
def features(backbone: nn.Module, pixels: np.ndarray) -> torch.Tensor:
    """[n, d] unit rows of whole images, the backbone in evaluation mode."""
    made = []
    for start in range(0, len(pixels), 500):
        scaled = pixels[start : start + 500].astype(np.float32) / 255
        batch = (scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
        made.append(functional.normalize(backbone(torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous()), dim=1))
    return torch.cat(made)


def correct(backbone: nn.Module, images: dict[str, np.ndarray], *, every: int = 1) -> np.ndarray:
    """[n] bool: whether the 200 nearest training images, each with weight exp(cosine / 0.1), vote for the right class.

    Wu et al. 2018, "Unsupervised feature learning via non-parametric instance discrimination", section 3.4.
    """
    before = backbone.training
    backbone.eval()
    known = features(backbone, images["train"][::every])
    labels = torch.from_numpy(images["train_labels"][::every])
    asked = features(backbone, images["test"][::every])
    cosines, nearest = (asked @ known.T).topk(min(NEIGHBORS, len(known)), dim=1)
    votes = torch.zeros(len(asked), CLASSES)
    votes.scatter_add_(1, labels[nearest], torch.exp((cosines - 1) / VOTE_TEMPERATURE))
    backbone.train(before)
    return (votes.argmax(dim=1).numpy() == images["test_labels"][::every]).astype(bool)


# --- networks


def start_backbone() -> nn.Module:
    """A residual network of three blocks at 16, 8 and 4 pixels: what two cores train in minutes. Always the same."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, WIDTHS[0], 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
    for place, width in enumerate(WIDTHS):
        layers.append(BasicBlock(WIDTHS[max(place - 1, 0)], width, 2 if place else 1))
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    return network


def start_embedder() -> Embedder:
    backbone = start_backbone()
    return Embedder(backbone, ProjectionHead(WIDTHS[-1], OUTPUTS, hidden=HIDDEN))


class Curve:
    """Where a run is, the CPU seconds it took to learn (all threads; measuring left out), and what was measured."""

    def __init__(self, folder: Path, images: dict[str, np.ndarray], steps: int) -> None:
        self.file, self.images = folder / "curve.jsonl", images
        self.due = {round(steps * point / POINTS) for point in range(1, POINTS)}
        self.clock = time.process_time()

    def lap(self) -> float:
        """CPU seconds since the last lap."""
        before, self.clock = self.clock, time.process_time()
        return self.clock - before

    def measure(self, step: int, seconds: float, backbone: nn.Module) -> None:
        if step in self.due:
            accuracy = float(correct(backbone, self.images, every=5).mean())
            with self.file.open("a") as lines:
                lines.write(json.dumps({"step": step, "seconds": seconds, "accuracy": accuracy}) + "\n")
        self.clock = time.process_time()

    def points(self) -> list[dict]:
        """One a step: a run that went on from a checkpoint may have measured some twice."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        found = {point["step"]: point for point in map(json.loads, lines)}
        return [found[step] for step in sorted(found)]


# --- a run of each side


def one_run(name: str, sizes: Sizes, folder: Path) -> None:
    """Train and measure, and keep what came of it; nothing where that is done."""
    place = run_folder(folder, name, sizes)
    if (place / "result.json").exists():
        return
    torch.set_num_threads(1)
    place.mkdir(parents=True, exist_ok=True)
    images = read_images(folder, sizes)
    curve = Curve(place, images, sizes.steps)
    if name == "start":
        backbone, seconds, losses = start_backbone(), 0.0, []
    else:
        method, side = name.split("-", maxsplit=1)
        with view_batches(images, sizes) as batches:
            train = train_ours if side == "ours" else train_lightly
            backbone, seconds, losses = train(method, side, batches, sizes, curve, place)
        assert len(losses) == sizes.steps, f"{name}: {len(losses)} of {sizes.steps} steps"
    rights = correct(backbone, images)
    np.save(place / "correct.npy", rights)
    result = {"seconds": seconds, "accuracy": float(rights.mean()), "curve": curve.points(), "losses": losses}
    beside = place / "result.unfinished"
    beside.write_text(json.dumps(result))
    beside.replace(place / "result.json")
    print(f"{name:24} {rights.mean():.4f} kNN accuracy, {seconds:.0f} CPU seconds", flush=True)


def run_folder(folder: Path, name: str, sizes: Sizes) -> Path:
    return folder / f"{sizes.steps}-{sizes.batch}-{sizes.train}-{sizes.test}" / name


class Learner(nn.Module):
    """What this project's loop trains and checkpoints: the network, MoCo's copy and queue, the steps and seconds."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.embedder = start_embedder()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seconds", torch.zeros((), dtype=torch.float64))
        if method == "moco":
            self.follower = copy.deepcopy(self.embedder).requires_grad_(requires_grad=False)
            self.queue = KeyQueue(QUEUE, OUTPUTS)

    def simclr_loss(self, batch) -> torch.Tensor:
        return nt_xent(self.embedder(batch.first), self.embedder(batch.second), temperature=TEMPERATURE)

    def moco_loss(self, batch) -> torch.Tensor:
        with torch.no_grad():
            keys = self.follower(batch.second)
        loss = moco(self.embedder(batch.first), keys, self.queue, temperature=TEMPERATURE)
        self.queue.push(keys)
        return loss


def train_ours(method: str, _side: str, batches: ViewBatches, sizes: Sizes, curve: Curve, place: Path):
    """(backbone, CPU seconds, losses) of this project's loop."""
    learner = Learner(method)

    def after_step(learner: Learner) -> None:
        if method == "moco":
            follow(learner.follower, learner.embedder, momentum=MOMENTUM)
        learner.steps += 1
        learner.seconds += curve.lap()
        curve.measure(int(learner.steps), float(learner.seconds), learner.embedder.backbone)

    training = Training(
        model=learner,
        batch_at=batches.batch_at,
        loss_of=Learner.moco_loss if method == "moco" else Learner.simclr_loss,
        settings=LoopSettings(
            steps=sizes.steps,
            optimiser="sgd",
            learning_rate=RATE,
            weight_decay=DECAY,
            warm_up=WARM_UP,
            checkpoint_minutes=1,
            log_every=1,
        ),
        folder=RunFolder(place / "run"),
        after_step=after_step,
    )
    curve.lap()
    if training.run(resume=True).stopped is not Stopped.FINISHED:
        sys.exit(f"{place.name}: stopped before its last step; the same command goes on from there")
    losses = [line["loss"] for line in training.folder.lines()]
    return learner.embedder.backbone, float(learner.seconds), losses


def without_torchvision() -> None:
    """Lets lightly be imported where torchvision does not import: the two names its losses ask for, empty."""
    try:
        importlib.import_module("torchvision.ops")
    except (ImportError, OSError, RuntimeError):
        pass  # not installed, or made for another torch
    else:
        return
    operations = types.ModuleType("torchvision.ops")
    operations.StochasticDepth = type("StochasticDepth", (nn.Module,), {})
    operations.roi_align = None
    sys.modules["torchvision"] = types.ModuleType("torchvision")
    sys.modules["torchvision.ops"] = operations


class Reference(nn.Module):
    """As lightly's tutorials build them: a backbone, a head and, for MoCo, copies of both that get no gradient."""

    def __init__(self, method: str, *, as_examples: bool) -> None:
        super().__init__()
        from lightly.models.modules import heads  # noqa: PLC0415 - only reference runs import lightly

        ours = start_embedder()
        if as_examples:
            kind = heads.MoCoProjectionHead if method == "moco" else heads.SimCLRProjectionHead
            self.head = kind(WIDTHS[-1], HIDDEN, OUTPUTS)
        else:
            between = (WIDTHS[-1], HIDDEN, nn.BatchNorm1d(HIDDEN), nn.ReLU())
            self.head = heads.ProjectionHead([between, (HIDDEN, OUTPUTS, None, None)])
        self.backbone = ours.backbone
        first, last = (layer for layer in self.head.modules() if isinstance(layer, nn.Linear))
        with torch.no_grad():
            first.weight.copy_(ours.head.layers[0].weight)
            last.weight.copy_(ours.head.layers[3].weight)
            for layer in (first, last):
                if layer.bias is not None:
                    layer.bias.zero_()
        self.backbone_momentum = copy.deepcopy(self.backbone).requires_grad_(requires_grad=False)
        self.head_momentum = copy.deepcopy(self.head).requires_grad_(requires_grad=False)

    def forward(self, pixels):
        return self.head(self.backbone(pixels).flatten(start_dim=1))

    def forward_momentum(self, pixels):
        return self.head_momentum(self.backbone_momentum(pixels).flatten(start_dim=1)).detach()


def train_lightly(method: str, side: str, batches: ViewBatches, sizes: Sizes, curve: Curve, place: Path):
    """(backbone, CPU seconds, losses) of the plain loop of lightly's tutorials around its loss and momentum code."""
    without_torchvision()
    from lightly.loss import NTXentLoss  # noqa: PLC0415 - only reference runs import lightly

    as_examples = side == "lightly-examples"
    model = Reference(method, as_examples=as_examples).train()
    criterion = NTXentLoss(
        temperature=EXAMPLES_TEMPERATURE if as_examples else TEMPERATURE,
        memory_bank_size=(QUEUE, OUTPUTS) if method == "moco" else 0,
    )
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in trained if weight.dim() > 1], "weight_decay": DECAY},
        {"params": [weight for weight in trained if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True)
    schedule = WarmUpCosine(steps=sizes.steps, warm_up=WARM_UP)
    state = {"step": 0, "seconds": 0.0, "losses": []}
    restore(place / "last.pt", model, criterion, optimiser, state)
    step_loss = {"simclr": simclr_step, "moco": moco_step}[method]
    curve.lap()
    while state["step"] < sizes.steps:
        step = state["step"]
        for group in optimiser.param_groups:
            group["lr"] = RATE * schedule.factor(step)
        loss = step_loss(
            model, criterion, batches.batch_at(step), momentum_at(step, sizes.steps, as_examples=as_examples)
        )
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        state["losses"].append(float(loss.detach()))
        state["step"], state["seconds"] = step + 1, state["seconds"] + curve.lap()
        curve.measure(step + 1, state["seconds"], model.backbone)
        if (step + 1) % 50 == 0:
            save(place / "last.pt", model, criterion, optimiser, state)
    return model.backbone, state["seconds"], state["losses"]


def momentum_at(step: int, steps: int, *, as_examples: bool) -> float:
    if not as_examples:
        return MOMENTUM
    from lightly.utils.scheduler import cosine_schedule  # noqa: PLC0415 - only reference runs import lightly

    return cosine_schedule(step, steps, EXAMPLES_MOMENTUM, 1)


def simclr_step(model: Reference, criterion, batch, _momentum: float):
    return criterion(model(batch.first), model(batch.second))


def moco_step(model: Reference, criterion, batch, momentum: float):
    from lightly.models.utils import update_momentum  # noqa: PLC0415 - only reference runs import lightly

    update_momentum(model.backbone, model.backbone_momentum, m=momentum)
    update_momentum(model.head, model.head_momentum, m=momentum)
    return criterion(model(batch.first), model.forward_momentum(batch.second))


def save(file: Path, model: nn.Module, criterion, optimiser, state: dict) -> None:
    bank = criterion.memory_bank
    kept = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "state": state}
    torch.save(kept | {"bank": bank.bank, "place": bank.bank_ptr}, file.with_suffix(".unfinished"))
    file.with_suffix(".unfinished").replace(file)


def restore(file: Path, model: nn.Module, criterion, optimiser, state: dict) -> None:
    if file.exists():
        kept = torch.load(file, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        criterion.memory_bank.bank, criterion.memory_bank.bank_ptr = kept["bank"], kept["place"]
        state.update(kept["state"])


# --- the report


def report(folder: Path, sizes: Sizes, *, keep: bool) -> None:
    """Write what is known beside the runs, and to results/ once every run has finished."""
    document = collected(folder, sizes)
    places = [run_folder(folder, "report", sizes), *([RESULTS] if keep and not document["missing"] else [])]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        (place / "training-scratch.json").write_text(json.dumps(document, indent=1) + "\n")
        (place / "training-scratch.md").write_text(as_markdown(document))


def collected(folder: Path, sizes: Sizes) -> dict:
    """What finished runs measured, and the differences between those of one method."""
    runs, rights = {}, {}
    for name in RUNS:
        place = run_folder(folder, name, sizes)
        if (place / "result.json").exists():
            runs[name] = json.loads((place / "result.json").read_text())
            rights[name] = np.load(place / "correct.npy").astype(float)
            runs[name]["first_losses"] = runs[name].pop("losses")[:5]
            runs[name] |= {"interval": interval(rights[name])}
    pairs = [(f"{method}-ours", f"{method}-{side}") for method in METHODS for side in REFERENCES]
    pairs += [(f"{method}-ours", "start") for method in METHODS]
    differences = [
        {"first": first, "second": second, **interval(rights[first] - rights[second])}
        for first, second in pairs
        if first in rights and second in rights
    ]
    return {
        "command": f"python benchmarks/training_scratch.py --steps {sizes.steps}",
        "sizes": asdict(sizes),
        "missing": [name for name in RUNS if name not in runs],
        "runs": runs,
        "differences": differences,
    }


def interval(values: np.ndarray) -> dict[str, float]:
    found = bootstrap_interval(values, resamples=RESAMPLES, method="percentile")
    return {"mean": found.mean, "low": found.low, "high": found.high}


def as_markdown(document: dict) -> str:
    sizes = document["sizes"]
    lines = [
        "# SimCLR and MoCo from scratch, beside lightly",
        "",
        f"Made by `{document['command']}` with lightly 1.6.0 (`{INSTALL}`).",
        "Of lightly ran `NTXentLoss` with its memory bank, `ProjectionHead`, `SimCLRProjectionHead`,",
        "`MoCoProjectionHead`, `update_momentum` and `cosine_schedule`, in the plain loop of its tutorials. Its",
        "augmentations did not run, since they need torchvision: both sides get this project's views.",
        "",
        f"CIFAR-10, {10 * sizes['train']:,} training images without labels, {sizes['steps']:,} steps of",
        f"{sizes['batch']} images, SGD {RATE}, one thread.",
        "The backbone is a residual network of three blocks (32, 64, 128 channels), from the same random weights.",
        f"`lightly` is equal in all else, with temperature {TEMPERATURE}; `lightly-examples` has what lightly's",
        "examples choose: temperature 0.5, heads that end in normalisation (SimCLR) or have none (MoCo), and for MoCo",
        "a momentum from 0.996 to 1.",
        f"kNN accuracy of the backbone's features: k {NEIGHBORS}, weighted, {10 * sizes['test']:,} test images; 95 %",
        "percentile bootstrap over test images, which says nothing of another seed. Nothing was chosen by it.",
        "CPU seconds are of learning (views, network, loss, update), measuring left out. Points on the way ask every",
        "fifth image of every fifth.",
        "",
        "| run | kNN accuracy | CPU seconds | on the way (step: accuracy) |",
        "|---|---|---|---|",
    ]
    for name, run in document["runs"].items():
        way = ", ".join(f"{point['step']}: {point['accuracy']:.3f}" for point in run["curve"])
        lines.append(f"| {name} | {spread(run['interval'])} | {run['seconds']:.0f} | {way or '-'} |")
    lines += ["", "| difference | kNN accuracy | CPU seconds, ratio | says |", "|---|---|---|---|"]
    for one in document["differences"]:
        ours, theirs = (document["runs"][one[key]]["seconds"] for key in ("first", "second"))
        ratio = f"{ours / theirs:.2f}" if theirs else "-"
        lines.append(f"| {one['first']} less {one['second']} | {spread(one)} | {ratio} | {says(one)} |")
    if document["missing"]:
        lines += ["", f"Not run yet: {', '.join(document['missing'])}."]
    return "\n".join(lines) + "\n"


def says(one: dict) -> str:
    if one["low"] > 0:
        return "better"
    return "worse" if one["high"] < 0 else "no difference shown"


def spread(value: dict) -> str:
    assert math.isfinite(value["mean"])
    return f"{value['mean']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


if __name__ == "__main__":
    main()
