"""Faults that are injected on purpose, what was acknowledged meanwhile, and what of it was lost or answered wrongly.

- kills: `kill -9` of servers, their workers, the processes that decode, and index runs, while pictures are uploaded,
  indexed and searched (`tests/test_crash.py`, seeded).
- snapshots: a bit of a file of a published snapshot is flipped, or the file is cut, at random places; the search must
  then answer as exact search does.
- clocks: the wall clock jumps by up to a year while a server is used (needs a C compiler).

    python benchmarks/faults.py [kills] [snapshots] [clocks] [--crashes 100] [--damages 300] [--jumps 40]

Results: `results/faults.json`.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from doubles import picture  # noqa: E402 - of the tests
from lookalike.catalog import content_id  # noqa: E402
from test_crash import Machine, crash_repeatedly, free_port  # noqa: E402

_CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) {  /* seconds, from a file, so that the clock jumps while the program runs */
    char text[32] = {0};
    int file = open(getenv("CLOCK_SHIFT"), O_RDONLY);
    if (file < 0) return 0;
    if (read(file, text, 31) < 0) text[0] = 0;
    close(file);
    return atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += shift();
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    int result = syscall(SYS_gettimeofday, now, zone);
    now->tv_sec += shift();
    return result;
}
time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faults", nargs="*", choices=["kills", "snapshots", "clocks"])
    parser.add_argument("--crashes", type=int, default=100)
    parser.add_argument("--damages", type=int, default=300)
    parser.add_argument("--jumps", type=int, default=40)
    options = parser.parse_args()
    faults = options.faults or ["kills", "snapshots", "clocks"]
    out = PROJECT / "benchmarks" / "results" / "faults.json"
    results = json.loads(out.read_text()) if out.exists() else {}
    with tempfile.TemporaryDirectory() as working:
        if "snapshots" in faults:
            results["snapshots"] = snapshots(Path(working) / "snapshots", options.damages)
        if "clocks" in faults:
            results["clocks"] = clocks(Path(working) / "clocks", options.jumps)
        if "kills" in faults:
            results["kills"] = kills(Path(working) / "kills", options.crashes)
    print(json.dumps(results, indent=2))
    out.write_text(json.dumps({"command": "python benchmarks/faults.py", **results}, indent=2) + "\n")


def kills(folder: Path, crashes: int) -> dict:
    folder.mkdir()

    def told(machine: Machine) -> None:
        killed = machine.killed
        print(time.strftime("%H:%M:%S"), killed, len(machine.acknowledged), machine.searched, flush=True)

    machine = crash_repeatedly(
        folder, times=crashes, seed=1000, workers=2, pause=(0.2, 1.0), of_workers=0.05, told=told
    )
    return {
        "workers and decoders killed": machine.killed,
        "servers and index runs killed": 2 * crashes,
        "injected": machine.killed + 2 * crashes,
        "acknowledged": len(machine.acknowledged),
        "lost": 0,  # each crash is followed by a check, which ends the run otherwise
        "searched": machine.searched,
        "wrong": len(machine.wrong),
    }


def snapshots(folder: Path, damages: int) -> dict:
    """Each damage is made to a copy of the library's snapshots, which is opened as a new process would."""
    folder.mkdir()
    machine, rng = Machine(folder), random.Random(1)
    machine.document("index", machine.photos)
    whole = folder / "whole"
    shutil.copytree(machine.library / "snapshots", whole)
    ids = sorted(content_id(file.read_bytes()) for file in machine.photos.iterdir())
    noticed = wrong = 0
    for number in range(damages):
        shutil.rmtree(machine.library / "snapshots")
        shutil.copytree(whole, machine.library / "snapshots")
        files = sorted(file for file in (machine.library / "snapshots").rglob("*") if file.is_file())
        damage(rng.choice([file for file in files if file.stat().st_size]), rng, cut=number % 3 == 0)
        asked = rng.sample(ids, 5)
        told = subprocess.run(
            [sys.executable, "-c", _SEARCH, str(folder), *asked],
            env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(told.stdout)
        noticed += bool(found["notes"])
        wrong += sum(not same for same in found["same"])
    return {"injected": damages, "noticed and not used": noticed, "acknowledged": len(ids), "lost": 0, "wrong": wrong}


def damage(file: Path, rng: random.Random, *, cut: bool) -> None:
    content = bytearray(file.read_bytes())
    place = rng.randrange(len(content))
    if cut:
        del content[place:]
    else:
        content[place] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


_SEARCH = """
import json, sys
from pathlib import Path
from lookalike.library.opening import open_library
from lookalike.retrieval import IndexedImage, Query
from lookalike.settings import load_settings

folder, ids = Path(sys.argv[1]), sys.argv[2:]
settings = load_settings({"library": folder / "library", "models": folder / "models", "model": "tiny"})
with open_library(settings, create=False) as library:
    engine, same = library.engine, []
    for image_id in ids:
        query = Query(subject=IndexedImage(image_id=image_id), limit=20, include_self=True)
        hits = [hit.image.id for hit in engine.search(query).hits]
        exact = list(engine.exact_ranker().rank(query).candidates.image_ids[:20])
        same.append(hits == exact)
    print(json.dumps({"notes": engine.ready().notes, "same": same}))
"""


def clocks(folder: Path, jumps: int) -> dict:
    """Uploads, searches, changes and deletions, while the wall clock jumps before each of them."""
    folder.mkdir()
    machine, rng, clock = Machine(folder), random.Random(2), folder / "clock"
    machine.document("index", machine.photos)
    clock.write_text("0")
    (folder / "clock.c").write_text(_CLOCK)
    library = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(folder / "clock.c")], check=True)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "serve", "--port", str(port)],
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "CLOCK_SHIFT": str(clock),
            "PYTHONPATH": str(PROJECT / "src"),
            "LOOKALIKE_LIBRARY": str(machine.library),
            "LOOKALIKE_MODELS": str(folder / "models"),
            "LOOKALIKE_MODEL": "tiny",
        },
    )
    kept: set[str] = set()
    deleted: set[str] = set()
    wrong = failed = 0
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        wait_until_ready(client)
        for number in range(jumps):
            clock.write_text(f"{rng.choice([-1, 1]) * rng.choice([1, 60, 3600, 86_400, 30 * 86_400, 365 * 86_400])}")
            content = picture(500_000 + number)
            uploaded = client.post("/v1/images", files={"image": ("a.png", content)})
            found = client.post("/v1/search", files={"image": ("a.png", content)}, data={"limit": "5"})
            failed += (uploaded.status_code, found.status_code) != (201, 200)
            if found.status_code == 200:
                wrong += found.json()["hits"][0]["image"]["id"] != content_id(content)
                page = client.post("/v1/search", json={"cursor": found.json()["next_cursor"], "limit": 5})
                failed += page.status_code != 200
            kept.add(content_id(content))
            if number % 4 == 3:
                gone = kept.pop()
                failed += client.delete(f"/v1/images/{gone}").status_code != 204
                deleted.add(gone)
        lost = sum(client.get(f"/v1/images/{image_id}").status_code != 200 for image_id in kept)
        back = sum(client.get(f"/v1/images/{image_id}").status_code != 404 for image_id in deleted)
    server.terminate()
    server.wait(60)
    machine.document("verify")
    return {
        "injected": jumps,
        "acknowledged": len(kept) + len(deleted),
        "lost": lost,
        "deleted that came back": back,
        "failed requests": failed,
        "wrong": wrong,
    }


def wait_until_ready(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
