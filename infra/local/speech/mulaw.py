"""G.711 mu-law to and from 16-bit PCM, by tables; the standard library has dropped its own.

It knows of arrays of samples and nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_BIAS: Final = 132
_CLIP: Final = 32635


def _decoding() -> NDArray[np.int16]:
    inverted = ~np.arange(256, dtype=np.int32) & 0xFF
    value = ((((inverted & 0x0F) << 3) + _BIAS) << ((inverted >> 4) & 7)) - _BIAS
    return np.where(inverted & 0x80, -value, value).astype(np.int16)


def _encoding() -> NDArray[np.uint8]:
    # As the usual implementations do it: 14 bits, a negative number shifted towards minus infinity.
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample >> 2), _CLIP >> 2) + (_BIAS >> 2)
    exponent = np.clip(np.floor(np.log2(magnitude)).astype(np.int32) - 5, 0, 7)
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    encoded: NDArray[np.int64] = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return encoded.astype(np.uint8)


_DECODED: Final = _decoding()
_ENCODED: Final = _encoding()


def decode(mulaw: bytes) -> NDArray[np.int16]:
    """16-bit samples of mu-law bytes."""
    return _DECODED[np.frombuffer(mulaw, dtype=np.uint8)]


def encode(samples: NDArray[np.int16]) -> bytes:
    """Mu-law bytes of 16-bit samples."""
    return _ENCODED[samples.view(np.uint16)].tobytes()
