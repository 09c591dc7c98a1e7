"""Runs the proxy as a process, with a certificate of a private CA."""

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


class Proxy(NamedTuple):
    store: servers.S3Server  # the proxy's address, the server's keys
    authority: Path  # PEM
    log: Path

    def context(self) -> ssl.SSLContext:
        """For clients that should trust the proxy."""
        return ssl.create_default_context(cafile=self.authority)

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, as proxy.py logs them."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def refused(self) -> list[dict[str, Any]]:
        """Those that were refused."""
        return [request for request in self.requests() if request["refused"]]


@contextmanager
def proxy_process(
    store: servers.S3Server, folder: Path, address: str, authority: trustme.CA | None = None
) -> Iterator[Proxy]:
    """Run the proxy for `store` on a free port of `address`."""
    authority = authority or trustme.CA()
    authority.cert_pem.write_to_path(folder / "store-authority.crt")
    certificate = authority.issue_cert(address)
    certificate.private_key_pem.write_to_path(folder / "store.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "store.crt")
    port = servers.free_port()
    proxy = Proxy(
        store._replace(endpoint=f"https://{address}:{port}"),
        folder / "store-authority.crt",
        folder / "requests.jsonl",
    )
    proxy.log.touch()
    command = [sys.executable, "-m", "uvicorn", "--factory", "strict_s3.proxy:create"]
    command += ["--host", "0.0.0.0", "--port", str(port), "--no-access-log"]
    command += ["--ssl-keyfile", str(folder / "store.key")]
    command += ["--ssl-certfile", str(folder / "store.crt")]
    command += ["--app-dir", str(Path(__file__).parents[1])]
    settings = {"STRICT_S3_UPSTREAM": store.endpoint, "STRICT_S3_LOG": str(proxy.log)}
    output = folder / "proxy.log"
    with mock.patch.dict(os.environ, settings), servers.process(command, output) as child:
        servers.wait_for_port(port, child, output)
        yield proxy
