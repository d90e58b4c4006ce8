"""Bundle the page's modules and styles into one small file each, with esbuild.

`make bundle` and what builds a wheel run it. Thirty requests become five. The files are named by their content and
stand beside the page's own; `bundle.json` says of which sources they were made. `lookalike serve` uses them while that
is still so, and the modules as they are otherwise.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "src" / "lookalike" / "serving" / "page"
ESBUILD = "esbuild@0.28.2"
_STYLES = re.compile(r'<link rel="stylesheet" href="page/(?P<path>[^"]+)">\s*')
_SCRIPT = re.compile(r'<script type="module" src="page/(?P<path>[^"]+)"></script>')

_IMPORTED = re.compile(r"""(?:from|import)\s*["']\./(bundle-[^"']+\.js)["']""")


def main() -> int:
    """Bundle, unless the bundle is of these sources already; 1 where esbuild is unavailable."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, nargs="?", default=PAGE, help="the page's folder")
    parser.add_argument("--optional", action="store_true", help="where esbuild is unavailable, warn and end well")
    asked = parser.parse_args()
    sources = source_digests(asked.page)
    record = asked.page / "bundle.json"
    if record.is_file() and json.loads(record.read_text())["sources"] == sources:
        record.touch()  # make compares times
        return 0
    for old in asked.page.glob("bundle*"):
        old.unlink()
    try:
        bundle(asked.page)
    except (OSError, subprocess.CalledProcessError) as fault:
        print(f"the page is not bundled, and loads more slowly: {ESBUILD} did not run ({fault})", file=sys.stderr)
        return 0 if asked.optional else 1
    record.write_text(json.dumps({"sources": sources}, indent=1))
    return 0


def source_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of everything that goes into a bundle, by path within the page."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".js", ".css", ".html"} and not path.name.startswith("bundle")
    }


def bundle(folder: Path) -> None:
    """Write the bundle and the page that uses it.

    Raises:
        OSError: there is no npx.
        CalledProcessError: esbuild failed.
    """
    page = (folder / "index.html").read_text()
    styles = _STYLES.findall(page)
    entry = _SCRIPT.search(page)
    if entry is None or not styles:
        raise OSError("index.html names no module or no style")
    with tempfile.TemporaryDirectory() as work:
        sheet = Path(work, "all.css")
        sheet.write_text("".join(f'@import "{(folder.resolve() / style).as_posix()}";\n' for style in styles))
        script_name = _build(
            folder / entry["path"], folder, "--format=esm", "--splitting", "--chunk-names=bundle-[hash]"
        )
        style_name = _build(sheet, folder)
    shared = _IMPORTED.findall((folder / script_name).read_text())
    preloads = [f'<link rel="modulepreload" href="page/{name}">' for name in shared]
    page = _SCRIPT.sub("\n    ".join([f'<script type="module" src="page/{script_name}"></script>', *preloads]), page)
    links = iter([f'<link rel="stylesheet" href="page/{style_name}">\n    '])
    (folder / "bundle.html").write_text(_STYLES.sub(lambda _: next(links, ""), page))


def _build(source: Path, folder: Path, *options: str) -> str:
    """Run esbuild; the name of the file it wrote, which holds a part of its digest. Late imports stay apart."""
    npx = shutil.which("npx")
    if npx is None:
        raise FileNotFoundError("npx, which comes with Node.js, is not on the PATH")
    command = [npx, "--yes", ESBUILD, str(source.resolve()), "--bundle", "--minify", "--log-level=warning"]
    names = [f"--outdir={folder.resolve()}", "--entry-names=bundle-[name]-[hash]"]
    subprocess.run([*command, *names, *options], check=True)
    return next(folder.glob(f"bundle-{source.stem}-*{source.suffix}")).name


if __name__ == "__main__":
    sys.exit(main())
