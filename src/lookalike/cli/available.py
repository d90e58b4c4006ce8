"""Printing the models that a hub has."""

from rich.table import Table
from rich.text import Text

from lookalike.cli.output import console, printable
from lookalike.embedding import AvailableModel


def print_available(models: list[AvailableModel], here: set[str]) -> None:
    """Print the table of `models list --available`.

    Args:
        models: all of them.
        here: names of those that are on this machine.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)  # it is copied into other commands
    for heading in ("here", "MB", "pixels", "dimension", "licence", "what it is", "measured by its authors"):
        table.add_column(heading, justify="right" if heading in {"MB", "pixels", "dimension"} else "left")
    for model in models:
        table.add_row(
            model.name,
            "yes" if model.name in here else "no",
            f"{model.megabytes:,.0f}",
            str(model.preprocessing.size),
            str(model.dimension),
            printable(model.licence),
            printable(model.summary),
            printable(_measured(model)),
        )
    console.print_table(table)


def print_available_facts(model: AvailableModel) -> None:
    """Print all that is known of a model that is not on this machine."""
    for key, text in available_facts(model).items():
        console.print(Text(f"{key:<16}", style="bold") + printable(text), soft_wrap=True)


def available_facts(model: AvailableModel) -> dict[str, str]:
    """What is known of a model of a hub, in words."""
    picture = model.preprocessing
    pictures = f"{picture.size} x {picture.size} pixels, {picture.fit}, {picture.interpolation}"
    pictures += f", mean {list(picture.mean)}, std {list(picture.std)}"
    if model.authors_preprocessing:
        pictures += f" (its authors: {model.authors_preprocessing})"
    access = ", only for people who accepted its licence there" if model.gated else ""
    return {
        "name": model.name,
        "what it is": model.summary,
        "architecture": f"{model.architecture}, {model.parameters / 1e6:,.1f} million parameters",
        "size": f"{model.megabytes:,.0f} MB once converted, as float32",
        "dimension": str(model.dimension),
        "licence": model.licence,
        "source": f"{model.address} at {model.revision}{access}",
        "pictures": pictures,
        "golden vectors": "yes" if model.golden else "none: conversion is compared with torch instead",
        "paper": model.paper,
        "measured": f"{_measured(model)} ({model.measured_in})" if model.measured else "not stated",
    }


def available_document(model: AvailableModel, *, here: bool) -> dict[str, object]:
    """The same for programs."""
    picture = model.preprocessing
    return {
        "name": model.name,
        "summary": model.summary,
        "pulled": here,
        "architecture": model.architecture,
        "parameters": model.parameters,
        "megabytes": round(model.megabytes, 1),
        "dimension": model.dimension,
        "licence": model.licence,
        "hub": {
            "repository": model.repository,
            "revision": model.revision,
            "address": model.address,
            "gated": model.gated,
        },
        "preprocessing": {
            "size": picture.size,
            "fit": picture.fit,
            "interpolation": picture.interpolation,
            "mean": picture.mean,
            "std": picture.std,
            "authors": model.authors_preprocessing or None,
        },
        "golden": model.golden is not None,
        "paper": model.paper,
        "measured": dict(model.measured),
        "measured_in": model.measured_in,
    }


def _measured(model: AvailableModel) -> str:
    return "; ".join(f"{measure} {value:g}" for measure, value in model.measured.items()) or "not stated"
