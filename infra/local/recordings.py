"""Bring recordings out of the emulated bucket into a folder, where one can listen to them."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

PREFIX = "recordings/"


def bring(s3: Any, bucket: str, folder: Path) -> list[Path]:  # noqa: ANN401  botocore makes its clients at run time
    """Copy recordings that are not in the folder yet, as `<call id>.wav`; return the new files."""
    new: list[Path] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX):
        for entry in page.get("Contents", []):
            target = folder / Path(entry["Key"]).name
            if not target.exists():
                part = target.with_suffix(".part")
                part.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
                part.replace(target)
                new.append(target)
    return new


async def keep_bringing(s3: Any, bucket: str, folder: Path, *, every: float = 1.0) -> None:  # noqa: ANN401  as above
    """Do so until cancelled; what fails now is there the next time."""
    while True:
        with suppress(BotoCoreError, ClientError):
            await asyncio.to_thread(bring, s3, bucket, folder)
        await asyncio.sleep(every)
