"""One phone conversation, without a clock, a task or a socket: told what happened, it answers with what to do.

The rules of the room:

* `receive` first takes the fact in, then runs the rules of the phase. A rule is a pair: when it is due (`dues`), and
  what is done then. The first one due is carried out, and the table is read again, until none is; the earliest time
  still to come is the deadline, so no timer can be forgotten.
* `facts` takes inputs in, `dues` asks the pure policies when, `acts` does it and alone writes the live transcript.
* The callee's turn is stored once its words can no longer change; the agent's once marks have proved it, or, cut
  short, as far as it had time to play.
* One reply at a time is alive, and the past of the call reaches the model only as the transcript.
"""

from collections.abc import Callable, Mapping
from typing import Any

from media.conversation import acts, dues, facts, inputs
from media.conversation.config import ConversationConfig
from media.conversation.effects import Effect
from media.conversation.inputs import Input
from media.conversation.state import Phase, State

_TOLD_LATE = (inputs.VoiceStarted, inputs.VoiceStopped)
_BEFORE_THE_STREAM = (inputs.StreamStarted, inputs.StreamEnded, inputs.CarrierVerdict, inputs.HangUpRequested)

_FACTS: Mapping[type[Input], Callable[[State, Any, float], None]] = {
    inputs.StreamStarted: facts.stream_started,
    inputs.VoiceStarted: facts.voice_started,
    inputs.VoiceStopped: facts.voice_stopped,
    inputs.Heard: facts.heard,
    inputs.Beep: facts.beeped,
    inputs.Dtmf: facts.dtmf,
    inputs.AudioQueued: facts.audio_queued,
    inputs.MarkEchoed: facts.mark_echoed,
    inputs.SpeechFailed: facts.speech_failed,
    inputs.ReplyText: facts.reply_text,
    inputs.ReplyTool: facts.reply_tool,
    inputs.ReplyEnded: facts.reply_ended,
    inputs.ReplyWaiting: facts.reply_waiting,
    inputs.ReplyFailed: facts.reply_failed,
    inputs.CarrierVerdict: facts.carrier_verdict,
    inputs.HearingLost: facts.hearing_lost,
    inputs.HangUpRequested: facts.hang_up_requested,
    inputs.StreamEnded: facts.stream_ended,
    inputs.Tick: facts.tick,
}

_Rule = tuple[Callable[[State], float | None], Callable[[State, float], None]]

# The turn table: what may happen in each phase, the most urgent first.
_RULES: Mapping[Phase, tuple[_Rule, ...]] = {
    Phase.WAITING: (),
    Phase.OPENING: (
        (dues.time_is_up_at, acts.time_is_up),
        (dues.words_judged_at, acts.believe_words),
        (dues.carrier_judged_at, acts.believe_carrier),
        (dues.opener_at, acts.open_call),
    ),
    Phase.TALKING: (
        (dues.time_is_up_at, acts.time_is_up),
        (dues.words_judged_at, acts.believe_words),
        (dues.carrier_judged_at, acts.believe_carrier),
        (dues.seal_at, acts.seal),
        (dues.yield_at, acts.give_way),
        (dues.interrupt_at, acts.interrupt),
        (dues.finished_at, acts.finish),
        (dues.flush_at, acts.flush),
        (dues.filler_at, acts.fill),
        (dues.stalled_at, acts.unstick),
        (dues.reply_at, acts.ask),
        (dues.resume_at, acts.resume),
        (dues.silence_ends_at, acts.silence_ends),
        (dues.prompt_at, acts.prompt),
    ),
    Phase.CLOSING: (
        (dues.seal_at, acts.seal),
        (dues.call_off_at, acts.call_off),
        (dues.flush_at, acts.flush),
        (dues.closed_at, acts.closed),
    ),
    Phase.LEAVING: (
        (dues.time_is_up_at, acts.out_of_time),
        (dues.seal_at, acts.seal),
        (dues.finished_at, acts.message_left),
        (dues.message_at, acts.leave_message),
        (dues.given_up_at, acts.give_up_message),
    ),
    Phase.OVER: (),
}


class Conversation:
    """The turn table. Feed it inputs in the order they happened; carry its effects out in the order given."""

    def __init__(self, config: ConversationConfig) -> None:
        self._state = State(config)
        self._now = float("-inf")
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When it wants a Tick (same clock as `now`); None: never."""
        return self._deadline

    @property
    def over(self) -> bool:
        """True after HangUp or StreamEnded: there will be no more effects."""
        return self._state.phase is Phase.OVER

    def receive(self, input: Input, now: float) -> list[Effect]:  # noqa: A002  the word of this room
        """Take one fact, `now` in seconds of a monotonic clock, and return what to do, in order.

        An edge of voice may be told late, with the earlier time at which it was: it counts from then, though what was
        done meanwhile stays done.
        """
        if self.over:
            return []
        told = now
        self._now = now = max(now, self._now)
        effects: list[Effect] = []
        self._state.effects = effects
        if self._state.phase is not Phase.WAITING or isinstance(input, _BEFORE_THE_STREAM):
            _FACTS[type(input)](self._state, input, told if isinstance(input, _TOLD_LATE) else now)
        self._deadline = self._run_rules(now)
        return effects

    def _run_rules(self, now: float) -> float | None:
        for _ in range(50):
            due = [(at, act) for when, act in _RULES[self._state.phase] if (at := when(self._state)) is not None]
            act = next((act for at, act in due if at <= now), None)
            if act is None:
                return min((at for at, _ in due), default=None)
            act(self._state, now)
        raise RuntimeError(f"the rules of phase {self._state.phase.value} do not come to rest")
