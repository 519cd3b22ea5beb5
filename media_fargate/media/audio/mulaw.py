"""G.711 mu-law at 8 kHz, the telephone's sound, to and from 16-bit PCM."""

import warnings

with warnings.catch_warnings():
    # The standard library's own says it is going away; from Python 3.13 `audioop-lts` gives the same module.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = ["FRAME", "RATE", "SILENCE", "audioop", "loudness", "seconds", "stereo", "to_mulaw", "to_pcm"]

RATE = 8000  # samples a second; one byte a sample in mu-law
FRAME = 160  # samples of the 20 ms frame the carrier sends
FRAME_SECONDS = FRAME / RATE
SILENCE = b"\xff"  # mu-law's positive zero


def to_pcm(mulaw: bytes) -> bytes:
    """Decode mu-law to little-endian 16-bit PCM."""
    return audioop.ulaw2lin(mulaw, 2)


def to_mulaw(pcm: bytes) -> bytes:
    """Encode little-endian 16-bit PCM as mu-law."""
    return audioop.lin2ulaw(pcm, 2)


def loudness(pcm: bytes) -> int:
    """Root mean square of 16-bit PCM, 0 to 32767."""
    return audioop.rms(pcm, 2)


def stereo(left: bytes, right: bytes) -> bytes:
    """Interleave two mono mu-law stretches of the same length as 16-bit stereo PCM."""
    both = audioop.tostereo(to_pcm(left), 2, 1, 0)
    return audioop.add(both, audioop.tostereo(to_pcm(right), 2, 0, 1), 2)


def seconds(mulaw: bytes) -> float:
    """How long a stretch of mu-law sounds."""
    return len(mulaw) / RATE
