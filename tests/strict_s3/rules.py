"""Requests that Cloudflare R2 refuses and other S3 servers accept.

From R2's page on its S3 API (what is implemented, and what is not), its limits of multipart uploads and what its users report:
a request passes only if it keeps to what is implemented there.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from xml.etree import ElementTree as ET

MINIMUM_PART = 5 << 20
REGIONS = {"auto", "us-east-1", ""}  # the last two are R2's other names for `auto`
OWN_HEADERS = {
    "x-amz-content-sha256", "x-amz-copy-source", "x-amz-date", "x-amz-metadata-directive", "x-amz-security-token",
    "x-amz-user-agent",
}  # fmt: skip
# S3 demands a checksum of DeleteObjects, and its SDKs send no other any more.
DELETE_HEADERS = {"x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm"}
QUERY = {
    # lists
    "continuation-token", "delimiter", "encoding-type", "fetch-owner", "list-type", "marker", "max-keys", "prefix", "start-after",
    # multipart uploads
    "key-marker", "max-parts", "max-uploads", "part-number-marker", "partNumber", "upload-id-marker", "uploadId", "uploads",
    # the rest
    "cors", "delete", "location", "x-id",
    # presigned links
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Signature",
    "X-Amz-SignedHeaders", "response-cache-control", "response-content-disposition", "response-content-encoding",
    "response-content-language", "response-content-type", "response-expires",
}  # fmt: skip


class Refusal(NamedTuple):
    """An S3 error."""

    status: int
    code: str
    message: str


class S3Request(NamedTuple):
    """A request without its body."""

    method: str
    path: str  # /bucket/key, percent-encoded
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case

    @property
    def is_delete_objects(self) -> bool:
        return self.method == "POST" and "delete" in self.query


def refusal(request: S3Request) -> Refusal | None:
    """Why R2 refuses the request; None if it accepts it.

    Asking for an attempt's keys is let pass: S3 does it elsewhere (STS), R2 not at all.
    """
    if "/sts/aws4_request" in request.headers.get("authorization", ""):
        return None
    for rule in (_signature, _header, _body, _parameter, _bucket):
        if found := rule(request):
            return found
    return None


def _signature(request: S3Request) -> Refusal | None:
    credential = request.query.get("X-Amz-Credential") or request.headers.get("authorization", "")
    scope = re.search(r"[^/= ]+/\d{8}/(?P<region>[^/]*)/s3/aws4_request", credential)
    if request.method == "OPTIONS":  # a browser's preflight bears none
        return None
    if scope is None:
        return Refusal(400, "InvalidArgument", "Authorization: only SigV4 is supported.")
    if scope["region"] not in REGIONS:
        message = f"The region name '{scope['region']}' is not valid. Must be one of: auto."
        return Refusal(400, "InvalidRegionName", message)
    return None


def _header(request: S3Request) -> Refusal | None:
    known = OWN_HEADERS | (DELETE_HEADERS if request.is_delete_objects else set())
    for name, value in request.headers.items():
        metadata = name.startswith("x-amz-meta-")
        if name.startswith("x-amz-") and not metadata and name not in known:
            return _not_implemented(f"Header '{name}' with value '{value}'")
    return None


def _body(request: S3Request) -> Refusal | None:
    payload = request.headers.get("x-amz-content-sha256", "")
    if payload.startswith("STREAMING-"):
        return _not_implemented(payload)
    if "aws-chunked" in request.headers.get("content-encoding", ""):
        return _not_implemented("Header 'content-encoding' with value 'aws-chunked'")
    if request.method == "PUT" and "content-length" not in request.headers:
        return Refusal(411, "MissingContentLength", "You must provide the Content-Length header.")
    return None


def _parameter(request: S3Request) -> Refusal | None:
    for name in request.query:
        if name not in QUERY:
            return _not_implemented(f"Parameter '{name}'")
    return None


def _bucket(request: S3Request) -> Refusal | None:
    """A token for objects may neither create nor change a bucket."""
    bucket_itself = "/" not in request.path.strip("/")
    if bucket_itself and request.method in {"PUT", "DELETE"}:
        return Refusal(403, "AccessDenied", "Access Denied")
    return None


def _not_implemented(what: str) -> Refusal:
    return Refusal(501, "NotImplemented", f"{what} not implemented")


class Uploads:
    """Sizes of the uploaded parts: R2 does not join unequal ones."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[str, str, int], int] = {}

    def arrived(self, request: S3Request) -> None:
        """A part was stored."""
        if request.method == "PUT" and "partNumber" in request.query:
            number = int(request.query["partNumber"])
            size = int(request.headers["content-length"])
            self._sizes[request.path, request.query["uploadId"], number] = size

    def refusal(self, request: S3Request, body: bytes) -> Refusal | None:
        """Why R2 does not join these parts; None if it does, or if the request joins none."""
        if request.method != "POST" or "uploadId" not in request.query:
            return None
        numbers = sorted(
            int(str(number.text)) for number in ET.fromstring(body).iterfind(".//{*}PartNumber")
        )
        sizes = [
            self._sizes.get((request.path, request.query["uploadId"], number)) for number in numbers
        ]
        if not sizes or None in sizes:
            return Refusal(400, "InvalidPart", "One or more of the parts could not be found.")
        *others, last = [size for size in sizes if size is not None]
        if any(size < MINIMUM_PART for size in others):
            return Refusal(
                400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed."
            )
        if len(set(others)) > 1 or (others and last > others[0]):
            return Refusal(400, "InvalidPart", "All non-trailing parts must have the same length.")
        return None
