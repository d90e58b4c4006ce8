"""What a search for copies found so far, on disk: an interrupted search goes on from there."""

import json
from collections.abc import Sequence
from pathlib import Path

from lookalike.duplicates.pairs import CopyPair
from lookalike.errors import StorageFailed


class ProgressFile:
    """Lines of JSON: what is searched, then the pairs of each block of images. A line that was cut off does not count.

    Args:
        file: where it is.
        of: names what is searched and by which rules; a file about something else is started anew.
    """

    def __init__(self, file: Path, *, of: str) -> None:
        self._file = file
        self._of = of
        self._blocks = self._read()

    @property
    def done(self) -> int:
        """How many blocks are done, from the first one on."""
        return len(self._blocks)

    @property
    def pairs(self) -> list[CopyPair]:
        """Everything that was found."""
        return [pair for block in self._blocks for pair in block]

    def add(self, pairs: Sequence[CopyPair]) -> None:
        """The next block is done.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        lines = [] if self._blocks else [json.dumps({"of": self._of})]
        lines.append(json.dumps([pair.as_document() for pair in pairs]))
        try:
            with self._file.open("a" if self._blocks else "w", encoding="ascii") as stream:
                stream.write("".join(f"{line}\n" for line in lines))
        except OSError as fault:
            raise StorageFailed(f"{self._file}: cannot be written: {fault.strerror or fault}") from None
        self._blocks.append(list(pairs))

    def _read(self) -> list[list[CopyPair]]:
        """The blocks of the file; where its end is damaged, it is cut to what is whole."""
        try:
            lines = self._file.read_text(encoding="ascii").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError):
            return []
        if not lines or lines[0] != json.dumps({"of": self._of}) + "\n":
            return []
        blocks: list[list[CopyPair]] = []
        for line in lines[1:]:
            try:
                blocks.append([CopyPair.of_document(document) for document in json.loads(line)])
            except (ValueError, TypeError, KeyError):
                break
        whole = "".join(lines[: len(blocks) + 1])
        if len(whole) < sum(map(len, lines)) or not whole.endswith("\n"):
            self._file.write_text(whole if whole.endswith("\n") else whole + "\n", encoding="ascii")
        return blocks
