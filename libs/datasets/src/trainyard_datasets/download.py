"""Fetches one file of weights from a host that nobody has to trust."""

import hashlib
import os
import ssl
import time
import zipfile
from typing import IO

import httpx

_TIMEOUT = httpx.Timeout(30, connect=4)


class DownloadError(Exception):
    """The file was not fetched; the text says why, without the address."""


def download(
    url: str, file: IO[bytes], *, sha256: str | None, max_bytes: int, within_s: float
) -> tuple[int, str]:
    """Write what the host sends into `file`, and go back to its beginning.

    A redirect is followed to the same server, or by https. Proxies of the environment are used.

    Args:
        url: with http or https.
        file: empty.
        sha256: what it must have; None: it is not known, and a `.pt` or `.pth` must be a zip archive,
            as PyTorch writes them. What a proxy answers in place of the host is none.
        max_bytes: the most that is taken.
        within_s: seconds until the last byte is here.

    Returns:
        Its size in bytes, and its sha256.

    Raises:
        DownloadError: the host does not answer with 200, or its file is larger, slower, another or none of PyTorch's.
    """
    until, digest = time.monotonic() + within_s, hashlib.sha256()
    try:
        own = httpx.URL(url)

        def require_tls(request: httpx.Request) -> None:
            at = request.url
            if at.scheme != "https" and (at.scheme, at.netloc) != (own.scheme, own.netloc):
                raise DownloadError(f"it redirects to {at.host} without encryption")

        http = httpx.Client(
            follow_redirects=True,
            max_redirects=5,
            timeout=_TIMEOUT,
            event_hooks={"request": [require_tls]},
            verify=_authorities(),
        )
        with http, http.stream("GET", own) as reply:
            if reply.status_code != httpx.codes.OK:
                raise DownloadError(f"it answers {reply.status_code} {reply.reason_phrase}")
            for data in reply.iter_bytes():
                digest.update(data)
                file.write(data)
                if file.tell() > max_bytes:
                    raise DownloadError(f"it sends more than {max_bytes} bytes")
                if time.monotonic() > until:
                    raise DownloadError(f"it has not sent all within {within_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError((str(error) or type(error).__name__).rstrip(".")) from error
    if sha256 not in {None, digest.hexdigest()}:
        raise DownloadError(f"its sha256 is {digest.hexdigest()}, and must be {sha256}")
    size = file.tell()
    is_pytorch = own.path.endswith((".pt", ".pth"))
    if sha256 is None and is_pytorch and not zipfile.is_zipfile(file):
        raise DownloadError("what it sends is not whole, or PyTorch has not written it")
    file.seek(0)
    return size, digest.hexdigest()


def _authorities() -> ssl.SSLContext:
    """The public ones, and those of SSL_CERT_FILE, which may be the object store's alone."""
    context = httpx.create_ssl_context(trust_env=False)
    if own := os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(own)
    return context
