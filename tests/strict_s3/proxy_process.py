"""The front as a process of its own, with a certificate of an authority of its own."""

import json
import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import servers
import trustme


class Front(NamedTuple):
    store: servers.S3Server  # the front's address, the server's keys
    authority: Path  # PEM
    log: Path

    def context(self) -> ssl.SSLContext:
        """For clients that are to trust the front."""
        return ssl.create_default_context(cafile=self.authority)

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, as proxy.py notes them."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def refused(self) -> list[dict[str, Any]]:
        """Those that were refused."""
        return [request for request in self.requests() if request["refused"]]


@contextmanager
def running(
    store: servers.S3Server, folder: Path, address: str, authority: trustme.CA | None = None
) -> Iterator[Front]:
    """Run the front before `store`, on a free port of `address`."""
    authority = authority or trustme.CA()
    authority.cert_pem.write_to_path(folder / "store-authority.crt")
    certificate = authority.issue_cert(address)
    certificate.private_key_pem.write_to_path(folder / "store.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "store.crt")
    port = servers.free_port()
    front = Front(
        store._replace(endpoint=f"https://{address}:{port}"),
        folder / "store-authority.crt",
        folder / "requests.jsonl",
    )
    front.log.touch()
    command = [sys.executable, "-m", "uvicorn", "--factory", "strict_s3.proxy:create"]
    command += ["--host", "0.0.0.0", "--port", str(port), "--no-access-log"]
    command += ["--ssl-keyfile", str(folder / "store.key")]
    command += ["--ssl-certfile", str(folder / "store.crt")]
    command += ["--app-dir", str(Path(__file__).parents[1])]
    settings = {"STRICT_S3_UPSTREAM": store.endpoint, "STRICT_S3_LOG": str(front.log)}
    output = folder / "front.log"
    with mock.patch.dict(os.environ, settings), servers.process(command, output) as child:
        servers.wait_for_port(port, child, output)
        yield front
