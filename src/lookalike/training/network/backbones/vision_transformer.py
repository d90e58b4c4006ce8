"""Vision transformers (Dosovitskiy et al. 2021) from the package `transformers`, of the kinds in `families`."""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import LookalikeError, TrainingRefused
from lookalike.on_demand import load
from lookalike.training.network.backbones.blocks import Blocked
from lookalike.training.network.backbones.families import (
    CLIP,
    DINO_V2,
    SIGLIP_NAFLEX,
    WEIGHTS,
    Family,
    read_config,
)
from lookalike.training.repositories import CONFIG_FILE

_POSITIONS = ("position_embeddings", "position_embedding.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shape of a vision transformer.

    Attributes:
        width: of a token.
        layers: blocks.
        heads: of attention in each.
        patch: side of a patch, pixels.
        size: side of the pictures, pixels.
        embedding: of CLIP's `image_embeds`; others have none.
    """

    width: int
    layers: int
    heads: int
    patch: int
    size: int = 224
    embedding: int = 0


class VisionTransformer(Blocked):
    """One of `transformers`' models as a backbone.

    Args:
        network: a model of the family's class.
        family: which.

    Attributes:
        dimension: of the features.
        size: side of the pictures, pixels.
    """

    def __init__(self, network: Any, family: Family) -> None:
        super().__init__()
        self.network, self.family = network, family
        self.size = _size_of(network.config, family)
        self.dimension = int(network.config.projection_dim if family is CLIP else network.config.hidden_size)
        self._options: dict[str, Any] = {}

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        return self.family.features(self.family.call(self.network, batch, **self._options))

    def take_size(self, size: int) -> None:
        """Take pictures of this size from now on, with positions resampled once as the family does it.

        The network does the same for each batch; done once, an exported graph holds the positions as a constant.

        Args:
            size: side of the pictures, pixels; a multiple of the side of a patch.

        Raises:
            TrainingRefused: it is no multiple of the side of a patch.
        """
        patch = int(self.network.config.patch_size)
        if size < patch or size % patch:
            raise TrainingRefused(f"pictures of {size} pixels: the side must be a multiple of {patch}, that of a patch")
        if self.family.interpolates and size != self.size:
            self._options = {"interpolate_pos_encoding": True}
        self.size = size
        for part in self.network.modules():
            for name in ("interpolate_pos_encoding", "resize_positional_embeddings"):
                if hasattr(part, name):
                    self._fix(part, name)

    def _fix(self, part: nn.Module, name: str) -> None:
        """Replaces a method that resamples positions by what it gives for pictures of this size."""
        vars(part).pop(name, None)  # what an earlier size left
        method = getattr(part, name)
        resampled: list[Tensor] = []

        def remember(*given: Any, **named: Any) -> Tensor:
            positions: Tensor = method(*given, **named).detach()
            resampled.append(positions)
            return positions

        setattr(part, name, remember)
        with torch.no_grad():
            self(torch.zeros(1, 3, self.size, self.size))
        delattr(part, name)
        if resampled:
            setattr(part, name, lambda *_, **__: resampled[0])

    def blocks(self) -> Sequence[nn.Module]:
        """The layers, wherever this version of `transformers` keeps them."""
        lists = [list(part) for part in self.network.modules() if isinstance(part, nn.ModuleList)]
        return max(lists, key=len)

    def after_blocks(self) -> Sequence[nn.Module]:
        """The last normalisation, and CLIP's projection."""
        return [self.network.get_submodule(name) for name in self.family.after]


def _size_of(config: Any, family: Family) -> int:
    """Side of the pictures that a network was trained with, pixels."""
    if family is SIGLIP_NAFLEX:  # any shape of so many patches; a square one here
        return int(config.patch_size) * math.isqrt(int(config.num_patches))
    return int(config.image_size)


def random_transformer(family: Family, shape: Shape) -> VisionTransformer:
    """A vision transformer with random weights.

    Raises:
        DependencyMissing: `transformers` is not installed.
    """
    library = _transformers()
    config = getattr(library, family.config)(**_configured(family, shape))
    return VisionTransformer(getattr(library, family.model)(config, **family.options).train(), family)


def load_transformer(family: Family, folder: Path, *, shape: Shape | None = None) -> VisionTransformer:
    """One with the weights of a folder as `save_pretrained` writes it, or as a hub's repository has it.

    Of a CLIP with both towers the image tower is taken; classifiers and poolers are ignored.

    Args:
        family: that the folder must hold.
        folder: with `config.json` and `model.safetensors` (or `pytorch_model.bin`), or the path of one of them.
        shape: that it must have; positions are resampled where only the size of the pictures differs (bicubic, as
            DINOv2 does for each batch). None for the folder's own.

    Raises:
        DependencyMissing: `transformers` is not installed.
        TrainingRefused: the folder is not there or not readable, or holds another kind or shape; the message says what.
    """
    folder = folder.parent if folder.is_file() else folder
    _require_kind(family, folder)
    library = _transformers()
    with _quiet(library), _refusals(folder):
        config = getattr(library, family.config).from_pretrained(folder, **family.fixed)
        if shape is not None:
            _require_shape(config, _configured(family, shape), folder)
        network, found = getattr(library, family.model).from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
            **family.options,
        )
    missing = sorted(found["missing_keys"])
    if missing:
        raise TrainingRefused(f"{folder}: {len(missing)} weights are missing, such as {missing[0]}")
    if shape is not None and config.image_size != shape.size:
        network = _resized(network, family, shape.size)
    return VisionTransformer(network.train(), family)


