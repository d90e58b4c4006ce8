"""A duty has one holder, among threads and processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

HOUR = timedelta(hours=1)

TAKE = """
import sys
from datetime import timedelta
from pathlib import Path
from lookalike.catalog import Catalog
url, holder, seconds = sys.argv[1:]
with Catalog.open(url, originals=Path("unused")) as catalog:
    print(catalog.leases.take("duty", holder=holder, lasting=timedelta(seconds=float(seconds))))
"""


def take_in_a_process(catalog, holder, *, seconds=3600.0):
    url = catalog.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", TAKE, url, holder, str(seconds)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "True"


def test_a_duty_stays_with_its_holder_until_its_time_is_over(catalog):
    assert catalog.leases.take("duty", holder="a", lasting=HOUR)
    assert not catalog.leases.take("duty", holder="b", lasting=HOUR)
    assert catalog.leases.take("another", holder="b", lasting=HOUR)
    assert catalog.leases.take("duty", holder="a", lasting=timedelta(0))  # held on to, and over at once
    assert catalog.leases.take("duty", holder="b", lasting=HOUR)
    assert not catalog.leases.take("duty", holder="a", lasting=HOUR)


def test_only_the_holder_gives_a_duty_back(catalog):
    assert catalog.leases.take("duty", holder="a", lasting=HOUR)
    catalog.leases.give_back("duty", holder="b")
    assert not catalog.leases.take("duty", holder="b", lasting=HOUR)
    catalog.leases.give_back("duty", holder="a")
    assert catalog.leases.take("duty", holder="b", lasting=HOUR)


def test_of_several_processes_one_gets_the_duty_and_leaves_it_when_it_died(catalog):
    with ThreadPoolExecutor(3) as pool:
        taken = list(pool.map(lambda holder: take_in_a_process(catalog, holder), "abc"))
    assert sum(taken) == 1
    holder = "abc"[taken.index(True)]
    assert take_in_a_process(catalog, holder, seconds=0)  # the process that had it is gone, and its time is over
    assert take_in_a_process(catalog, "d")
