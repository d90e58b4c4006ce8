"""GIF: screen, extensions, first frame."""

import struct

from lookalike.preprocessing.containers.record import Header

_SCREEN_LENGTH = 13
_EXTENSION = 0x21
_FRAME = 0x2C
_GRAPHIC_CONTROL = 0xF9
_MAX_BLOCKS = 100_000


def read_gif(content: bytes) -> Header:
    """Size of the screen, or of the first frame where that is larger; content without other extensions."""
    screen_width, screen_height, flags = struct.unpack_from("<HHB", content, 6)
    palette = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    head = _SCREEN_LENGTH + palette
    control, frame = _first_frame(content, head)
    left, top, width, height = struct.unpack_from("<HHHH", content, frame + 1)
    right, bottom = left + width, top + height
    covers_all = left == top == 0 and right >= screen_width and bottom >= screen_height
    return Header(
        width=max(screen_width, right),
        height=max(screen_height, bottom),
        covered=None if covers_all else (left, top, right, bottom),
        content=content if frame == head + len(control) else content[:head] + control + content[frame:],
    )


def _first_frame(content: bytes, position: int) -> tuple[bytes, int]:
    """The graphic control extension that belongs to the first frame, empty if none, and where the frame begins."""
    control = b""
    for _ in range(_MAX_BLOCKS):
        kind = content[position]
        if kind == _FRAME:
            return control, position
        if kind != _EXTENSION:
            raise ValueError("no frame")
        start = position
        position += 2
        while content[position]:
            position += 1 + content[position]
        position += 1
        if content[start + 1] == _GRAPHIC_CONTROL:
            control = content[start:position]
    raise ValueError(f"more than {_MAX_BLOCKS} blocks before its first frame")
