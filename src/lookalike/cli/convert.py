"""`lookalike models convert SOURCE`."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from lookalike.cli.downloading import DownloadProgress
from lookalike.cli.output import JsonOption, console, faults_are_told, print_json, printable, settings_for
from lookalike.errors import CallerError
from lookalike.library.convert import ConvertRequest, ConvertResult, Weights, convert
from lookalike.settings import user_path


def convert_model(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder with config.json and model.safetensors, a name of `models list --available`, or a repository"
            " of the Hugging Face hub: OWNER/NAME or OWNER/NAME@COMMIT.",
        ),
    ],
    *,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the model (default: the source's). A name of `models list --available` also says how"
            " pictures are prepared.",
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Licence of the weights, where no description says it.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=16, max=2_048, help="Side of the pictures in pixels (default: what the checkpoint says)."),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="How weights are stored: float32, float16 (half the file) or int8 (a quarter).")
    ] = "float32",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also keep NAME.onnx and NAME.toml there, to import them on other machines."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a checkpoint to ONNX, compare it with torch, and install it.

    Needs `pip install 'lookalike[export]'`; the converted model does not. See docs/converting.md for what can be
    converted.
    """
    with faults_are_told(as_json=as_json):
        if weights not in get_args(Weights):
            raise CallerError(f"--weights {weights}: choose one of {', '.join(get_args(Weights))}")
        request = ConvertRequest(
            source=source,
            name=name,
            licence=licence,
            size=size,
            weights=weights,  # type: ignore[arg-type] # one of its choices, as was just checked
            files=user_path(out) if out else None,
        )
        with DownloadProgress(source, quiet=as_json) as progress:
            result = convert(settings_for(None), request, progress)
        if as_json:
            print_json(_as_document(result))
        else:
            _tell(result)


def _tell(result: ConvertResult) -> None:
    status, parity = result.status, result.parity
    console.print(
        printable(
            f"{status.description.name} is ready: {status.bytes_on_disk / 1e6:.0f} MB, {status.description.dimension}"
            f" values, fingerprint {(status.fingerprint or '')[:12]}. On {parity.pictures} generated pictures its least"
            f" cosine to torch is {parity.least_cosine:.6f}."
        ),
        soft_wrap=True,
    )
    if result.files:
        file = result.files / f"{status.description.name}.onnx"
        console.print(
            printable(f"On another machine: copy {result.files} and run `lookalike models import {file.name}` in it."),
            soft_wrap=True,
        )


def _as_document(result: ConvertResult) -> dict[str, object]:
    status = result.status
    return {
        "name": status.description.name,
        "licence": status.description.licence,
        "dimension": status.description.dimension,
        "bytes_on_disk": status.bytes_on_disk,
        "fingerprint": status.fingerprint,
        "path": status.path,
        "files": result.files,
        "parity": {
            "pictures": result.parity.pictures,
            "most_error": result.parity.most_error,
            "least_cosine": result.parity.least_cosine,
            "recall": result.parity.recall,
        },
    }
