"""Change the rate of a sound, whole sentences at a time, without aliasing.

By the spectrum: what lies above the lower of the two Nyquist frequencies is cut away by a cosine slope, the rest is
written down at the new rate. It knows of arrays of samples and nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_PAD: Final = 0.02  # seconds of silence on both sides, so that the end does not ring into the beginning
_SLOPE: Final = 0.08  # share of the pass band over which the filter falls


def resample(samples: NDArray[np.float32], source_rate: float, target_rate: int) -> NDArray[np.float32]:
    """The same sound at another rate; the rates may stand in any ratio. Samples of about -1..1, one channel."""
    wanted = round(len(samples) * target_rate / source_rate)
    if wanted == 0:
        return np.zeros(0, np.float32)
    pad = round(_PAD * source_rate)
    size_in = _smooth(len(samples) + 2 * pad)
    padded = np.zeros(size_in, np.float32)
    padded[pad : pad + len(samples)] = samples
    size_out = round(size_in * target_rate / source_rate)
    spectrum = np.fft.rfft(padded)
    bins = min(len(spectrum), size_out // 2 + 1)
    slope = max(1, int(bins * _SLOPE))
    kept = np.zeros(size_out // 2 + 1, spectrum.dtype)
    kept[:bins] = spectrum[:bins]
    kept[bins - slope : bins] *= 0.5 * (1.0 + np.cos(np.linspace(0.0, np.pi, slope)))
    sound = np.fft.irfft(kept, size_out) * (size_out / size_in)
    start = round(pad * size_out / size_in)
    return sound[start : start + wanted].astype(np.float32)


def _smooth(size: int) -> int:
    """The next multiple of 4096: sizes without large prime factors transform quickly."""
    return -(-size // 4096) * 4096
