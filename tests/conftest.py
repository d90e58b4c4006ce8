"""Property tests draw the same examples in every `make test`, and new ones in `make test-slow`."""

import os

from hypothesis import settings

pytest_plugins = ["postgresql_server"]

settings.register_profile("same", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("new", max_examples=1_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

LONGEST = (
    "test_crash.py",
    "test_page_events.py",
    "test_real_models.py",
    "test_results.py",
    "test_durability.py",
    "test_tuner.py",
    "test_commands.py",
    "test_query_picture.py",
    "test_appearance.py",
    "test_crop.py",
)
"""Workers take whole files, these first and in this order, so that none is still at work when all others are done."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
