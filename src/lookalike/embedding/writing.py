"""The TOML of a model that was made here."""

from lookalike.embedding.descriptions import Graph
from lookalike.preprocessing import Preprocessing


def description_toml(
    *,
    name: str,
    summary: str,
    licence: str,
    preprocessing: Preprocessing,
    graph: Graph,
    projection: str | None,
    golden: str | None = None,
) -> str:
    """What `descriptions.read_description` reads back, for a graph whose `output` needs no pooling.

    Args:
        name: of the model.
        summary: one line for people.
        licence: of the weights.
        preprocessing: how pixels become its input.
        graph: format, input, output and layout are written.
        projection: file name of the projection beside the TOML; None for none.
        golden: file name of the golden vectors beside it; None for none.
    """
    lines = [f"name = {_text(name)}", f"summary = {_text(summary)}", f"licence = {_text(licence)}"]
    if projection is not None:
        lines.append(f"projection = {_text(projection)}")
    if golden is not None:
        lines.append(f"golden = {_text(golden)}")
    lines += [
        "",
        "[preprocessing]",
        f"size = {preprocessing.size}",
        f"fit = {_text(preprocessing.fit)}",
        f"interpolation = {_text(preprocessing.interpolation)}",
        f"mean = {[float(value) for value in preprocessing.mean]}",
        f"std = {[float(value) for value in preprocessing.std]}",
        "",
        "[graph]",
        f"format = {_text(graph.format)}",
        f"input = {_text(graph.input)}",
        f"output = {_text(graph.output)}",
        f"layout = {_text(graph.layout)}",
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML basic string."""
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in value)
    return f'"{escaped}"'
