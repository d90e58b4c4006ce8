"""hatch runs this before it builds a wheel or an editable install, so that both have the page's bundle."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBundle(BuildHookInterface):
    """Runs `bundle_page.py`; without Node.js the page is built unbundled."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundle before the files of the package are collected."""
        del version, build_data
        subprocess.run([sys.executable, str(Path(self.root, "scripts", "bundle_page.py")), "--optional"], check=True)
