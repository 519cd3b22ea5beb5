"""The path of a media stream: it names the call, so that its account's token is known before the upgrade."""

import re

_PATH = re.compile(r"^/calls/(acct_[A-Za-z0-9_-]{1,64})/(call_[A-Za-z0-9_-]{1,64})/?$")


def call_of(path: str) -> tuple[str, str] | None:
    """Read (account_id, call_id) out of `/calls/{account_id}/{call_id}`; None for any other path or a query."""
    match = _PATH.match(path)
    return (match.group(1), match.group(2)) if match else None
