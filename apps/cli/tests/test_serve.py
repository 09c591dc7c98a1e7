"""`yard model serve` beside a stand-in for the trainer; the trainer's own tests hold what it answers."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

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
    connection.recv(65536)
    head = f"HTTP/1.0 200 OK\\r\\nContent-Length: {{len(text)}}\\r\\n\\r\\n"
    connection.sendall((head + text).encode())
    connection.close()
"""


def test_a_model_is_served_and_replaced_on_sighup(tmp_path: Path) -> None:
    python, weights = tmp_path / "python", tmp_path / "best.pt"
    python.write_text(TRAINER.format(python=sys.executable))
    python.chmod(0o755)
    weights.write_text("first")
    env = {"YARD_TRAINER_PYTHON": str(python), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    yard = str(Path(sys.executable).with_name("yard"))
    words = [yard, "model", "serve", "best.pt", "--port", "0"]
    served = subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)

    def said() -> str:
        assert served.stdout
        return served.stdout.readline()

    try:
        found = re.search(r"best.pt answers at (http\S+)", said())
        assert found
        for content, told in (
            ("first", None),
            ("second", "best.pt answers at"),
            ("broken", "the model before goes on: best.pt cannot be served"),
        ):
            weights.write_text(content)
            if told:
                served.send_signal(signal.SIGHUP)
                assert told in said()
            answers = "second" if content == "broken" else content
            assert httpx.post(found[1], content=b"image", timeout=60).text == answers
        served.terminate()
        assert served.wait(60) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.post(found[1], content=b"image", timeout=60)
    finally:
        served.kill()
        served.communicate()
