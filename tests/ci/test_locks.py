"""The trainer's image is built from locks that agree with those that the tests run on."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRAINER = ROOT / "apps" / "trainer-ultralytics"
# What the CUDA build of torch brings along.
CUDA = re.compile(r"^(cuda-|nvidia-(?!ml-py)|triton$)")


def pins(lock: Path) -> dict[str, str]:
    """Version by name, without local parts such as `+cpu`."""
    found = re.findall(r"^([a-z0-9._-]+)==([^ +]+)", lock.read_text(), re.MULTILINE)
    return dict(found)


def test_both_variants_hold_the_same_versions() -> None:
    cuda = pins(TRAINER / "requirements-cuda.lock")
    same = {name: version for name, version in cuda.items() if not CUDA.match(name)}
    assert same == pins(TRAINER / "requirements.lock"), "run ci/lock.sh"
    assert len(same) < len(cuda)


def test_the_image_installs_with_the_uv_that_make_installs() -> None:
    build = TRAINER / "requirements-build.lock"
    assert build.read_bytes() == (ROOT / "ci" / "requirements.lock").read_bytes(), "run ci/lock.sh"
