"""One correction of the server: a body that arrives after its answer must not end the other streams.

Hypercorn 0.18 looks such a body's stream up in a dictionary that has forgotten it, and the KeyError closes the whole
connection. Transcribe's SDK shares one connection among all calls and goes on sending audio after a refusal.
"""

from __future__ import annotations

from typing import Any

from hypercorn.protocol import h2


class _Deaf:
    """Stands for a stream that has been answered."""

    idle = True

    async def handle(self, event: object) -> None:
        """Ignore what still comes."""


class _Streams(dict[int, Any]):
    def __missing__(self, stream_id: int) -> _Deaf:
        return _Deaf()


class _Patient(h2.H2Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # whatever the server's own takes
        super().__init__(*args, **kwargs)
        self.streams = _Streams()


def ignore() -> None:
    """Make connections opened from now on ignore late bodies."""
    import hypercorn.protocol as chooser  # noqa: PLC0415  # where the class is looked up

    chooser.H2Protocol = _Patient  # type: ignore[attr-defined]  # that is the point
