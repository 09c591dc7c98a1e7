"""ci/tools.py: what it takes from the PATH, what it downloads, and what it refuses."""

import hashlib
import importlib.util
import io
import tarfile
import threading
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
    monkeypatch.setattr(module, "HOME", tmp_path / "home")
    monkeypatch.setattr(module, "BIN", tmp_path / "home" / "bin")
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
    assert tools.bring(tools.TOOLS[0]) == (mine, "PATH")


def test_passes_over_what_is_too_old(
    tools: ModuleType, tmp_path: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = put_on_path(tmp_path, "helm", "v3.17.4")
    content = program("v4.1.0")
    helm = tools.TOOLS[0]
    hash_ = publish(mirror, helm.url, archive("linux-amd64/helm", content))
    path, source = tools.bring(replace(helm, sha256={"amd64": hash_}))
    assert path.read_bytes() == content
    assert source == "get.helm.sh"
    assert tools.version_of(helm, path) == (4, 1, 0)
    assert f"{old} is 3.17.4, 3.18 or newer is needed" in capsys.readouterr().out


def test_keeps_a_plain_program_and_asks_for_it_once(tools: ModuleType, mirror: Path) -> None:
    kind = tools.TOOLS[2]
    kind = replace(kind, sha256={"amd64": publish(mirror, kind.url, program("kind v0.32.0"))})
    first, _ = tools.bring(kind)
    tools.link("kind", first)
    next(mirror.rglob("kind-linux-amd64")).unlink()
    assert tools.bring(kind)[0] == first


def test_throws_away_what_is_not_what_was_pinned(tools: ModuleType, mirror: Path) -> None:
    publish(mirror, tools.TOOLS[2].url, b"something else")
    with pytest.raises(tools.ToolError, match="is not what was pinned, and was thrown away"):
        tools.bring(tools.TOOLS[2])
    assert not list(tools.HOME.rglob("kind"))


def test_says_what_to_do_when_nothing_can_be_fetched(tools: ModuleType, mirror: Path) -> None:
    with pytest.raises(tools.ToolError, match="put it on the PATH, or set TOOLS_MIRROR"):
        tools.bring(tools.TOOLS[2])


def test_says_when_a_release_lacks_its_program(tools: ModuleType, mirror: Path) -> None:
    helm = tools.TOOLS[0]
    hash_ = publish(mirror, helm.url, archive("linux-amd64/README.md", b""))
    with pytest.raises(tools.ToolError, match="holds no file of that name"):
        tools.bring(replace(helm, sha256={"amd64": hash_}))


def test_pins_every_tool_once(tools: ModuleType) -> None:
    lock = (SOURCE.parents[1] / "tests" / "requirements.lock").read_text()
    for tool in tools.TOOLS:
        assert bool(tool.package) != bool(tool.url)
        if tool.package:
            assert f"\n{tool.package}==" in lock
        else:
            assert set(tool.sha256) == {"amd64", "arm64"}
