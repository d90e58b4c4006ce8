"""Reports on disk, read back as a browser would."""

import pytest

from evaluation.report.example_report import Parsed, report
from lookalike.evaluation.report import write_report


@pytest.fixture
def written(tmp_path):
    """Writes a report with some fields replaced, and parses it."""

    def write(**changes):
        path = tmp_path / "report.html"
        write_report(report(**changes), path)
        return Parsed(path.read_text(encoding="utf-8"))

    return write
