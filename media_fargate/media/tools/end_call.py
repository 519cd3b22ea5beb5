"""The tool with which the model ends a call, once its farewell has been heard."""

from typing import Any

TOOL: dict[str, Any] = {
    "name": "end_call",
    "description": (
        "End the phone call. Use it when the purpose is reached, or the person wants to end or is not to be called. "
        "The farewell is spoken last, then the line is closed: do not say goodbye in the text as well."
    ),
    "input_schema": {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Why the call ends, in a few words."},
            "farewell": {"type": "string", "description": "The last words the person hears, one short sentence."},
        },
        "required": ["reason", "farewell"],
    },
}
