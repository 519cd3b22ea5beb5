"""Mu-law telephony sound: what a frame is, whether anyone can hear it, and the beep of a voicemail.

Frames are 20 ms at 8 kHz: 160 bytes. It knows no calls and no clocks.
"""

from __future__ import annotations

import math
from typing import Final

RATE: Final = 8000
FRAME: Final = 160
TICK: Final = 0.02
SILENCE: Final = b"\xff" * FRAME
_BIAS: Final = 132
_AUDIBLE: Final = 512  # of 32767: about -36 dB
_LOUD_SAMPLES: Final = 4


def _magnitude(byte: int) -> int:
    value = ~byte & 0xFF
    return (((value & 0x0F) << 3) + _BIAS << ((value >> 4) & 7)) - _BIAS


_LOUDNESS: Final = bytes(1 if _magnitude(byte) >= _AUDIBLE else 0 for byte in range(256))


def is_loud(frame: bytes) -> bool:
    """Say whether a listener would notice this frame."""
    return frame.translate(_LOUDNESS).count(1) >= _LOUD_SAMPLES


def encode_sample(sample: int) -> int:
    """One 16-bit sample as a mu-law byte (G.711)."""
    sign = 0x80 if sample < 0 else 0
    biased = min(abs(sample), 32635) + _BIAS
    exponent = biased.bit_length() - 8
    mantissa = (biased >> (exponent + 3)) & 0x0F
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def beep(seconds: float = 0.5, hertz: float = 1000.0) -> bytes:
    """A pure tone at half scale."""
    step = math.tau * hertz / RATE
    return bytes(encode_sample(int(16000 * math.sin(step * n))) for n in range(int(seconds * RATE)))
