"""Speech that carries its own text: deterministic sound for runs that must be quick and exact.

`encode` makes a mu-law waveform that a voice detector takes for a person speaking. Every word owns a stretch of it and
writes itself, framed, into the least significant bits at the end of that stretch; so whoever hears only part of an
utterance reads only the words that were really played. `Decoder` reads them back from any point of the sound.

    frame of one word, one bit a sample:  sync (32) | length (8) | length inverted (8) | UTF-8 (8 x length) | CRC (16)

The bits survive mu-law -> 16-bit PCM -> mu-law, because the one byte that does not (0x7F, a negative zero) is never
written. They do not survive gain, mixing or resampling.
This room knows nothing of calls, servers or clocks; it uses the standard library alone.
"""

from __future__ import annotations

import math
from binascii import crc_hqx
from functools import lru_cache
from typing import Final

SAMPLE_RATE: Final = 8000
MAX_WORD_BYTES: Final = 200
_GAP: Final = 240  # samples of near silence between two words: 30 ms
_MIN_VOICED: Final = 480  # a word is voiced for at least 60 ms, however fast the speaker
_VARIANTS: Final = 6
_PITCH: Final = 118.0  # Hz, about which the melody moves
_PEAK: Final = 14000.0  # of 32767: a person close to the telephone

_SYNC: Final = f"{0xA5C3197E:032b}".encode()
_HEADER_BITS: Final = len(_SYNC) + 16
_CRC_BITS: Final = 16
_LOW_BIT: Final = bytes(ord("0") + (byte & 1) for byte in range(256))  # bytes.translate: sample -> b"0" or b"1"
_CLEAR_LOW_BIT: Final = bytes(byte & 0xFE for byte in range(256))


def encode(text: str, words_per_second: float = 4.0) -> bytes:
    """Speak text: 8 kHz mu-law whose low bits carry its words.

    Words are what whitespace separates; one longer than 200 bytes of UTF-8 is spoken as several.
    Empty text is no sound. ValueError when words_per_second is not positive.
    """
    if words_per_second <= 0:
        raise ValueError("words_per_second must be positive")
    pace = max(round(SAMPLE_RATE / words_per_second), _MIN_VOICED + _GAP)
    words = [piece for word in text.split() for piece in _pieces(word)]
    return b"".join(_spoken(word, pace, index % _VARIANTS) for index, word in enumerate(words))


class Decoder:
    """Reads words back from scripted speech, however it is cut, delayed or mixed with silence.

    One decoder a stream. Words whose bits were damaged are missing; others are never invented (32-bit sync and CRC).
    """

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = b""

    def feed(self, mulaw: bytes) -> list[str]:
        """Take the next bytes of the stream; return the words that are complete with them, in order."""
        bits = self._bits + mulaw.translate(_LOW_BIT)
        words: list[str] = []
        keep = -1  # where the first frame begins that may still be completed
        at = bits.find(_SYNC)
        while at >= 0:
            word, end = _frame_at(bits, at)
            if word is not None:
                words.append(word)
                keep = -1  # whatever began earlier and is incomplete was cut by this one
                at = bits.find(_SYNC, end)
                continue
            if end > len(bits) and keep < 0:
                keep = at
            at = bits.find(_SYNC, at + 1)
        tail = max(0, len(bits) - len(_SYNC) + 1)
        self._bits = bits[keep:] if keep >= 0 else bits[tail:]
        return words


def _frame_at(bits: bytes, at: int) -> tuple[str | None, int]:
    """The word framed at a sync and where its frame ends; no word if it is damaged or (end > len) incomplete."""
    header = at + _HEADER_BITS
    if header > len(bits):
        return None, header
    length, inverted = int(bits[header - 16 : header - 8], 2), int(bits[header - 8 : header], 2)
    if length ^ inverted != 0xFF or not 0 < length <= MAX_WORD_BYTES:
        return None, header
    body = header + 8 * length
    end = body + _CRC_BITS
    if end > len(bits):
        return None, end
    payload = int(bits[header:body], 2).to_bytes(length, "big")
    if crc_hqx(payload, length) != int(bits[body:end], 2):
        return None, end
    try:
        return payload.decode(), end
    except UnicodeDecodeError:
        return None, end


