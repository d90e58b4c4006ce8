"""Are searches by id as quick as ever, while others load the server with one kind of request?

At most three times the quiet p99 is wanted. The searches and the load are sent by processes of their own: a client that
sends bodies of 60 MB is slow itself. Also how soon an upload that was acknowledged is found, at ten uploads a second.

Called by `benchmarks/serving.py beside`.
"""

import asyncio
import json
import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path

from serving_load import Connections, Served, by_id, get, ids_of, open_loop, post, quantiles

CLIENTS = 8
RATE = 20.0  # searches a second


def other_loads(photos: list[bytes], new_photos: list[bytes], ids: list[str]) -> dict[str, list[bytes]]:
    chunks = b"1\r\n \r\n" * 50_000 + b"0\r\n\r\n"
    chunked = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    unknown = {"query_id": "a", "image_id": "b", "position": 1, "kind": "click"}
    events = {"events": [{"event_id": str(number), **unknown} for number in range(500)]}
    return {
        "pictures": [post("/v1/search", content, "image/jpeg") for content in photos],
        "thumbnails": [get(f"/v1/images/{one}/content?size={side}") for side in (1024, 512, 256) for one in ids],
        "uploads": [post("/v1/images", content + os.urandom(8), "image/jpeg") for content in new_photos],
        "lists of 200": [get("/v1/images?limit=200")],
        "metrics": [get("/metrics")],
        "refused bodies of 60 MB": [post("/v1/search", b"BM" + bytes(60 << 20), "image/bmp")],
        "chunks of one byte": [chunked + b"Transfer-Encoding: chunked\r\n\r\n" + chunks],
        "unknown events": [post("/v1/events", json.dumps(events).encode(), "application/json")],
    }


def measure(
    library: Path, models: Path, photos: list[bytes], new_photos: list[bytes], *, seconds: float, workers: int = 1
) -> dict:
    with Served(library, models, workers=workers) as server:
        ids = ids_of(server)
        searches = [by_id(image_id) for image_id in ids]
        asyncio.run(open_loop(server.port, searches, rate=RATE, seconds=3))
        results: dict[str, dict] = {}
        for name, load in {"nothing": [], **other_loads(photos, new_photos, ids)}.items():
            results[name] = one(server, searches, load, seconds)
            quiet = results["nothing"]["p99 ms"]
            results[name]["p99 / quiet p99"] = round(results[name]["p99 ms"] / quiet, 2)
            print(name, results[name], flush=True)
        fresh = freshness(server, new_photos, seconds)
    return {"searches by id beside": results, "from acknowledged to found, ten uploads a second": fresh}


def one(server: Served, searches: list[bytes], load: list[bytes], seconds: float) -> dict:
    stop, done = multiprocessing.Event(), multiprocessing.Queue()
    loading = multiprocessing.Process(target=load_until, args=(server.port, load, stop, done), daemon=True)
    if load:
        loading.start()
        time.sleep(1)
    with server.watched() as most:
        asked = asyncio.run(open_loop(server.port, searches, rate=RATE, seconds=seconds))
    stop.set()
    others = done.get(timeout=120) if load else {}
    return {
        **quantiles([one.seconds for one in asked if one.status == 200]),
        "answered": sum(one.status == 200 for one in asked),
        "of": len(asked),
        "the others, by status": others,
        "resident MB": round(most[0]),
    }


def load_until(port: int, load: list[bytes], stop, done) -> None:
    """Clients that ask without a pause."""

    async def run() -> None:
        connections, statuses = Connections(port), Counter()

        async def client(number: int) -> None:
            while not stop.is_set():
                status, _ = await connections.ask(load[number % len(load)], 60)
                statuses[status] += 1
                number += CLIENTS

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        connections.close()
        done.put(dict(statuses))

    asyncio.run(run())


def freshness(server: Served, photos: list[bytes], seconds: float, a_second: float = 10.0) -> dict:
    """From the answer to an upload until a search by its id answers, on other connections."""
    found: list[float] = []

    async def upload(connections: Connections, content: bytes) -> None:
        status, body = await connections.ask(post("/v1/images", content, "image/jpeg"))
        acknowledged = time.perf_counter()
        if status != 201:
            return
        image_id = json.loads(body)["id"]
        wanted = json.dumps({"image_id": image_id, "limit": 1, "include_self": True}).encode()
        while time.perf_counter() < acknowledged + 30:
            status, body = await connections.ask(post("/v1/search", wanted, "application/json"))
            if status == 200 and image_id in body.decode():
                found.append(time.perf_counter() - acknowledged)
                return
            await asyncio.sleep(0.005)

    async def run() -> int:
        connections, count = Connections(server.port), int(seconds * a_second)
        start, tasks = time.perf_counter(), []
        for number in range(count):
            await asyncio.sleep(max(start + number / a_second - time.perf_counter(), 0))
            content = photos[number % len(photos)] + os.urandom(8)
            tasks.append(asyncio.create_task(upload(connections, content)))
        await asyncio.gather(*tasks)
        connections.close()
        return count

    count = asyncio.run(run())
    return {"uploads": count, "found": len(found), **quantiles(found)}
