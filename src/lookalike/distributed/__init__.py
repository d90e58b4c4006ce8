"""Work over many shards: `Runner`, and threads of this process, `ThreadRunner`."""

from lookalike.distributed.runner import Runner
from lookalike.distributed.threads import ThreadRunner

__all__ = ["Runner", "ThreadRunner"]
