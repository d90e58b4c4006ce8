"""Several processes that serve one library at one address: started, replaced when they end, and stopped together."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from lookalike.errors import EnvironmentFault
from lookalike.serving.metrics import SHARED_COUNTS

_log = logging.getLogger(__name__)

LISTENER, PARENT = "LOOKALIKE_INHERITED_LISTENER", "LOOKALIKE_INHERITED_PARENT"
"""Environment variables of a worker: the descriptors of the socket to serve, and of the connection to its parent."""

_READY = b"r"
_TICK = 0.1  # seconds
_QUICK_END = 5.0  # seconds: a worker that ends sooner is not started again at once
_LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    link: socket.socket
    started: float = field(default_factory=time.monotonic)
    is_ready: bool = False
    is_leaving: bool = False


class Supervisor:
    """Keeps a number of workers running until SIGTERM or SIGINT.

    A worker that ends is replaced, after a pause that doubles where workers end again and again. SIGHUP replaces all,
    one after the other: each new one, which reads the settings anew, answers before an old one is told to end. The
    workers accept connections from one socket, so that a request that none of them has accepted is never lost.

    Args:
        command: of a worker; it finds its socket by `Inherited`.
        count: of workers.
        listener: the socket, listening.
        environment: for the workers, beside this process's.
        stopping_seconds: for a worker to end after SIGTERM; then it is killed.
        all_ready: called once, when each worker answers.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        count: int,
        listener: socket.socket,
        environment: Mapping[str, str],
        stopping_seconds: float,
        all_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = tuple(command)
        self._count = count
        self._listener = listener
        self._environment = {**os.environ, **environment}
        self._stopping_seconds = stopping_seconds
        self._all_ready = all_ready
        self._workers: list[_Worker] = []
        self._ends = self._reloads = False
        self._outdated: list[_Worker] = []
        self._pause = 0.0
        self._start_at = 0.0
        self._was_ready = False

    def run(self) -> int:
        """Serve until a signal; the exit code: that of a worker that gives up before all of them have answered once.

        Raises:
            EnvironmentFault: this system cannot pass sockets on.
        """
        if os.name != "posix":
            raise EnvironmentFault("several workers need Linux, macOS or another POSIX system; leave --workers out")
        wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._told) for number in wanted}
        with tempfile.TemporaryDirectory(prefix="lookalike-metrics-") as counts:
            self._environment[SHARED_COUNTS] = counts
            try:
                return self._watch()
            finally:
                self._stop()
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _watch(self) -> int:
        while not self._ends:
            code = self._look()
            if code is not None:
                return code
            time.sleep(_TICK)
        return 0

    def _told(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reloads = True
        else:
            self._ends = True

    def _look(self) -> int | None:
        """Replace what ended, and go on with replacing what is outdated. An exit code where that is hopeless."""
        for worker in [one for one in self._workers if one.process.poll() is not None]:
            self._workers.remove(worker)
            worker.link.close()
            counts = self._environment[SHARED_COUNTS]
            mark_process_dead(worker.process.pid, counts)  # type: ignore[no-untyped-call]  # its queues are gone
            if not worker.is_leaving:
                self._note_end(worker)
                if not self._was_ready and worker.process.returncode > 0:
                    return worker.process.returncode
        for worker in self._workers:
            worker.is_ready = worker.is_ready or _says_ready(worker.link)
        if not self._was_ready and sum(worker.is_ready for worker in self._workers) >= self._count:
            self._was_ready = True
            self._all_ready()
        self._replace_outdated()
        staying = [worker for worker in self._workers if not worker.is_leaving]
        if len(staying) < self._count and time.monotonic() >= self._start_at:
            for _ in range(self._count - len(staying)):
                self._start()
        return None

    def _note_end(self, worker: _Worker) -> None:
        lived = time.monotonic() - worker.started
        self._pause = min(max(2 * self._pause, 0.5), _LONGEST_PAUSE) if lived < _QUICK_END else 0.0
        self._start_at = time.monotonic() + self._pause
        code = worker.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        _log.error("worker %d %s; another one is started in %g s", worker.process.pid, how, self._pause)

    def _replace_outdated(self) -> None:
        """One at a time: start a new one, and tell an old one to end once the new one answers."""
        if self._reloads and not self._outdated:
            self._reloads = False
            self._outdated = [worker for worker in self._workers if not worker.is_leaving]
            _log.info("the settings are read anew: %d workers are replaced", len(self._outdated))
        self._outdated = [worker for worker in self._outdated if worker in self._workers]
        staying = [worker for worker in self._workers if not worker.is_leaving]
        if not self._outdated or not all(worker.is_ready for worker in staying):
            return
        if len(staying) <= self._count:
            self._start()
            return
        leaving = self._outdated.pop(0)
        leaving.is_leaving = True
        leaving.process.terminate()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        inherited = (self._listener.fileno(), theirs.fileno())
        environment = {**self._environment, LISTENER: str(inherited[0]), PARENT: str(inherited[1])}
        process = subprocess.Popen(self._command, pass_fds=inherited, env=environment, start_new_session=True)
        theirs.close()
        ours.setblocking(False)
        self._workers.append(_Worker(process=process, link=ours))
        _log.info("worker %d was started", process.pid)

    def _stop(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        until = time.monotonic() + self._stopping_seconds
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.link.close()


def _says_ready(link: socket.socket) -> bool:
    try:
        return link.recv(1) == _READY
    except OSError:
        return False


class Inherited:
    """What a worker has of its parent.

    Attributes:
        listener: the socket to serve.
    """

    @staticmethod
    def is_here() -> bool:
        """Whether this process was started as a worker."""
        return LISTENER in os.environ and PARENT in os.environ

    @classmethod
    def of_environment(cls) -> "Inherited":
        """What the environment of a worker names; programs that the worker starts are no workers."""
        return cls(int(os.environ.pop(LISTENER)), int(os.environ.pop(PARENT)))

    def __init__(self, listener: int, parent: int) -> None:
        self.listener = socket.socket(fileno=listener)
        self._parent = socket.socket(fileno=parent)

    def tell_ready(self) -> None:
        """The worker answers."""
        with contextlib.suppress(OSError):
            self._parent.sendall(_READY)

    def end_with_parent(self) -> None:
        """From now on, end in order when the parent is gone: nobody would replace or stop this worker any more."""
        threading.Thread(target=self._wait_for_end, name="parent-watch", daemon=True).start()

    def _wait_for_end(self) -> None:
        with contextlib.suppress(OSError):
            self._parent.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)
