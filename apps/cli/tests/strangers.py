"""What a web page, or another user of the machine, tries at the ports of `yard dev`."""

import re
import socket
from collections import Counter
from pathlib import Path

import httpx
import psutil
from yard import locations

# Each did harm, or showed data, at a port of a service that had been left as it comes.
TRIES = [
    ("GET", "/col/delete?collection=models"),
    ("GET", "/dir/assign"),
    ("GET", "/dir/status"),
    ("GET", "/vol/vacuum"),
    ("GET", "/buckets/models/"),
    ("PUT", "/buckets/models/planted"),
    ("DELETE", "/buckets/models?recursive=true"),
    ("POST", "/etc/iam/"),
    ("POST", "/1,01637037d6"),
    ("PUT", "/models/planted"),
    ("GET", "/api/v1/namespaces/default"),
    ("POST", "/api/v1/namespaces/default/workflows/planted"),
]
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def listening(process: psutil.Process) -> set[int]:
    """The TCP ports on which a process and its children listen."""
    return {
        connection.laddr.port
        for member in (process, *process.children(recursive=True))
        for connection in member.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def sockets(process: psutil.Process) -> set[str]:
    """The Unix sockets on which a process and its children listen; an abstract one begins with @."""
    _, *rows = Path("/proc/net/unix").read_text().splitlines()
    listening = {row.split()[6]: row.split()[7] for row in rows if row.split()[3] == "00010000"}
    held = set()
    for member in (process, *process.children(recursive=True)):
        for link in Path(f"/proc/{member.pid}/fd").iterdir():
            if link.is_symlink() and (found := re.match(r"socket:\[(\d+)\]", str(link.readlink()))):
                held.add(found[1])
    return {path for inode, path in listening.items() if inode in held}


def documented() -> dict[str, Counter[str]]:
    """By service, the ports of SECURITY.md's table by name; "" counts those without one."""
    text = (locations.checkout() / "SECURITY.md").read_text()
    table = text.partition("### Ports of yard dev")[2].partition("\n### ")[0]
    found: dict[str, Counter[str]] = {}
    for service, ports in re.findall(r"^\| ([a-z]+) \| ([^|]+) \|", table, re.MULTILINE):
        names = found.setdefault(service, Counter())
        names.update(re.findall(r"`([a-z0-9-]+)`", ports))
        names[""] += sum(map(int, re.findall(r"(\d+) without a name", ports)))
    return found


def granted(port: int) -> list[str]:
    """Which of the tries a port grants: requests as a form or an image of a page sends them."""
    headers = {"Origin": "http://stranger.example", "Content-Type": "text/plain"}
    found = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as page:
        for method, path in TRIES:
            try:
                reply = page.request(method, path)
            except httpx.HTTPError:
                continue  # it speaks another protocol
            if reply.is_success:
                found.append(f"{method} {path}: {reply.status_code}")
    return found


def granted_by_api(url: str) -> list[str]:
    """What the backend grants to a page, to a name that leads here, or to one without the token."""
    host = url.removeprefix("http://")
    as_page = {"Sec-Fetch-Site": "cross-site", "Origin": "http://stranger.example"}
    found = []
    for what, headers in {
        "a page": as_page,
        "a name that leads here": {"Host": "stranger.example:" + host.rsplit(":", 1)[1]},
        "another user": {},
        "another user's guess": {"Authorization": "Bearer yard_guess"},
    }.items():
        for method, path in (
            ("GET", "jobs"),
            ("POST", "jobs"),
            ("DELETE", "datasets/0123456789ab"),
        ):
            reply = httpx.request(method, f"{url}/api/v1/{path}", headers=headers)
            if reply.status_code not in (400, 401, 403):
                found.append(f"{what}: {method} {path} {reply.status_code}")
    return found


def takes_grpc(port: int) -> bool:
    """Whether a port goes on with HTTP/2 without TLS, as a gRPC server does that knows no client."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(_HTTP2_HELLO)
        try:
            return connection.recv(9)[3:4] == b"\4"
        except OSError:
            return False
