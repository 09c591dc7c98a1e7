"""Render the chart for review: `render.py render tier3 [-o DIR]`, `render.py diff [REVISION]`.

`render` writes plain YAML, as `helm template` would; `diff` shows what the working tree changes in each tier's manifests
against a git revision, object by object. Neither needs helm, kubectl or a cluster.
"""

import argparse
import difflib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[1]
TIERS = ("tier1", "tier2", "tier3")


def render(root: Path, tier: str) -> dict[str, str]:
    """One tier's manifests by their path below templates/, from the chart and the overlay under `root`."""
    values = yaml.safe_load((root / "overlays" / tier / "values.yaml").read_text())
    with helm.Chart.load(root / "charts" / "platform") as chart:
        files = chart.render(values, name="platform", namespace="platform")
    prefix = "platform/templates/"
    return {
        name.removeprefix(prefix): text.strip() + "\n"
        for name, text in sorted(files.items())
        if name.endswith(".yaml") and text.strip()
    }


def at_revision(revision: str, folder: Path) -> Path:
    """The chart and the overlays of a revision, extracted into `folder`."""
    command = ["git", "-C", str(ROOT), "archive", revision, "charts", "overlays"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        sys.exit(
            f"git has no charts/ and overlays/ at {revision!r}: {archive.stderr.decode().strip()}"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """A unified diff of each manifest that differs, by path."""
    return [
        line
        for path in sorted(before.keys() | after.keys())
        for line in difflib.unified_diff(
            before.get(path, "").splitlines(keepends=True),
            after.get(path, "").splitlines(keepends=True),
            path if path in before else "/dev/null",
            path if path in after else "/dev/null",
        )
    ]


def show(tier: str, out: Path | None) -> None:
    files = render(ROOT, tier)
    if out is None:
        print("".join(f"---\n# {path}\n{text}" for path, text in files.items()), end="")
        return
    for path, text in files.items():
        target = out / tier / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    print(f"{len(files)} manifests in {out / tier}")


def compare(revision: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        old = at_revision(revision, Path(folder))
        for tier in TIERS:
            lines = changes(render(old, tier), render(ROOT, tier))
            print(f"# {tier}: {'no change' if not lines else ''}".rstrip(": "))
            print("".join(lines), end="")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("render", help="write one tier's manifests")
    one.add_argument("tier", choices=TIERS)
    one.add_argument("-o", "--out", type=Path, help="folder to write into, instead of the terminal")
    two = commands.add_parser("diff", help="show what the working tree changes in each tier")
    two.add_argument("revision", nargs="?", default="HEAD")
    arguments = parser.parse_args()
    try:
        if arguments.command == "render":
            show(arguments.tier, arguments.out)
        else:
            compare(arguments.revision)
    except helm.HelmError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