def _configured(family: Family, shape: Shape) -> dict[str, Any]:
    """A shape in the words of `transformers`."""
    values: dict[str, Any] = {
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "patch_size": shape.patch,
        "image_size": shape.size,
        **family.fixed,
    }
    if family is not DINO_V2:  # which has a ratio, of 4 too
        values["intermediate_size"] = 4 * shape.width
    if shape.embedding:
        values["projection_dim"] = shape.embedding
    return values


def _require_kind(family: Family, folder: Path) -> None:
    """Checks a folder before `transformers` is imported, which takes seconds."""
    if not folder.is_dir():
        raise TrainingRefused(
            f"{folder}: there is no such folder; name one with {CONFIG_FILE} and {WEIGHTS[0]}, as save_pretrained"
            " writes it"
        )
    kind = read_config(folder).get("model_type")
    if kind not in family.kinds:
        raise TrainingRefused(f"{folder / CONFIG_FILE}: model_type is {kind!r}; this backbone is {family.kinds[0]!r}")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise TrainingRefused(f"{folder}: there is no {' and no '.join(WEIGHTS)} in it")


def _require_shape(config: Any, wanted: dict[str, Any], folder: Path) -> None:
    for name, value in wanted.items():
        found = getattr(config, name, None)
        if name != "image_size" and found != value:
            raise TrainingRefused(
                f"{folder}: {name} is {found}, but this backbone has {value}; `vit`, `clip-vit` and `dinov2` take"
                " their shape from the folder"
            )


def _resized(network: Any, family: Family, size: int) -> Any:
    """The same weights for pictures of another size."""
    state = network.state_dict()
    (name,) = (key for key in state if key.endswith(_POSITIONS))
    config = copy.deepcopy(network.config)
    config.image_size = size
    positions = state[name].reshape(-1, state[name].shape[-1])
    state[name] = _resampled(positions, size // config.patch_size).reshape(
        *state[name].shape[:-2], -1, config.hidden_size
    )
    other = type(network)(config, **family.options)
    other.load_state_dict(state)
    return other


def _resampled(positions: Tensor, side: int) -> Tensor:
    """Positions of the class token and of a grid, [1 + g * g, width], for a grid of another side."""
    first, grid = positions[:1], positions[1:]
    before = round(len(grid) ** 0.5)
    pixels = grid.T.reshape(1, -1, before, before)
    moved = functional.interpolate(pixels, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([first, moved.reshape(-1, side * side).T])


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """A folder that cannot be loaded is refused by its name."""
    try:
        yield
    except (LookalikeError, MemoryError):
        raise
    except Exception as fault:
        # damaged files and strange configurations raise what the layers below happen to raise
        raise TrainingRefused(f"{folder}: not loadable: {_first_line(fault)}") from fault


def _first_line(fault: Exception) -> str:
    return (str(fault).strip() or type(fault).__name__).splitlines()[0]


def _transformers() -> Any:
    """Takes seconds to import, and only these backbones need it."""
    needed = "vision transformers need packages of an extra: run `pip install 'lookalike[transformers]'`"
    return load("transformers", otherwise=needed)


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Silences progress bars and warnings about unused classifiers."""
    logging = library.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
