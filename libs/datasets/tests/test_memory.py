"""Small files that take much memory to decode, and what the container leaves for it."""

import base64
import math
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from trainyard_datasets import images, limits
from trainyard_datasets.container import memory_limit

MIB = 2**20
# Of 7,070 x 7,070 pixels, packed. JPEG: progressive, CMYK, cut, and with bytes behind its end.
JPEG = (
    b"c-rm9tqsCZ7>3cep#s(9CZM_n22(?t)HF?M5XC@9vBh4^1}xAG2nvBEh>pO|4mk7&IB*Q`9Cz$u4@HxDy<Dl"
    b"*huxK`94A>aDziy8o0fCmZG6-C=l;0u>^~<B`f(e#Vd_*kRZh8+oi$Vt=vU8fio#TdD&_A7huuN|00000000"
    b"0000000006)@yL$fuK8;6_"
)
JPEG2000 = (
    b"c-muNVBpCLP*C9IYUg5LU=T?wsVvAUFj4@r8KAU3kj?<oVwo8!MGOqm^T3#eogJixfj>Dvr-%{E6aZqS<doD"
    b"j1{N@%kpU#m1cVF>%s>cM#k>Y+T=IYa|A7ofAU@PMI6&jGuro5k(f=R@9<aHrEG!I+|6>@09UMG70+7-F6b4"
    b"lWM(3i`#FEq$g``Ra|AN#!uK-tfg|gJ5;>`R!1tUFEJ(K?v7`VW$Q39GX`TGyndWQ8NV*UfsKTP`@!as2Sch"
    b"Ck39MJy3@}I%~1Lr?R`vVGs0U_)E*T3vcsK?2w``dD#7Rvq|osWz0P=D0@qwc4~{S8>a|C<1BAI_)"
)
PIXELS = 7070 * 7070
JUDGE = """
import resource, sys
from trainyard_datasets import images
images.DECODE_BYTES = int(sys.argv[1])
def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
data, before = sys.stdin.buffer.read(), most()
judged = images.judge(data, complete=True, decode=True)
print(judged.fault, judged.decoded, most() - before)
"""


def judged(packed: bytes, decode_bytes: int) -> tuple[str, int, int]:
    """Fault, decoded pixels, and the memory in bytes that it took a process of its own."""
    data = zlib.decompress(base64.b85decode(packed))
    assert len(data) < 12_000
    command = [sys.executable, "-c", JUDGE, str(decode_bytes)]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    *fault, decoded, memory = done.stdout.decode().split()
    return " ".join(fault), int(decoded), int(memory)


@pytest.mark.parametrize("packed", [JPEG, JPEG2000], ids=["JPEG", "JPEG 2000"])
def test_a_header_takes_no_more_memory_than_there_is(packed: bytes) -> None:
    """Where the container of the chart has 1,536 MiB. The image passes, as one that is not looked at."""
    fault, decoded, memory = judged(packed, 1536 * MIB // 4)
    assert (fault, decoded) == ("None", 0)
    assert memory < 64 * MIB


def test_what_is_decoded_keeps_to_the_limit() -> None:
    """The estimate of a format is no less than what it takes."""
    limit = PIXELS * limits.DECODE_BYTES_A_PIXEL_OTHERS
    fault, decoded, memory = judged(JPEG, limit)
    assert (fault, decoded) == ("None", PIXELS)
    assert 256 * MIB < memory < limit


def test_a_photo_of_100_megapixels_passes() -> None:
    """As training reads it: the size of its head is believed, not held against it."""
    width, height = 11_600, 8_700
    size = height.to_bytes(2) + width.to_bytes(2)
    head = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    frame = b"\xff\xc0\0\x0b\x08" + size + b"\1\1\x11\0"
    scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(100) + b"\xff\xd9"
    assert images.judge(head + frame + scan, complete=True) == images.Judged(None)


def _groups(root: Path, files: dict[str, str], own: str) -> float:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "own").write_text(own)
    return memory_limit(root, root / "own")


@pytest.mark.parametrize(
    ("files", "own", "limit"),
    [
        ({"memory.max": "1000\n"}, "0::/\n", 1000),
        ({"memory.max": "max\n"}, "0::/\n", math.inf),
        ({"a/memory.max": "900", "a/b/memory.max": "max", "memory.max": "max"}, "0::/a/b\n", 900),
        ({"memory.max": "800"}, "0::/../../not/seen/here\n", 800),
        ({"memory/memory.limit_in_bytes": "700"}, "5:cpu:/x\n4:memory:/docker/ab\n", 700),
        (
            {"memory/docker/ab/memory.limit_in_bytes": "600"},
            "4:memory,hugetlb:/docker/ab\n0::/\n",
            600,
        ),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, "4:memory:/\n", 2**63 - 4096),
        ({}, "", math.inf),
    ],
)
def test_the_container_s_limit_is_read(
    tmp_path: Path, files: dict[str, str], own: str, limit: float
) -> None:
    assert _groups(tmp_path, files, own) == limit


def test_the_check_keeps_to_the_container_s_limit() -> None:
    assert min(3 * 2**30, memory_limit()) == limits.MEMORY_BYTES
    assert limits.DECODE_BYTES <= limits.MEMORY_BYTES / 4
