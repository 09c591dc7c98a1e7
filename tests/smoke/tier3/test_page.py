"""A person's way through the page, by the Ingress: from their images to a trained model."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.cluster import API_HEADERS, API_URL, ROOT
from support.datasets import squares_archive

from smoke.training import CPU

WALK_S = 600


@pytest.mark.timeout(WALK_S + 60)
def test_a_person_trains_and_downloads_a_model_in_the_browser(tmp_path: Path) -> None:
    archive = tmp_path / "walked.zip"
    archive.write_bytes(squares_archive())
    scheme, token = API_HEADERS["Authorization"].split()
    assert scheme == "Bearer"
    settings = {
        "PAGE_URL": f"https://{API_HEADERS['Host']}",
        "PAGE_AT": urlsplit(API_URL).netloc,
        "YARD_TOKEN": token,
        "JOB_CPU": str(CPU),
    }
    done = subprocess.run(
        ["node", ROOT / "apps/frontend/scripts/walk.js", tmp_path, archive],
        env=os.environ | settings,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WALK_S,
    )
    assert done.returncode == 0, done.stdout
    assert "downloads the model" in done.stdout
