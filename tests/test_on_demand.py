import sys

import pytest

from lookalike.errors import DependencyMissing
from lookalike.on_demand import load


def test_a_module_is_loaded_when_it_is_asked_for():
    assert load("json.decoder", otherwise="").JSONDecoder().decode("[1]") == [1]


def test_a_missing_one_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.spatial", None)
    with pytest.raises(DependencyMissing, match="pip install 'lookalike"):
        load("scipy.spatial", otherwise="the kd-tree index needs SciPy: pip install 'lookalike[kd-tree]'")
