"""`lookalike models list | show | pull | import | remove`; `convert` is in a module of its own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from lookalike.cli import bench, convert, promote
from lookalike.cli.available import available_document, available_facts, print_available, print_available_facts
from lookalike.cli.downloading import DownloadProgress
from lookalike.cli.help import command_group
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
)
from lookalike.embedding import (
    FileSource,
    ModelDescription,
    ModelStatus,
    PackagedSource,
    WheelSource,
    available_model,
    available_models,
    describe_model,
    describe_models,
    import_model,
    is_available,
)
from lookalike.errors import ModelMissing, ModelRefused, StorageFailed
from lookalike.library.models import obtain_model, remove_unused_model
from lookalike.on_demand import load
from lookalike.settings import user_path
from lookalike.training.card import ModelCard, read_card

app = command_group(add_completion=False, help="The models that turn pictures into vectors.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("list")
def list_models(
    *,
    available: Annotated[
        bool,
        typer.Option("--available", help="List the models of the Hugging Face hub that `models pull NAME` converts."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the known models, and which of them are on this machine."""
    with faults_are_told(as_json=as_json):
        statuses = describe_models(settings_for(None).models)
        if available:
            _list_available({status.description.name for status in statuses if status.pulled}, as_json=as_json)
            return
        if as_json:
            print_json([_as_document(status) for status in statuses])
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("name", no_wrap=True)  # it is copied into other commands
        for heading in ("on this machine", "dimension", "licence", "what it is"):
            table.add_column(heading)
        for status in statuses:
            here = f"{status.bytes_on_disk / 1e6:.0f} MB" if status.pulled else "no"
            about = status.description
            table.add_row(about.name, here, str(about.dimension), printable(about.licence), printable(about.summary))
        console.print_table(table)
        messages.print(f"`lookalike models list --available` lists {len(available_models())} models of the hub.")


def _list_available(here: set[str], *, as_json: bool) -> None:
    if as_json:
        print_json([available_document(model, here=model.name in here) for model in available_models()])
    else:
        print_available(available_models(), here)


@app.command("show")
def show_model(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show the description of a model, and for a model trained here its card: training data and quality."""
    with faults_are_told(as_json=as_json):
        try:
            status = describe_model(name, models=settings_for(None).models)
        except ModelMissing:
            _show_available(name, as_json=as_json)
            return
        card, problem = _card_of(status)
        if as_json:
            document = {**_as_document(status), "source": _origin(status.description)}
            print_json({**document, "card": card.as_document() if card else None, "card_problem": problem})
            return
        _print_facts(status)
        if card:
            console.print()
            markdown = load("rich.markdown", otherwise="`models show` needs Rich: pip install rich")  # slow to import
            console.print(markdown.Markdown(card.as_markdown()))
        if problem:
            messages.print(printable(f"Warning: {problem}"), soft_wrap=True)


def _show_available(name: str, *, as_json: bool) -> None:
    """A model of a hub that is not on this machine."""
    model = available_model(name)
    if as_json:
        print_json(available_document(model, here=False))
    else:
        print_available_facts(model)


def _card_of(status: ModelStatus) -> tuple[ModelCard | None, str | None]:
    """The card, and what is wrong with it; a model is shown also where its card cannot be."""
    try:
        card = read_card(status.path)
    except (ModelRefused, StorageFailed) as fault:
        return None, str(fault)
    if card is None or card.fingerprint == status.fingerprint:
        return card, None
    return card, (
        f"the card in {status.path} is of another model: its fingerprint is {card.fingerprint[:12]}, this model's"
        f" {(status.fingerprint or 'not known')[:12]}; do not believe its numbers of this one"
    )


def _print_facts(status: ModelStatus) -> None:
    about, picture = status.description, status.description.preprocessing
    facts = {
        "name": about.name,
        "what it is": about.summary,
        "on this machine": f"{status.bytes_on_disk:,} bytes in {status.path}" if status.pulled else "no",
        "fingerprint": status.fingerprint or "not known before it is pulled",
        "dimension": str(about.dimension or "not known before it is pulled"),
        "licence": about.licence,
        "source": _origin(about),
        "pictures": f"{picture.size} x {picture.size} pixels, {picture.fit}, {picture.interpolation}",
        "golden vectors": "none" if status.golden_cosine is None else f"reproduced, cosine {status.golden_cosine:.5f}",
    }
    if is_available(about.name):
        known = available_facts(available_model(about.name))
        facts |= {key: known[key] for key in ("architecture", "paper", "measured")}
    for key, text in facts.items():
        console.print(Text(f"{key:<16}", style="bold") + printable(text), soft_wrap=True)


def _origin(about: ModelDescription) -> str:
    """Where its weights come from, in words."""
    source = about.source
    if isinstance(source, WheelSource):
        return f"{source.path} in the package {source.package} {source.version}"
    if isinstance(source, FileSource):
        return source.path or "made here"
    if isinstance(source, PackagedSource):
        return "comes with lookalike"
    return f"{source.path} in {source.repository} at {source.revision}, {source.endpoint}"


@app.command("pull")
def pull_model(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Download a model, check its checksum, and prepare it for use.

    A model of `models list --available` is converted here, which needs `pip install 'lookalike[export]'`.
    """
    with faults_are_told(as_json=as_json):
        status = pull_with_progress(name, quiet=as_json)
        _tell(status, "is ready", as_json=as_json)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .onnx or .tflite file with a .toml beside it.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Import a model of your own. See docs/models.md for its short .toml file."""
    with faults_are_told(as_json=as_json):
        _tell(import_model(user_path(file), models=settings_for(None).models), "was imported", as_json=as_json)


@app.command("remove")
def remove(
    name: NameArgument,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Remove it even if the library uses it or could roll back to it.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a model's files from this machine.

    A model that the library uses, or has used to answer, is kept unless --force is given.
    """
    with faults_are_told(as_json=as_json):
        settings = settings_for(library)
        remove_unused_model(settings, name, force=force)
        if as_json:
            print_json({"name": name, "removed": True})
        else:
            console.print(f"{name} was removed.")


def pull_with_progress(name: str, *, quiet: bool) -> ModelStatus:
    """Pull a model while showing how far it is."""
    with DownloadProgress(f"Pulling {name}", quiet=quiet) as progress:
        return obtain_model(settings_for(None), name, progress)


def _tell(status: ModelStatus, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_document(status))
    else:
        fingerprint = (status.fingerprint or "")[:12]
        console.print(
            f"{status.description.name} {what}: {status.bytes_on_disk / 1e6:.0f} MB, fingerprint {fingerprint}"
        )


def _as_document(status: ModelStatus) -> dict[str, object]:
    about = status.description
    return {
        "name": about.name,
        "summary": about.summary,
        "licence": about.licence,
        "dimension": about.dimension,
        "pulled": status.pulled,
        "bytes_on_disk": status.bytes_on_disk,
        "fingerprint": status.fingerprint,
        "golden_cosine": status.golden_cosine,
        "path": status.path,
    }


app.command("convert")(convert.convert_model)
app.command("bench")(bench.bench)
app.command("promote")(promote.promote)
app.command("rollback")(promote.rollback)
app.command("history")(promote.history)