def _pieces(word: str) -> list[str]:
    """A word cut into parts of at most 200 bytes, never inside a character. Lone surrogates become '?'."""
    word = word.encode(errors="replace").decode()
    parts: list[str] = []
    part: list[str] = []
    size = 0
    for char in word:
        width = len(char.encode())
        if size + width > MAX_WORD_BYTES:
            parts.append("".join(part))
            part, size = [], 0
        part.append(char)
        size += width
    return [*parts, "".join(part)]


def _spoken(word: str, pace: int, variant: int) -> bytes:
    """One word's stretch of sound: a voiced part whose end carries the frame, then the gap."""
    payload = word.encode()
    frame = (
        _SYNC
        + f"{len(payload):08b}{len(payload) ^ 0xFF:08b}".encode()
        + f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}".encode()
        + f"{crc_hqx(payload, len(payload)):016b}".encode()
    )
    voiced = max(pace - _GAP, len(frame))
    sound = _voiced_sound(voiced, variant)
    start = voiced - len(frame)
    carrier = sound[start:].translate(_CLEAR_LOW_BIT)
    marked = int.from_bytes(carrier, "big") | int.from_bytes(frame.translate(_LOW_BIT_OF_DIGIT), "big")
    return sound[:start] + marked.to_bytes(len(frame), "big") + _gap_sound(variant)


_LOW_BIT_OF_DIGIT: Final = bytes(byte & 1 for byte in range(256))  # b"0" -> 0, b"1" -> 1


@lru_cache(maxsize=64)
def _voiced_sound(length: int, variant: int) -> bytes:
    """Harmonics of a moving pitch under moving formants, swelling once or twice like syllables, as mu-law."""
    syllables = 1 + variant % 2
    vowel_from, vowel_to = _VOWELS[variant], _VOWELS[(variant + 2) % _VARIANTS]
    samples: list[float] = []
    phase = 0.0
    gains: list[float] = []
    for n in range(length):
        place = n / length
        pitch = _PITCH * (1.0 + 0.12 * math.sin(math.tau * (place + variant / _VARIANTS)))
        phase += math.tau * pitch / SAMPLE_RATE
        if n % 40 == 0:  # formants move slowly: every 5 ms is often enough
            formants = [(a + (b - a) * place) for a, b in zip(vowel_from, vowel_to, strict=True)]
            gains = [_formant_gain(k * pitch, formants) for k in range(1, 25)]
        swell = 0.55 + 0.45 * math.sin(math.pi * ((place * syllables) % 1.0))
        edge = min(1.0, n / 80, (length - n) / 80)
        samples.append(swell * edge * sum(g * math.sin(k * phase) for k, g in enumerate(gains, 1)))
    peak = max(abs(sample) for sample in samples)
    return bytes(_to_mulaw(sample * _PEAK / peak) for sample in samples)


@lru_cache(maxsize=_VARIANTS)
def _gap_sound(variant: int) -> bytes:
    """The breath between two words: a murmur 30 dB below them."""
    return bytes(
        _to_mulaw(_PEAK * 0.03 * math.sin(math.tau * (_PITCH + 9 * variant) * n / SAMPLE_RATE) + 40 * math.sin(n * n))
        for n in range(_GAP)
    )


_VOWELS: Final = (  # the first three formants of a few vowels, Hz
    (730.0, 1090.0, 2440.0),
    (530.0, 1840.0, 2480.0),
    (570.0, 840.0, 2410.0),
    (390.0, 1990.0, 2550.0),
    (440.0, 1020.0, 2240.0),
    (660.0, 1720.0, 2410.0),
)


def _formant_gain(frequency: float, formants: list[float]) -> float:
    """How loud a harmonic is: three resonances of 90, 120 and 160 Hz, each weaker than the one before."""
    if frequency > SAMPLE_RATE * 0.46:
        return 0.0
    widths, weights = (90.0, 120.0, 160.0), (1.0, 0.6, 0.35)
    return 0.03 + sum(
        weight / (1.0 + ((frequency - formant) / width) ** 2)
        for formant, width, weight in zip(formants, widths, weights, strict=True)
    )


def _to_mulaw(sample: float) -> int:
    """One 16-bit sample as G.711 mu-law, without the two bytes about negative zero, so any low bit may be set."""
    magnitude = min(int(abs(sample)) >> 2, 8158) + 33
    exponent = magnitude.bit_length() - 6
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    sign = 0x80 if sample < 0 else 0x00
    byte = ~(sign | exponent << 4 | mantissa) & 0xFF
    return byte | 0x80 if byte in (0x7E, 0x7F) else byte
