"""Models of a comparison whose front is known."""

from lookalike.evaluation.report import BenchPoint


def point(name, quality, milliseconds, *, spread=0.02, **more):
    return BenchPoint(
        name=name,
        quality=quality,
        low=quality - spread,
        high=quality + spread,
        milliseconds=milliseconds,
        **{"bytes_per_image": 1000, "images_per_second": 50} | more,
    )


SMALL, MIDDLE, LARGE, POOR = (
    point("small", 0.4, 3, bytes_per_image=4000),
    point("middle", 0.60, 20),
    point("large", 0.61, 60),
    point("poor", 0.5, 40),
)


POINTS = (LARGE, POOR, SMALL, MIDDLE)
