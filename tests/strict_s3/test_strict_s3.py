"""The proxy refuses what R2 refuses, with R2's codes, and forwards what the platform sends."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
import servers
from botocore.config import Config
from botocore.exceptions import ClientError

from strict_s3.proxy_process import Proxy, proxy_process
from strict_s3.rules import MINIMUM_PART

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, KEY = "datasets", "a key/with ünusual+signs.zip"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("strict-s3")
    with servers.seaweedfs(folder / "store") as store:
        store.client().create_bucket(Bucket=BUCKET)
        with proxy_process(store, folder, "127.0.0.1") as proxy:
            yield proxy


def client(proxy: Proxy, *, region: str = "auto", **config: Any) -> "S3Client":
    """boto3 with the platform's settings, and these over them."""
    checksums = {
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    return boto3.client(
        "s3",
        endpoint_url=proxy.store.endpoint,
        aws_access_key_id=proxy.store.access_key,
        aws_secret_access_key=proxy.store.secret_key,
        region_name=region,
        verify=str(proxy.authority),
        config=Config(
            s3={"addressing_style": "path"}, retries={"max_attempts": 1}, **(checksums | config)
        ),
    )


def multipart(s3: "S3Client", *sizes: int) -> None:
    target: Any = {"Bucket": BUCKET, "Key": KEY}
    upload = s3.create_multipart_upload(**target)["UploadId"]
    parts: list[Any] = []
    for number, size in enumerate(sizes, 1):
        part = s3.upload_part(**target, UploadId=upload, PartNumber=number, Body=bytes(size))
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})


def put(s3: "S3Client", **fields: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x", **fields)


def test_what_the_platform_sends_passes(proxy: Proxy) -> None:
    s3 = client(proxy)
    multipart(s3, MINIMUM_PART, MINIMUM_PART, 1)
    stored = s3.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=0-9")
    assert (stored["ContentRange"], stored["Body"].read()) == (
        f"bytes 0-9/{2 * MINIMUM_PART + 1}",
        bytes(10),
    )
    put(s3, Metadata={"sha256": "0"})
    assert s3.head_object(Bucket=BUCKET, Key=KEY)["Metadata"] == {"sha256": "0"}
    assert [
        found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET, Prefix="a ")["Contents"]
    ] == [KEY]
    deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": KEY}]})
    assert [found["Key"] for found in deleted["Deleted"]] == [KEY]
    assert proxy.refused() == []


def test_presigned_links_pass(proxy: Proxy) -> None:
    target = {"Bucket": BUCKET, "Key": KEY}
    s3 = client(proxy)
    with httpx.Client(verify=proxy.context()) as browser:
        link = s3.generate_presigned_url("put_object", target)
        browser.put(link, content=b"0123456789").raise_for_status()
        link = s3.generate_presigned_url(
            "get_object", {**target, "ResponseContentDisposition": 'attachment; filename="a.zip"'}
        )
        reply = browser.get(link, headers={"Range": "bytes=2-4"})
    assert (reply.status_code, reply.text) == (206, "234")
    assert reply.headers["content-disposition"] == 'attachment; filename="a.zip"'
    assert proxy.refused() == []


def test_the_server_refuses_a_wrong_key(proxy: Proxy) -> None:
    wrong = proxy._replace(store=proxy.store._replace(secret_key="wrong"))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        put(client(wrong))
    assert proxy.refused() == []


REFUSED: dict[str, tuple[str, Any]] = {
    "a checksum as trailer": (
        "NotImplemented",
        lambda proxy: put(client(proxy, request_checksum_calculation="when_supported")),
    ),
    "a checksum as header": (
        "NotImplemented",
        lambda proxy: put(
            client(proxy), ChecksumSHA256="LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="
        ),
    ),
    "the check of a download": (
        "NotImplemented",
        lambda proxy: client(proxy, response_checksum_validation="when_supported").get_object(
            Bucket=BUCKET, Key=KEY
        ),
    ),
    "unequal parts": (
        "InvalidPart",
        lambda proxy: multipart(client(proxy), MINIMUM_PART, MINIMUM_PART + 1, 1),
    ),
    "a last part above the others": (
        "InvalidPart",
        lambda proxy: multipart(client(proxy), MINIMUM_PART, MINIMUM_PART + 1),
    ),
    "small parts": ("EntityTooSmall", lambda proxy: multipart(client(proxy), 1 << 20, 1 << 20)),
    "an ACL with an object": ("NotImplemented", lambda proxy: put(client(proxy), ACL="private")),
    "the ACL of a bucket": (
        "NotImplemented",
        lambda proxy: client(proxy).get_bucket_acl(Bucket=BUCKET),
    ),
    "a wrong region": (
        "InvalidRegionName",
        lambda proxy: put(client(proxy, region="eu-central-1")),
    ),
    "tags": ("NotImplemented", lambda proxy: put(client(proxy), Tagging="a=b")),
    "encryption by a key service": (
        "NotImplemented",
        lambda proxy: put(client(proxy), ServerSideEncryption="aws:kms"),
    ),
    "an expected owner": (
        "NotImplemented",
        lambda proxy: put(client(proxy), ExpectedBucketOwner="111122223333"),
    ),
    "versions": (
        "NotImplemented",
        lambda proxy: client(proxy).list_object_versions(Bucket=BUCKET),
    ),
    "a new bucket": ("AccessDenied", lambda proxy: client(proxy).create_bucket(Bucket="another")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str, proxy: Proxy) -> None:
    code, request = REFUSED[what]
    before = len(proxy.refused())
    with pytest.raises(ClientError) as caught:
        request(proxy)
    assert caught.value.response["Error"]["Code"] == code
    assert len(proxy.refused()) == before + 1


def test_refuses_requests_without_a_signature(proxy: Proxy) -> None:
    with httpx.Client(verify=proxy.context()) as anybody:
        assert anybody.get(f"{proxy.store.endpoint}/{BUCKET}/x").status_code == 400
        chunks = anybody.put(f"{proxy.store.endpoint}/{BUCKET}/x", content=iter([b"x"]))
        assert chunks.status_code == 400


def test_the_log_says_who_sent_what(proxy: Proxy) -> None:
    put(client(proxy))
    last = json.loads(proxy.log.read_text().splitlines()[-1])
    assert (last["method"], last["path"].split("/")[1], last["status"]) == ("PUT", BUCKET, 200)
    assert last["agent"].startswith("Boto3/")
    assert last["refused"] is None
