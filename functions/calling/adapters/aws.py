"""How every AWS client is made: with timeouts and bounded retries. It knows no service.

botocore alone, without boto3 above it: the same clients for a fifth less of a fast door's import time.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

# What S3's signed URLs need. SigV4: a bucket with a KMS key refuses anything older. The bucket's regional host: the
# global one redirects for a day after a bucket was made, which breaks the signature, and does not know younger regions
# at all. An endpoint that is an IP address, as a laptop's, is asked by path all the same.
_SIGNED_URLS = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


def client(
    service: str, region: str | None = None, *, connect_seconds: float = 2, read_seconds: float = 5, attempts: int = 3
) -> Any:  # noqa: ANN401  the stubs know each service's own class; the adapters name it
    """Make a client, e.g. of `dynamodb`. Credentials and endpoints come from botocore's own chain.

    `attempts` are all tries together. Clients are thread-safe and meant to be shared: make one a process.
    """
    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    if service == "s3":
        config = config.merge(_SIGNED_URLS)
    return _session().create_client(service, region_name=region, config=config)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
