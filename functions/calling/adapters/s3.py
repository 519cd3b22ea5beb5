"""Openers and recordings in S3."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
