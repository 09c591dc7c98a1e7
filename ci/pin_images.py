"""Write charts/platform/digests.yaml: `pin_images.py REGISTRY`.

It has the digest of every image that the chart names, as the image's registry tells it now: values for
`helm install --values`. A release packs it into the chart, whose own images are then in REGISTRY with the
chart's version as tag. Runs docker's buildx; any image that cannot be found ends it.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "platform"
INSPECT = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}"]


def images(values: Any, *path: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Where each image is in `values`, its repository, and its tag; own images have none."""
    if isinstance(values, dict):
        if {"repository", "tag", "digest"} <= values.keys():
            yield path, values["repository"], values["tag"]
        for name, value in values.items():
            yield from images(value, *path, name)


def digest(reference: str) -> str:
    """The digest that the image's registry tells.

    Raises:
        SystemExit: it tells none; the text is for whoever runs this.
    """
    done = subprocess.run([*INSPECT, reference], capture_output=True, text=True, check=False)
    found = done.stdout.strip()
    if done.returncode or not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise SystemExit(f"{reference} has no digest: {done.stderr.strip() or found!r}")
    return found


def main() -> None:
    registry = sys.argv[1]
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    pinned: dict[str, Any] = {}
    for path, repository, tag in images(yaml.safe_load((CHART / "values.yaml").read_text())):
        reference = f"{repository}:{tag}" if tag else f"{registry}/{repository}:{version}"
        within = pinned
        for name in path:
            within = within.setdefault(name, {})
        within["digest"] = digest(reference)
    (CHART / "digests.yaml").write_text(yaml.safe_dump(pinned))


if __name__ == "__main__":
    main()
