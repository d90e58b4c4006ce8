"""The default backend, and the parameters worth trying."""

from lookalike.neighbors.index import Backend
from lookalike.neighbors.ivfpq.index import NAME, build, open_saved
from lookalike.neighbors.ivfpq.parameters import IvfPqBuild, IvfPqSearch, build_parameters


def build_grid(size: int, dimension: int) -> tuple[IvfPqBuild, ...]:
    """What suits the size, then less memory for less recall."""
    builds = (
        build_parameters(size, dimension),
        build_parameters(size, dimension, memory="small"),
        build_parameters(size, dimension, memory="codes"),
    )
    return tuple(dict.fromkeys(builds))


def search_grid(building: IvfPqBuild, size: int) -> tuple[IvfPqSearch, ...]:
    """From one list to all of them, with candidates that grow alike; the last compares every row."""
    effort = [(1, 50), (2, 50), (4, 60), (8, 60), (12, 60), (16, 100), (24, 150), (32, 200), (48, 200), (64, 400)]
    effort += [(96, 600), (128, 800), (256, 1600)]
    steps = [(probes, candidates) for probes, candidates in effort if probes < building.lists]
    grid = [
        IvfPqSearch(probes=probes, candidates=candidates, candidates_per_neighbor=max(candidates // 20, 2))
        for probes, candidates in steps
    ]
    everything = IvfPqSearch(probes=building.lists, candidates=max(size, 1), candidates_per_neighbor=1)
    return (*grid, everything)


BACKEND = Backend(
    name=NAME,
    idea="Groups vectors into lists, estimates by 4-bit codes of their pieces, and compares the best by their vectors.",
    build=build,
    open=open_saved,
    building=IvfPqBuild,
    searching=IvfPqSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)
