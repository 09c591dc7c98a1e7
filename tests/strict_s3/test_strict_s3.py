"""The front refuses each thing that R2 refuses, by R2's code, and hands on what the platform sends."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
import servers
from botocore.config import Config
from botocore.exceptions import ClientError

from strict_s3.rules import MINIMUM_PART
from strict_s3.proxy_process import Front, running

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, KEY = "datasets", "a key/with ünusual+signs.zip"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("strict-s3")
    with servers.seaweedfs(folder / "store") as store:
        store.client().create_bucket(Bucket=BUCKET)
        with running(store, folder, "127.0.0.1") as front:
            yield front


def client(front: Front, *, region: str = "auto", **config: Any) -> "S3Client":
    """boto3 with the platform's settings, and these over them."""
    checksums = {
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    return boto3.client(
        "s3",
        endpoint_url=front.store.endpoint,
        aws_access_key_id=front.store.access_key,
        aws_secret_access_key=front.store.secret_key,
        region_name=region,
        verify=str(front.authority),
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


def test_what_the_platform_sends_passes(front: Front) -> None:
    s3 = client(front)
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
    assert front.refused() == []


def test_presigned_links_pass(front: Front) -> None:
    target = {"Bucket": BUCKET, "Key": KEY}
    s3 = client(front)
    with httpx.Client(verify=front.context()) as browser:
        link = s3.generate_presigned_url("put_object", target)
        browser.put(link, content=b"0123456789").raise_for_status()
        link = s3.generate_presigned_url(
            "get_object", {**target, "ResponseContentDisposition": 'attachment; filename="a.zip"'}
        )
        reply = browser.get(link, headers={"Range": "bytes=2-4"})
    assert (reply.status_code, reply.text) == (206, "234")
    assert reply.headers["content-disposition"] == 'attachment; filename="a.zip"'
    assert front.refused() == []


def test_a_wrong_key_is_the_server_s_to_refuse(front: Front) -> None:
    wrong = front._replace(store=front.store._replace(secret_key="wrong"))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        put(client(wrong))
    assert front.refused() == []


REFUSED: dict[str, tuple[str, Any]] = {
    "a checksum as trailer": (
        "NotImplemented",
        lambda front: put(client(front, request_checksum_calculation="when_supported")),
    ),
    "a checksum as header": (
        "NotImplemented",
        lambda front: put(
            client(front), ChecksumSHA256="LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="
        ),
    ),
    "the check of a download": (
        "NotImplemented",
        lambda front: client(front, response_checksum_validation="when_supported").get_object(
            Bucket=BUCKET, Key=KEY
        ),
    ),
    "unequal parts": (
        "InvalidPart",
        lambda front: multipart(client(front), MINIMUM_PART, MINIMUM_PART + 1, 1),
    ),
    "a last part above the others": (
        "InvalidPart",
        lambda front: multipart(client(front), MINIMUM_PART, MINIMUM_PART + 1),
    ),
    "small parts": ("EntityTooSmall", lambda front: multipart(client(front), 1 << 20, 1 << 20)),
    "an ACL with an object": ("NotImplemented", lambda front: put(client(front), ACL="private")),
    "the ACL of a bucket": (
        "NotImplemented",
        lambda front: client(front).get_bucket_acl(Bucket=BUCKET),
    ),
    "a wrong region": (
        "InvalidRegionName",
        lambda front: put(client(front, region="eu-central-1")),
    ),
    "tags": ("NotImplemented", lambda front: put(client(front), Tagging="a=b")),
    "encryption by a key service": (
        "NotImplemented",
        lambda front: put(client(front), ServerSideEncryption="aws:kms"),
    ),
    "an expected owner": (
        "NotImplemented",
        lambda front: put(client(front), ExpectedBucketOwner="111122223333"),
    ),
    "versions": (
        "NotImplemented",
        lambda front: client(front).list_object_versions(Bucket=BUCKET),
    ),
    "a new bucket": ("AccessDenied", lambda front: client(front).create_bucket(Bucket="another")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str, front: Front) -> None:
    code, request = REFUSED[what]
    before = len(front.refused())
    with pytest.raises(ClientError) as caught:
        request(front)
    assert caught.value.response["Error"]["Code"] == code
    assert len(front.refused()) == before + 1


def test_refuses_requests_without_a_signature(front: Front) -> None:
    with httpx.Client(verify=front.context()) as anybody:
        assert anybody.get(f"{front.store.endpoint}/{BUCKET}/x").status_code == 400
        chunks = anybody.put(f"{front.store.endpoint}/{BUCKET}/x", content=iter([b"x"]))
        assert chunks.status_code == 400


def test_the_log_says_who_sent_what(front: Front) -> None:
    put(client(front))
    last = json.loads(front.log.read_text().splitlines()[-1])
    assert (last["method"], last["path"].split("/")[1], last["status"]) == ("PUT", BUCKET, 200)
    assert last["agent"].startswith("Boto3/")
    assert last["refused"] is None
