import subprocess
import sys

CODE = """
import resource
from lookalike.library.open_files import most_open_files, raise_most_open_files

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, min(hard, 500) if hard != resource.RLIM_INFINITY else 500))
assert most_open_files() == 200
raise_most_open_files()
assert most_open_files() == 500
raise_most_open_files()
assert most_open_files() == 500
"""


def test_the_limit_is_raised_as_far_as_it_may_be():
    subprocess.run([sys.executable, "-c", CODE], check=True)
