"""The program of a process that decodes pictures for another one, which may lose it: see `decoding_processes`.

What comes in is trusted; what goes out is plain numbers, because a decoder that a picture took over must not be able to
make its parent run anything. A message is its length, 8 bytes, and its bytes; an answer is a message of JSON and, for a
picture, one of a record of `IMAGE_ROW` and the model's rows.
"""

import json
import pickle
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.errors import CropRefused, ImageRefused
from lookalike.preprocessing.limits import Limits
from lookalike.preprocessing.transform import Prepared, Preprocessing, prepare
from lookalike.types import Box

if sys.platform != "win32":
    import resource

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A picture to prepare. See `prepare` for the fields."""

    content: bytes
    preprocessing: Preprocessing
    name: str
    limits: Limits
    crop: Box | None


def send(link: socket.socket, message: bytes | memoryview) -> None:
    """Send one message."""
    link.sendall(len(message).to_bytes(_LENGTH_BYTES, "big"))
    link.sendall(message)


def receive(link: socket.socket, *, most: int) -> bytes:
    """The next message.

    Raises:
        EOFError: the other side is gone, or sends more than `most` bytes.
        OSError: the link's time is over.
    """
    length = int.from_bytes(_exactly(link, _LENGTH_BYTES), "big")
    if length > most:
        raise EOFError(f"a message of {length} bytes")
    return bytes(_exactly(link, length))


def _exactly(link: socket.socket, count: int) -> bytearray:
    received = bytearray(count)
    view = memoryview(received)
    while view:
        got = link.recv_into(view)
        if not got:
            raise EOFError("the other side is gone")
        view = view[got:]
    return received


def main() -> None:
    """Decode until the parent is gone. Arguments: the link's descriptor, bytes of memory, seconds for one picture."""
    link = socket.socket(fileno=int(sys.argv[1]))
    limit_cpu = _limited(memory=int(sys.argv[2]), seconds=float(sys.argv[3]))
    send(link, b"ready")
    while True:
        try:
            task: Task = pickle.loads(receive(link, most=1 << 40))  # noqa: S301 - our parent sent it
        except EOFError:
            return
        limit_cpu()
        answer, prepared = _answer(task)
        send(link, json.dumps(answer).encode())
        if prepared is not None:
            send(link, prepared.columns.tobytes() + prepared.rows.tobytes())


def _answer(task: Task) -> tuple[dict[str, Any], Prepared | None]:
    try:
        prepared = prepare(task.content, task.preprocessing, name=task.name, limits=task.limits, crop=task.crop)
    except ImageRefused as refusal:
        return {"refused": [refusal.name, refusal.reason, refusal.message]}, None
    except CropRefused as refusal:
        return {"crop": str(refusal)}, None
    except MemoryError:
        return {"memory": True}, None
    told = {
        "parts": len(prepared.rows),
        "width": prepared.width,
        "height": prepared.height,
        "media_type": prepared.media_type,
        "mean_colour": prepared.mean_colour,
    }
    return told, prepared


def _limited(*, memory: int, seconds: float) -> Callable[[], None]:
    """Limit this process's memory to what it has now and so much more; gives what limits the next picture's time."""
    if sys.platform == "linux":  # elsewhere how much it has is not told, and such limits are not kept
        has = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + memory, has + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def limit_cpu() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))

    return limit_cpu


if __name__ == "__main__":
    main()
