"""The one import of torch: everything in `training` that needs it takes it from here.

So an environment without torch is told what to install, once, and import-linter has one module to look at.
"""

from lookalike.errors import DependencyMissing

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
except ModuleNotFoundError as missing:
    raise DependencyMissing(
        f"training needs the package {missing.name}: run `pip install 'lookalike[training]'`"
    ) from None

__all__ = ["Tensor", "functional", "nn", "torch"]
