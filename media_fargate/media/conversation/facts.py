"""How each input changes what is known. Facts first; what follows from them is for the rules of the turn table.

Only where an input is itself a decision of somebody else (a tool, a machine's greeting, a request to end) does it act.
"""

from media.conversation import acts, inputs
from media.conversation.agent_turn import Reply
from media.conversation.effects import ReportVoicemail
from media.conversation.state import Phase, State
from media.conversation.tools import TOOLS, WITHOUT_ARGUMENTS, EndCall


def stream_started(state: State, _: inputs.StreamStarted, now: float) -> None:
    """The line is open."""
    if state.phase is Phase.WAITING:
        state.started = state.quiet_since = now
        state.phase = Phase.OPENING if state.config.ai_speaks_first else Phase.TALKING


def voice_started(state: State, _: inputs.VoiceStarted, now: float) -> None:
    """The callee makes a sound."""
    state.first_voice = now if state.first_voice is None else state.first_voice
    state.callee.voice_started(now)


def voice_stopped(state: State, _: inputs.VoiceStopped, now: float) -> None:
    """The callee is quiet."""
    state.callee.voice_stopped(now)


def heard(state: State, words: inputs.Heard, now: float) -> None:
    """Words of the callee."""
    if words.text.strip():
        state.callee.heard(words, now)
        state.quiet_since, state.prompted = now, False


def dtmf(state: State, pressed: inputs.Dtmf, now: float) -> None:
    """A key was pressed."""
    state.callee.pressed(pressed.digit, now)
    state.quiet_since, state.prompted = now, False


def beeped(state: State, _: inputs.Beep, now: float) -> None:
    """A beep was heard."""
    state.beep = now


def audio_queued(state: State, queued: inputs.AudioQueued, now: float) -> None:
    """Audio is on the line; with the first of a turn, what the callee said before becomes the turn it answers."""
    if state.agent.audio(queued, now):
        state.empty_replies = state.empty_replies if state.agent.only_filled else 0
        acts.seal(state, now)
        state.callee.hand_over(now)


def mark_echoed(state: State, mark: inputs.MarkEchoed, now: float) -> None:
    """An utterance was played to its end."""
    utterance = state.agent.playout.pending(mark.name)
    if utterance is not None and utterance.chunks:
        state.agent.marked(utterance, now)
    elif utterance is not None:  # a mark behind no audio proves that nothing was said
        speech_failed(state, inputs.SpeechFailed(mark.name), now)


def speech_failed(state: State, failed: inputs.SpeechFailed, now: float) -> None:
    """An utterance will not be spoken (on); two in a row end the call."""
    utterance = state.agent.playout.pending(failed.utterance)
    if utterance is None:
        return
    again = list(state.agent.broken(utterance, now))
    state.effects.extend(again)
    if not again and state.agent.failures >= 2:
        acts.hang_up(state, "error", now)


def reply_text(state: State, piece: inputs.ReplyText, now: float) -> None:
    """The model writes."""
    if (reply := _reply_named(state, piece.reply)) is not None:
        state.agent.written(reply, piece.text, now)


def reply_tool(state: State, use: inputs.ReplyTool, now: float) -> None:
    """The model asks for a tool."""
    reply = _reply_named(state, use.reply)
    if reply is None or reply.closed or state.phase is not Phase.TALKING:
        return
    if use.name not in TOOLS:
        state.transcript.note("A tool that does not exist was asked for; it did nothing.")
        return
    if use.cut and use.name not in WITHOUT_ARGUMENTS:
        state.transcript.note("The last use of a tool was cut off; it did nothing.")
        return
    order = TOOLS[use.name](use.arguments)
    if isinstance(order, EndCall):
        acts.say_goodbye(state, reply, order.farewell, now)
    else:
        acts.machine(state, ReportVoicemail("speech"), now)


def reply_ended(state: State, ended: inputs.ReplyEnded, now: float) -> None:
    """The model writes no more."""
    if (reply := _reply_named(state, ended.reply)) is None:
        return
    if ended.stop == "refused" and not reply.closed:
        acts.decline(state, now)
        return
    # Half a sentence is dropped where whole ones stand before it; alone it is better than nothing.
    whole = ended.stop == "done" or not state.agent.has_words
    state.agent.writing_ended(now, keep_rest=whole and not reply.closed)
    if state.agent.has_words:
        state.refusals = 0
    elif ended.stop == "too_long":
        acts.give_up(state, now)
    else:
        acts.ask_again(state, now)


def reply_waiting(state: State, waiting: inputs.ReplyWaiting, now: float) -> None:
    """The model cannot be had at once."""
    if (reply := _reply_named(state, waiting.reply)) is not None:
        state.agent.waits(reply, now)


def reply_failed(state: State, failed: inputs.ReplyFailed, now: float) -> None:
    """The model cannot be had at all."""
    # Whole sentences that were said stand for the turn; with nothing said, the call cannot go on.
    if _reply_named(state, failed.reply) is not None:
        state.agent.writing_ended(now, keep_rest=False)
        if not state.agent.has_words:
            acts.give_up(state, now)


def carrier_verdict(state: State, verdict: inputs.CarrierVerdict, now: float) -> None:
    """The carrier says who answered; a greeting that it has heard end can be left a message behind."""
    state.verdict = verdict.answered_by
    if state.ends_greeting:
        state.beep = now


def hearing_lost(state: State, _: inputs.HearingLost, now: float) -> None:
    """The agent has gone deaf: it cannot go on, but a goodbye or a message is still said to its end."""
    if state.phase in (Phase.OPENING, Phase.TALKING):
        acts.give_up(state, now, state.config.deaf)


def hang_up_requested(state: State, request: inputs.HangUpRequested, now: float) -> None:
    """Somebody outside ends the call."""
    acts.hang_up(state, request.reason, now)


def stream_ended(state: State, _: inputs.StreamEnded, now: float) -> None:
    """The line is gone: only what was said is left to store."""
    acts.end_agent_turn(state, now, clear=False)
    acts.store_callee(state, state.callee.close(), now)
    state.phase = Phase.OVER


def tick(state: State, _: inputs.Tick, now: float) -> None:
    """Nothing is new but the time."""


def _reply_named(state: State, name: str) -> Reply | None:
    reply = state.agent.reply
    return reply if reply is not None and reply.name == name else None
