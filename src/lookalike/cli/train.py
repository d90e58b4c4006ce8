"""`lookalike train NAME --on grades|clicks|views|teacher`."""

from lookalike.cli.learning import print_judged, tell_next, tell_refused
from lookalike.cli.option_groups import takes
from lookalike.cli.output import (
    ExitCode,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    stop,
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.cli.train_options import TrainOptions
from lookalike.library import train as use_case
from lookalike.library.opening import open_library
from lookalike.library.train import TrainResult
from lookalike.settings import Settings


@takes(TrainOptions)
def train(options: TrainOptions) -> None:
    """Train a new model on what "similar" means in this library. It is used only after `lookalike models promote`.

    A frozen model computes the features of every image once, and a new head on top of them is trained in minutes. With
    `--on views --backbone resnet18:random --loss nt-xent --tune full`, a whole network is trained without labels. The
    table at the end is for held-out queries, which share no near-duplicates with the training queries. Training needs
    torch (`pip install 'lookalike[training]'`); the new model serves without it. After Ctrl-C, add --resume.
    """
    with faults_are_told(as_json=options.as_json):
        request = options.request()
        with (
            open_library(settings_for(options.library)) as opened,
            IndexProgress(messages, verbose=not options.as_json, quiet=options.as_json) as progress,
        ):
            result = use_case.train(opened, request, progress)
        tell_warnings(result.warnings)
        if result.card is None:
            trained = result.trained
            done = trained.result.steps + (trained.tuned.result.steps if trained.tuned else 0)
            messages.print(f"Interrupted after {done:,} steps; go on with --resume.")
            stop(ExitCode.INTERRUPTED)
        if options.as_json:
            print_json(_document(result))
            return
        _tell(opened.settings, options.name, result)


def _document(result: TrainResult) -> dict[str, object]:
    return {
        "model": result.card.as_document() if result.card else None,
        "stopped": result.trained.result.stopped.value,
        "run": str(result.run),
        "held_out": {name: str(path) for name, path in result.trained.held_out.items()},
        "refused": dict(result.trained.refused),
        "warnings": list(result.warnings),
    }


def _tell(settings: Settings, name: str, result: TrainResult) -> None:
    trained = result.trained
    tell_refused(dict(trained.refused))
    if trained.tuned is not None and not trained.tuned.kept:
        messages.print("Fine-tuning the network did not help on validation queries: only the head is new.")
    learnt = "; ".join(
        f"{source}: {', '.join(f'{count:,} {unit}' for unit, count in counts.items() if count)}"
        for source, counts in trained.sources.items()
    )
    console.print(
        printable(f"{name} is {result.summary} ({learnt}; {trained.result.steps:,} steps, {trained.seconds:.0f} s)."),
        style="bold",
        soft_wrap=True,
    )
    if trained.judged:
        print_judged(name, result.base, trained.judged)
    else:
        messages.print("Nothing was held out to judge by: name grades with --judgements.", style="yellow")
    console.print(printable(f"Report, curves and held-out queries are in {result.run}."), soft_wrap=True)
    tell_next(settings, name, next(iter(trained.held_out.values()), None))
