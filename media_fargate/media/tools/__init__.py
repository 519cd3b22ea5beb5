"""What the model may ask for in a conversation: name, description and argument schema, one file a tool.

What a tool does is decided in the conversation's own table; here it is only offered.
"""

from collections.abc import Mapping
from typing import Any

from media.tools import end_call, voicemail_detected

_ALL: Mapping[str, dict[str, Any]] = {t["name"]: t for t in (end_call.TOOL, voicemail_detected.TOOL)}


def offered(*, may_be_machine: bool) -> tuple[dict[str, Any], ...]:
    """List the tools of a call in the model's own form; one who has called us is no answering machine."""
    return tuple(t for name, t in _ALL.items() if may_be_machine or name != "voicemail_detected")
