"""Models that a hub has and lookalike can convert: described here by name, without weights.

What a description says of a model was read in its authors' papers, model cards and configuration files, which it names.
What none of them states is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lookalike.embedding.descriptions import DEFAULT_HUB, checked_name, preprocessing_in
from lookalike.embedding.tables import read_table
from lookalike.errors import UnknownModel
from lookalike.preprocessing import Preprocessing

AVAILABLE = Path(__file__).parent / "models" / "available"
"""Descriptions of models of hubs."""

_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableModel:
    """A model of a hub.

    Attributes:
        name: what people type.
        summary: one line for people.
        architecture: of the image tower.
        licence: of the weights.
        repository: of the hub, `OWNER/NAME`.
        revision: commit or branch of the repository.
        gated: whether the hub gives it only to people who accepted its licence there.
        dimension: of the vectors.
        parameters: of the image tower, at this size of pictures.
        preprocessing: how pictures become its input here.
        authors_preprocessing: where its authors do it in another way, that way in words; empty where it is the same.
        paper: authors, year, title and number.
        measured: what its authors measured, by the name of the measure: numbers as they print them.
        measured_in: where they are printed.
        golden: path of the file of golden vectors that a converted model must reproduce; None where there is none.
    """

    name: str
    summary: str
    architecture: str
    licence: str
    repository: str
    revision: str
    gated: bool
    dimension: int
    parameters: int
    preprocessing: Preprocessing
    authors_preprocessing: str
    paper: str
    measured: Mapping[str, float]
    measured_in: str
    golden: Path | None

    @property
    def megabytes(self) -> float:
        """Of the converted model, whose weights are stored as float32."""
        return self.parameters * _FLOAT32_BYTES / 1e6

    @property
    def address(self) -> str:
        """Of its page on the hub."""
        return f"{DEFAULT_HUB}/{self.repository}"


def available_models() -> list[AvailableModel]:
    """All of them, in order of name."""
    return [_read(file) for file in sorted(AVAILABLE.glob("*.toml"), key=lambda file: file.stem)]


def is_available(name: str) -> bool:
    """Whether a model of a hub is described under that name."""
    return name in {file.stem for file in AVAILABLE.glob("*.toml")}


def available_model(name: str) -> AvailableModel:
    """The one of that name.

    Raises:
        UnknownModel: there is none; the message names those that there are.
    """
    for model in available_models():
        if model.name == name:
            return model
    raise UnknownModel(
        f"no model of a hub is described as {name!r}; there are {', '.join(model.name for model in available_models())}"
    )


def _read(file: Path) -> AvailableModel:
    """A description.

    Raises:
        ModelRefused: a key is missing, unknown, or of the wrong type or value.
    """
    table = read_table(file)
    name = checked_name(table.text("name", file.stem))
    hub, published = table.table("hub"), table.table("published")
    measured = published.table("measured")
    golden = table.text("golden", "")
    model = AvailableModel(
        name=name,
        summary=table.text("summary"),
        architecture=table.text("architecture"),
        licence=table.text("licence"),
        repository=hub.text("repository"),
        revision=hub.text("revision", "main"),
        gated=hub.flag("gated", default=False),
        dimension=table.integer("dimension", low=2, high=65_536),
        parameters=table.integer("parameters", low=1, high=2**40),
        preprocessing=preprocessing_in(table.table("preprocessing")),
        authors_preprocessing=published.text("preprocessing", ""),
        paper=published.text("paper"),
        measured=measured.numbers(),
        measured_in=published.text("measured_in"),
        golden=file.parent / golden if golden else None,
    )
    for finished in (hub, published, table):
        finished.finish()
    return model
