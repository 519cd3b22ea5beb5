"""The callee's side of one call: the carrier's frames become voice edges, beeps, recognition and recording."""

from collections.abc import Callable

from media.audio import mulaw
from media.audio.beep import BeepDetector
from media.audio.recorder import Recorder
from media.audio.vad import VoiceDetector
from media.conversation.inputs import Beep, Input, VoiceStarted, VoiceStopped
from media.stt import SttStream
from media.wire.twilio_stream import Media

_SAMPLES_A_MS = mulaw.RATE // 1000


class Ear:
    """Hears one callee. `tell` takes an input and how many seconds ago it happened."""

    def __init__(self, recognition: SttStream, recorder: Recorder | None, tell: Callable[[Input, float], None]) -> None:
        self._recognition = recognition
        self._recorder = recorder
        self._tell = tell
        self._vad = VoiceDetector()
        self._beeps = BeepDetector()
        self._rest = b""

    def hear(self, media: Media) -> None:
        """Take what the carrier sent, whatever its length."""
        if self._recorder is not None:
            self._recorder.heard(media.payload, media.timestamp * _SAMPLES_A_MS)
        sound = self._rest + media.payload if self._rest else media.payload
        whole = len(sound) // mulaw.FRAME * mulaw.FRAME
        self._rest = sound[whole:]
        if not whole:
            return
        pcm = mulaw.to_pcm(sound[:whole])
        self._recognition.send(pcm)
        for at in range(0, len(pcm), 2 * mulaw.FRAME):
            self._frame(pcm[at : at + 2 * mulaw.FRAME])

    def _frame(self, pcm: bytes) -> None:
        edge = self._vad.feed(pcm)
        if edge is not None:
            self._tell(VoiceStarted() if edge.kind == "started" else VoiceStopped(), edge.ago)
        if self._beeps.feed(pcm):
            self._tell(Beep(), mulaw.FRAME_SECONDS)
