"""Asks the services of this machine how they are, the S3 server whether it stores something."""

import datetime as dt
import hashlib
import hmac
import re
from functools import cache

import httpx

_TIMEOUT_S = 2  # for each step of a request
_BODY = b"ready"
_SIGNED = "host;x-amz-content-sha256;x-amz-date"


@cache
def http() -> httpx.Client:
    """For all probes: each new client reads the CA certificates, which takes longer than a probe."""
    return httpx.Client(trust_env=False, timeout=_TIMEOUT_S)


def write_object(url: str, keys: tuple[str, str]) -> str:
    """Replace a small object; return why that failed, empty if it did not.

    Args:
        url: the object's URL; its server creates a bucket that it lacks.
        keys: access key and secret, whose signature (AWS version 4) the server compares.
    """
    target = httpx.URL(url)
    time = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    content = hashlib.sha256(_BODY).hexdigest()
    headers = {
        "host": target.netloc.decode(),
        "x-amz-content-sha256": content,
        "x-amz-date": time,
    }
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join(["PUT", target.path, "", *lines, "", _SIGNED, content])
    scope = f"{time[:8]}/us-east-1/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    signature = f"AWS4{keys[1]}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}"):
        signature = hmac.digest(signature, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys[0]}/{scope}, SignedHeaders={_SIGNED}, "
        f"Signature={signature.hex()}"
    )
    try:
        reply = http().put(url, content=_BODY, headers=headers)
    except httpx.HTTPError:
        return "starting"
    if reply.is_success:
        return ""
    code = re.search(r"<Code>(\w+)</Code>", reply.text)
    return f"it stores nothing: {code[1] if code else reply.status_code}"
