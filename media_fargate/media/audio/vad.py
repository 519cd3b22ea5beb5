"""Voice activity of one callee: 20 ms frames in, edges out.

webrtcvad decides a frame; hysteresis decides an edge. An onset needs three voiced frames of the last four (60-80 ms:
a click is not a word); an end needs a quarter of a second without one (shorter gaps lie inside words).
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

import webrtcvad

from media.audio import mulaw

_MODE = 3  # the strictest: a telephone's noise is not speech
_ONSET_WINDOW, _ONSET_VOICED = 4, 3  # frames
_HANGOVER = 12  # frames without voice that end it: 240 ms
_GATE = 120  # rms under which a frame is not a person close to a telephone (about -49 dBFS)


@dataclass(frozen=True, slots=True)
class Edge:
    """Voice began or ended; `ago` is how many seconds before the frame's end that really was."""

    kind: Literal["started", "stopped"]
    ago: float


class VoiceDetector:
    """Detects voice edges in one stream of 20 ms frames."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_MODE)
        self._recent: deque[bool] = deque(maxlen=_ONSET_WINDOW)
        self._quiet = 0
        self.voiced = False

    def feed(self, pcm: bytes) -> Edge | None:
        """Take 20 ms of 16-bit PCM at 8 kHz and return the edge it completes, if any."""
        loud = mulaw.loudness(pcm) >= _GATE
        # webrtcvad adapts its noise model on every frame, so it hears the quiet ones too.
        speech = self._vad.is_speech(pcm, mulaw.RATE) and loud
        self._quiet = 0 if speech else self._quiet + 1
        self._recent.append(speech)
        if not self.voiced and sum(self._recent) >= _ONSET_VOICED:
            self.voiced = True
            return Edge("started", len(self._recent) * mulaw.FRAME_SECONDS)
        if self.voiced and self._quiet >= _HANGOVER:
            self.voiced = False
            self._recent.clear()
            return Edge("stopped", self._quiet * mulaw.FRAME_SECONDS)
        return None

    def reset(self) -> None:
        """Forget everything heard."""
        self.__init__()  # type: ignore[misc]  # the detector's state is exactly what __init__ makes
