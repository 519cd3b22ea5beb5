"""Openers, recordings and lists in S3."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 64 * 1024


class S3BlobStore:
    """Fulfils BlobStore."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store; see the port."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def get(self, key: str) -> bytes | None:
        """Read; see the port."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def delete(self, keys: Sequence[str]) -> None:
        """Delete; see the port. S3 answers the same for what is not there."""
        for key in keys:
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def signed_url(self, key: str, *, seconds: int) -> str:
        """Sign a URL; see the port. It also ends with the credentials that signed it: a role's live some hours."""
        where = {"Bucket": self._bucket, "Key": key}
        return self._client.generate_presigned_url("get_object", Params=where, ExpiresIn=seconds)

    def upload_url(self, key: str, *, seconds: int) -> str:
        """Sign a URL for one PUT; see the port. Whoever has it may write there until it ends, or its role's keys do."""
        where = {"Bucket": self._bucket, "Key": key}
        return self._client.generate_presigned_url("put_object", Params=where, ExpiresIn=seconds)

    def size(self, key: str) -> int | None:
        """Give the bytes; see the port."""
        try:
            return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as error:
            # A HEAD has no body to say NoSuchKey in.
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise

    def copy(self, source: str, target: str) -> None:
        """Copy inside S3; see the port. Up to 5 GB."""
        where = {"Bucket": self._bucket, "Key": source}
        self._client.copy_object(Bucket=self._bucket, Key=target, CopySource=where)  # type: ignore[arg-type]  # a plain dict

    def chunks(self, key: str) -> Iterator[bytes]:
        """Read in pieces of 64 KB; see the port."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise FileNotFoundError(key) from None
            raise
        with closing(body):
            yield from body.iter_chunks(CHUNK_BYTES)
