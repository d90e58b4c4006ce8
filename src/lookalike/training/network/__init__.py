"""Everything that needs torch: networks, losses, the training loop, fine-tuning and exporting.

Importing any module of this package where torch is not installed says what to install.
"""

from lookalike.errors import DependencyMissing

try:
    import torch  # noqa: F401
except ModuleNotFoundError as missing:
    raise DependencyMissing(
        f"training needs the package {missing.name}: run `pip install 'lookalike[training]'`"
    ) from None
