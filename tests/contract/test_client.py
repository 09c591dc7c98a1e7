"""The Python client's generated half is the backend's document; the rest finds `yard dev`."""

import filecmp
import os
import subprocess
from pathlib import Path

import pytest
import trainyard
from chart import ROOT

GENERATED = "src/trainyard/generated"


def test_the_generated_half_is_current(tmp_path: Path) -> None:
    client = ROOT / "libs/client"
    subprocess.run([client / "generate.sh", tmp_path / "generated"], check=True)
    names = [
        {str(path.relative_to(folder)) for path in folder.rglob("*.py")}
        for folder in (tmp_path / "generated", client / GENERATED)
    ]
    assert names[0] == names[1], "run make client"
    _, changed, _ = filecmp.cmpfiles(tmp_path / "generated", client / GENERATED, names[0], False)
    assert not changed, "run make client"


ANNOUNCE = """
from pathlib import Path
from yard.dev.state_folder import StateFolder
folder = StateFolder(Path(".trainyard"))
folder.announce("http://127.0.0.1:1")
print(folder.token)
"""


def test_the_client_finds_the_token_of_yard_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("YARD_URL", "YARD_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user"))
    command = [str(ROOT / "apps/cli/.venv/bin/python"), "-c", ANNOUNCE]
    (tmp_path / "below").mkdir()
    noted = subprocess.run(
        command, cwd=tmp_path, env=os.environ, check=True, capture_output=True, text=True
    )

    def used(url: str | None = None) -> tuple[str, str | None]:
        client = trainyard.AsyncClient(url)
        return client.url, getattr(client._transport.api, "token", None)

    here = ("http://127.0.0.1:1", noted.stdout.strip())
    monkeypatch.chdir(tmp_path / "below")
    assert used() == here
    monkeypatch.chdir("/")
    assert used("http://localhost:1/") == ("http://localhost:1", here[1])
    assert used("http://127.0.0.1:2") == ("http://127.0.0.1:2", None)
    monkeypatch.setenv("YARD_TOKEN", "of the cluster")
    assert used("http://127.0.0.1:2")[1] == "of the cluster"
    assert used("http://127.0.0.1:1")[1] == here[1], "the cluster's token is not sent there"
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert used("http://127.0.0.1:1")[1] == "of the cluster", "another user's note is none"
