"""`yard model serve` beside a stand-in for the trainer; the trainer's own tests hold what it answers."""

import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import psutil
import pytest
from conftest import wait_for

REQUESTS = 10_000
# Answers what is in the file of weights; SIGTERM ends it, after the request that it works on.
TRAINER = """#!{python}
import signal, socket, sys
arguments = sys.argv[1:]
assert arguments[:3] == ["-m", "trainer", "serve"], arguments
given = dict(zip(arguments[3::2], arguments[4::2]))
text = open(given["--weights"]).read()
if text == "broken":
    sys.exit(2)
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
listener = socket.socket(fileno=int(given["--fd"]))
listener.settimeout(0.05)
print('{{"ready": true}}', flush=True)
while not ending:
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        continue
    connection.settimeout(5)
    while not connection.recv(65536).endswith(b"image"):
        pass
    head = f"HTTP/1.0 200 OK\\r\\nContent-Length: {{len(text)}}\\r\\n\\r\\n"
    connection.sendall((head + text).encode())
    connection.close()
"""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`yard model serve best.pt`, whose content is what it answers, and its address.

    However it ends, here by SIGKILL at the latest, no process of the trainer is left.
    """
    python = folder / "python"
    python.write_text(TRAINER.format(python=sys.executable))
    python.chmod(0o755)
    (folder / "best.pt").write_text("first")
    env = {"YARD_TRAINER_PYTHON": str(python), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    yard = str(Path(sys.executable).with_name("yard"))
    words = [yard, "model", "serve", "best.pt", "--port", "0"]
    served = subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"best.pt answers at (http\S+)", said(served))
        assert found
        yield served, found[1]
    finally:
        served.kill()
        served.communicate()
        wait_for(lambda: not trainers(python))


def trainers(python: Path) -> list[psutil.Process]:
    every = psutil.process_iter(["cmdline"])
    return [one for one in every if str(python) in (one.info["cmdline"] or [])]


def said(served: subprocess.Popen[str]) -> str:
    assert served.stdout
    return served.stdout.readline()


def test_a_model_is_served_and_replaced_on_sighup(tmp_path: Path) -> None:
    with serving(tmp_path) as (served, url):
        for content, told in (
            ("first", None),
            ("second", "best.pt answers at"),
            ("broken", "the model before goes on: best.pt cannot be served"),
        ):
            (tmp_path / "best.pt").write_text(content)
            if told:
                served.send_signal(signal.SIGHUP)
                assert told in said(served)
            answers = "second" if content == "broken" else content
            assert httpx.post(url, content=b"image", timeout=60).text == answers
        served.terminate()
        assert served.wait(60) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.post(url, content=b"image", timeout=60)


def test_none_of_10000_requests_is_lost_while_the_model_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path) as (served, url):
        address = ("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        request = b"POST /predict HTTP/1.0\r\nContent-Length: 5\r\n\r\nimage"
        asked = count()

        def ask() -> Counter[bytes]:
            answers = Counter[bytes]()
            while next(asked) < REQUESTS:
                with socket.create_connection(address, timeout=60) as connection:
                    connection.sendall(request)
                    reply = b"".join(iter(lambda: connection.recv(65536), b""))
                answers[reply.rpartition(b"\r\n")[2]] += 1
            return answers

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            replaced = 0
            while not all(one.done() for one in asking):
                (tmp_path / "best.pt").write_text(f"model {replaced}")
                served.send_signal(signal.SIGHUP)
                assert "best.pt answers at" in said(served)
                replaced += 1
        answers = sum((one.result() for one in asking), Counter[bytes]())
    assert answers.total() == REQUESTS
    assert answers.keys() <= {b"first", *(f"model {n}".encode() for n in range(replaced))}
    assert len(answers) > 2, answers
