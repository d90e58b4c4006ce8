"""The workers are small programs that answer with their process id; the real ones are in `tests/cli/test_serve.py`."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from serving.sockets import wait_until

WORKER = """
import os, signal, socket, sys
ends = []
signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
listener = socket.socket(fileno=int(os.environ["LOOKALIKE_INHERITED_LISTENER"]))
parent = socket.socket(fileno=int(os.environ["LOOKALIKE_INHERITED_PARENT"]))
parent.sendall(b"r")
listener.settimeout(0.1)
while not ends:
    try:
        connection, _ = listener.accept()
    except (TimeoutError, BlockingIOError):
        continue
    with connection:
        connection.sendall(b"%d %s" % (os.getpid(), os.environ["GREETING"].encode()))
"""
SUPERVISE = """
import socket, sys
from lookalike.serving.supervisor import Supervisor

listener = socket.create_server(("127.0.0.1", 0))
supervisor = Supervisor(
    [sys.executable, "-c", sys.argv[1]], count=2, listener=listener, environment={"GREETING": "hello"},
    stopping_seconds=10, all_ready=lambda: print(listener.getsockname()[1], flush=True),
)
sys.exit(supervisor.run())
"""


@contextmanager
def supervised(worker=WORKER):
    process = subprocess.Popen([sys.executable, "-c", SUPERVISE, worker], stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def ask(port):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=60) as connection:
        return connection.makefile().read().split()


def pids(port):
    return {int(ask(port)[0]) for _ in range(40)}


def both(port, *, without=0):
    """The two workers; one of them may answer for long while the other one does not."""
    found = set()
    while len(found) < 2:
        found |= pids(port) - {without}
    return found


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_share_a_socket_and_are_replaced_when_they_end_or_settings_change():
    with supervised() as (process, port):
        first = both(port)
        assert ask(port)[1] == "hello"

        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        second = both(port, without=killed)
        assert max(first) in second

        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not pids(port) & second)  # each of these requests is answered
        third = both(port)

        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not any(is_alive(pid) for pid in third)


def test_where_no_worker_can_start_its_exit_code_is_given():
    with supervised("import sys; sys.exit(3)") as (process, port):
        assert port == ""
        assert process.wait(60) == 3


@pytest.mark.slow
def test_a_worker_that_ends_again_and_again_is_not_started_at_once(tmp_path):
    starts = tmp_path / "starts"
    worker = WORKER.replace(
        "while not ends:",
        f"""
open({str(starts)!r}, "a").write("x")
while True:
    try:
        listener.accept()[0].close()
    except (TimeoutError, BlockingIOError):
        continue
    sys.exit(1)
while not ends:""",
    )
    with supervised(worker) as (_, port):
        ended = time.monotonic() + 2.5
        while time.monotonic() < ended:
            with socket.create_connection(("127.0.0.1", int(port)), timeout=60):
                time.sleep(0.05)
    assert 4 <= len(starts.read_text()) <= 12


def test_workers_end_with_their_parent():
    worker = """
from lookalike.serving.supervisor import Inherited
import os, time
assert Inherited.is_here()
worker = Inherited.of_environment()
assert not Inherited.is_here()
worker.tell_ready()
worker.end_with_parent()
while True:
    connection, _ = worker.listener.accept()
    with connection:
        connection.sendall(b"%d" % os.getpid())
"""
    with supervised(worker) as (process, port):
        workers = pids(port)
        process.kill()
        process.wait(60)
        wait_until(lambda: not any(is_alive(pid) for pid in workers))
