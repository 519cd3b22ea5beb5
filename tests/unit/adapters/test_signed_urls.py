"""Signed URLs lead to the bucket's own region: S3's global host redirects for a day, or does not know it at all."""

from urllib.parse import urlsplit

import pytest

from calling.adapters.aws import client
from calling.adapters.s3 import S3BlobStore


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("region", ["eu-west-2", "eu-south-1", "us-east-1"])
def test_a_signed_url_names_the_buckets_regional_host(region: str) -> None:
    blobs = S3BlobStore(client("s3", region), "data-bucket")
    for url in (blobs.signed_url("recordings/x.wav", seconds=60), blobs.upload_url("uploads/x", seconds=60)):
        assert urlsplit(url).netloc == f"data-bucket.s3.{region}.amazonaws.com"
        assert f"%2F{region}%2Fs3%2F" in url


def test_a_laptops_endpoint_is_asked_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    url = S3BlobStore(client("s3", "us-east-1"), "data-bucket").signed_url("recordings/x.wav", seconds=60)
    assert url.startswith("http://127.0.0.1:4566/data-bucket/recordings/x.wav?")
