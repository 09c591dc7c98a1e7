"""The Python client's generated half is that of the backend's OpenAPI document."""

import filecmp
import subprocess
from pathlib import Path

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
