"""What a search for copies found so far, on disk: the next one goes on from there, also after images came and went."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.duplicates.pairs import CopyPair
from lookalike.errors import StorageFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    compared: dict[str, bool]
    pairs: list[CopyPair]


class ProgressFile:
    """Lines of JSON: by which rules, then the images of each block and their pairs. A cut-off line does not count.

    Reading it while another process writes it is safe; only one may write.

    Args:
        file: where it is.
        of: names the model and the rules; a file about others counts as empty.

    Attributes:
        compared: by the id of every image that was compared with all others, whether by its keypoints, too.
    """

    def __init__(self, file: Path, *, of: str) -> None:
        self._file = file
        self._of = of
        self.compared: dict[str, bool] = {}
        self._pairs: dict[tuple[str, str], CopyPair] = {}
        self._size = 0  # bytes that are whole
        self._read()

    @property
    def pairs(self) -> list[CopyPair]:
        """Everything that was found, also of images that are gone since."""
        return list(self._pairs.values())

    def add(self, compared: Mapping[str, bool], pairs: Sequence[CopyPair]) -> None:
        """Some more images were compared with all others.

        Args:
            compared: by id, whether by keypoints, too.
            pairs: that were found.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        block = {"compared": compared, "pairs": [pair.as_document() for pair in pairs]}
        lines = [] if self._size else [_line({"of": self._of})]
        content = "".join([*lines, _line(block)]).encode("ascii")
        try:
            with self._file.open("r+b" if self._size else "wb") as stream:
                stream.seek(self._size)
                stream.truncate()
                stream.write(content)
        except OSError as fault:
            raise StorageFailed(f"{self._file}: cannot be written: {fault.strerror or fault}") from None
        self._size += len(content)
        self._take(_Block(compared=dict(compared), pairs=list(pairs)))

    def _take(self, block: _Block) -> None:
        self.compared.update(block.compared)
        self._pairs.update(((pair.one, pair.other), pair) for pair in block.pairs)

    def _read(self) -> None:
        """The blocks of the file, up to the first that is damaged."""
        try:
            lines = self._file.read_bytes().splitlines(keepends=True)
        except OSError:
            return
        if not lines or lines[0] != _line({"of": self._of}).encode("ascii"):
            return
        self._size = len(lines[0])
        for line in lines[1:]:
            block = _block_of(line)
            if block is None:
                return
            self._take(block)
            self._size += len(line)


def _line(document: object) -> str:
    return json.dumps(document) + "\n"


def _block_of(line: bytes) -> _Block | None:
    """None where the line is damaged or not complete."""
    if not line.endswith(b"\n"):
        return None
    try:
        document = json.loads(line)
        pairs = [CopyPair.of_document(pair) for pair in document["pairs"]]
        return _Block(compared=dict(document["compared"]), pairs=pairs)
    except (ValueError, TypeError, KeyError):
        return None
