"""Would anybody notice if a filter that hides images were taken out?

    python benchmarks/leaks.py

Runs the property of tests/serving/test_leaks.py, which reads every surface that a stranger can read: behind random
steps with the program as it is, and with each filter taken out. Writes what noticed it to results/leaks.md.
"""

import sys
from pathlib import Path

import pytest

sys.path.remove(str(Path(__file__).parent.resolve()))  # its serving.py is another one than that of the tests
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from serving.leaking import STEPS

ROOT = Path(__file__).parents[1]
TESTS = "tests/serving/test_leaks.py"
RESULT = Path(__file__).parent / "results" / "leaks.md"


class Collected:
    """A plugin that keeps what tests recorded, and how they ended."""

    def __init__(self) -> None:
        self.noticed: list[tuple[str, object]] = []
        self.walks = {"passed": 0, "failed": 0}
        self.missed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each test."""
        if report.when != "call":
            return
        self.noticed += report.user_properties
        if "random" in report.nodeid or "any_steps" in report.nodeid:
            self.walks["passed" if report.passed else "failed"] += 1
        elif report.failed:
            self.missed.append(report.nodeid)


def main() -> int:
    """Run, write, and end as the tests did."""
    collected = Collected()
    arguments = [str(ROOT / TESTS), "-q", "-m", "slow or not slow", "-p", "no:cacheprovider"]
    code = int(pytest.main(arguments, plugins=[collected]))
    steps = ", ".join(STEPS)
    lines = [
        "# Leaks, and the filters that hold them",
        "",
        "`python benchmarks/leaks.py`",
        "",
        f"{sum(collected.walks.values())} random walks of 25 steps ({steps}): {collected.walks['failed']} leaked.",
        "",
        "With a filter taken out, a stranger read what they may not know behind this step, and there first:",
        "",
        "| filter taken out | noticed behind step: on surface |",
        "|---|---|",
        *(f"| {name} | {where} |" for name, where in collected.noticed),
        *(f"| {name} | **not noticed** |" for name in collected.missed),
        "",
    ]
    RESULT.write_text("\n".join(lines))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
