"""The tool with which the model says that it hears a machine."""

from typing import Any

TOOL: dict[str, Any] = {
    "name": "voicemail_detected",
    "description": (
        "Call this when what you hear is a recorded greeting, a voicemail or an answering machine, not a person. "
        "A person who says that somebody is not available is a person."
    ),
    "input_schema": {"type": "object", "properties": {}},
}
