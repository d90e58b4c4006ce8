"""`import lookalike`: what it offers, and what it does not load."""

import json
import subprocess
import sys

import pytest

import lookalike

HEAVY = ("torch", "fastapi", "openvino", "onnxruntime", "matplotlib", "numpy", "PIL", "sqlalchemy", "faiss", "pydantic")


def modules_after(program):
    script = f"{program}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(done.stdout))


def test_importing_loads_nothing_heavy():
    assert not modules_after("import lookalike") & set(HEAVY)


def test_opening_a_library_loads_no_runtime_no_server_and_no_plots():
    loaded = modules_after("import lookalike; lookalike.open")
    assert not loaded & {"torch", "fastapi", "openvino", "onnxruntime", "matplotlib"}


@pytest.mark.parametrize("name", lookalike.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(lookalike, name).__doc__


def test_public_names_are_listed_once_and_loaded_from_somewhere():
    assert len(set(lookalike.__all__)) == len(lookalike.__all__)
    assert set(lookalike.__all__) <= set(dir(lookalike))
    assert set(lookalike._MODULE_OF) == set(lookalike.__all__) - {"__version__"}


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'lookalike' has no attribute 'opne'"):
        lookalike.opne()
