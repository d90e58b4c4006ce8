"""Decoding in processes of their own: a picture that makes a decoder crash, hang or swell costs one request."""

import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from queue import SimpleQueue

import numpy as np

from lookalike.columns import IMAGE_ROW
from lookalike.errors import CropRefused, EnvironmentFault, ImageRefused
from lookalike.preprocessing.decoder_process import Task, receive, send
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits
from lookalike.preprocessing.transform import Prepared, Preparer, Preprocessing, prepare
from lookalike.types import Box

_log = logging.getLogger(__name__)
_PROGRAM = "lookalike.preprocessing.decoder_process"
_STARTING_SECONDS = 60.0
_MOST_HEAD = 1 << 20
_MOST_PARTS = 64
_MIB = 1024 * 1024


class _Lost(Exception):
    """The process is gone, or no answer came in time."""


class _Decoder:
    """One process."""

    def __init__(self, *, memory: int, seconds: float) -> None:
        self._seconds = seconds
        self._link, theirs = socket.socketpair()
        command = [sys.executable, "-m", _PROGRAM, str(theirs.fileno()), str(memory), str(seconds)]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._started = False

    def prepare(self, task: Task) -> Prepared:
        try:
            if not self._started:
                self._link.settimeout(_STARTING_SECONDS)
                receive(self._link, most=_MOST_HEAD)
                self._started = True
            self._link.settimeout(self._seconds)
            send(self._link, pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL))
            answer = json.loads(receive(self._link, most=_MOST_HEAD))
            if "refused" in answer:
                name, reason, message = answer["refused"]
                raise ImageRefused(name, reason, message)
            if "crop" in answer:
                raise CropRefused(answer["crop"])
            if "memory" in answer:
                raise _Lost("needed too much memory")
            return self._prepared(answer, task.preprocessing)
        except TimeoutError:
            raise _Lost(f"took longer than {self._seconds:g} s") from None
        except (EOFError, OSError):
            raise _Lost(self._why()) from None

    def _prepared(self, answer: dict[str, object], preprocessing: Preprocessing) -> Prepared:
        shape = (int(str(answer["parts"])), 3, preprocessing.size, preprocessing.size)
        length = IMAGE_ROW.itemsize + int(np.prod(shape)) * np.dtype(np.float32).itemsize
        if not 0 < shape[0] <= _MOST_PARTS:
            raise EOFError("no such number of parts")
        content = receive(self._link, most=length)
        if len(content) != length:
            raise EOFError("another number of bytes")
        return Prepared(
            rows=np.frombuffer(content, np.float32, offset=IMAGE_ROW.itemsize).reshape(shape),
            width=int(str(answer["width"])),
            height=int(str(answer["height"])),
            media_type=str(answer["media_type"]),
            mean_colour=str(answer["mean_colour"]),
            columns=np.frombuffer(content, IMAGE_ROW, count=1)[0],
        )

    def _why(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.returncode
        if code in {-signal.SIGXCPU, -signal.SIGKILL}:
            return f"took longer than {self._seconds:g} s, or more memory than there is"
        return "crashed" if code is None or code < 0 else f"ended with exit code {code}"

    def end(self) -> None:
        self._link.close()
        self._process.kill()
        self._process.wait()


@contextmanager
def preparer(processes: int) -> Iterator[Preparer]:
    """What prepares pictures in so many processes; in this one where it is 0."""
    if not processes:
        yield prepare
        return
    with closing(DecodingProcesses(processes)) as decoding:
        yield decoding.prepare


class DecodingProcesses:
    """A fixed number of processes that prepare pictures, each limited in memory and time. Thread-safe.

    A process that is lost is replaced; the picture that it was at is refused with the reason `decoder-failed`.

    Args:
        count: of processes; as many pictures are decoded at once.
        memory: of each, beside what it starts with, bytes.
        seconds: of processor time and of waiting, for one picture.

    Raises:
        EnvironmentFault: this system has no such limits.
    """

    def __init__(self, count: int, *, memory: int = 1536 * _MIB, seconds: float = 20.0) -> None:
        if os.name != "posix":
            raise EnvironmentFault("decoding in processes of its own needs Linux or macOS; set decode_processes to 0")
        self.lost = 0
        self._memory = memory
        self._seconds = seconds
        self._free: SimpleQueue[_Decoder] = SimpleQueue()
        self._lock = threading.Lock()
        self._all: set[_Decoder] = set()
        self._closed = False
        for _ in range(count):
            self._start()

    def prepare(
        self,
        content: bytes,
        preprocessing: Preprocessing,
        *,
        name: str,
        limits: Limits = DEFAULT_LIMITS,
        crop: Box | None = None,
    ) -> Prepared:
        """As `lookalike.preprocessing.prepare`.

        Raises:
            ImageRefused: likewise, or `decoder-failed`.
            CropRefused: likewise.
        """
        limits.check_bytes(content, name=name)
        task = Task(content=content, preprocessing=preprocessing, name=name, limits=limits, crop=crop)
        decoder = self._free.get()
        try:
            prepared = decoder.prepare(task)
        except (ImageRefused, CropRefused):
            self._free.put(decoder)
            raise
        except _Lost as loss:
            self._replace(decoder)
            _log.warning("the decoder of %s %s", name, loss)
            message = f"decoding it {loss}: it is damaged or made to do harm; convert it, for example to JPEG"
            raise ImageRefused(name, "decoder-failed", message) from None
        except BaseException:
            self._replace(decoder)
            raise
        self._free.put(decoder)
        return prepared

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
            ending, self._all = self._all, set()
        for decoder in ending:
            decoder.end()

    def _start(self) -> None:
        decoder = _Decoder(memory=self._memory, seconds=self._seconds)
        with self._lock:
            if not self._closed:
                self._all.add(decoder)
                self._free.put(decoder)
                return
        decoder.end()

    def _replace(self, decoder: _Decoder) -> None:
        with self._lock:
            self.lost += 1
            self._all.discard(decoder)
        decoder.end()
        self._start()
