"""Runs commands of lookalike, and says what they took."""

import json
import os
import subprocess
import sys
import time


def command(arguments, *, models=None):
    """Run `lookalike ARGUMENTS --json`, in memory of its own.

    Args:
        arguments: of the command.
        models: folder of models; None for what the environment says.

    Returns:
        What it printed; and processor time of all cores and time that passed, seconds, and the most memory, megabytes.
    """
    told = [sys.executable, "-m", "lookalike", *map(str, arguments), "--json"]
    print("  lookalike", *map(str, arguments), file=sys.stderr, flush=True)
    environment = os.environ | ({} if models is None else {"LOOKALIKE_MODELS": str(models)})
    started = time.monotonic()
    process = subprocess.Popen(told, stdout=subprocess.PIPE, env=environment)
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, told)
    took = {"seconds": used.ru_utime + used.ru_stime, "passed": time.monotonic() - started}
    return json.loads(printed), {name: round(value) for name, value in took.items()} | {
        "megabytes": round(used.ru_maxrss / 1000)
    }
