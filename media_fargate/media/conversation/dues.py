"""When each rule of the turn table is due: a time, past or future, or None. Reads the state, changes nothing."""

from media.conversation import barge_in, endpointing, opener, silence, voicemail
from media.conversation.state import State

# A model that answers after all within this time needs no excuse.
_FILLER_AFTER = 0.6
# How long a goodbye waits for somebody who is just saying something.
_LAST_CHANCE = 1.0
# A caller expects to be greeted, but one who speaks first is let finish.
_GREET_AFTER = 0.8
# Nobody need be waited for to see whether a hello was noise.
_SOONER_AFTER_HELLO = 0.5


def opener_at(state: State) -> float | None:
    """The agent says its first words."""
    config, callee = state.config, state.callee
    return opener.opener_due(
        started=state.started,
        delay=config.pickup_delay if config.direction == "outbound" else _GREET_AFTER,
        silence=config.endpoint_silence,
        text=callee.turn.text,
        evidence=state.evidence,
        voice_began=state.first_voice,
        voice_since=callee.voice_since,
        last_voice=callee.last_voice,
        needs_text=not config.opener_text,
    )


def words_judged_at(state: State) -> float | None:
    """What was said proves to be a machine's greeting."""
    if state.machine_found or state.callee.last_text is None:
        return None
    at = _quiet_at(state)
    evidence = state.evidence_with(beep=voicemail.beep_counts(state.beep, at))
    return at if voicemail.is_machine(evidence, answered=state.transcript.caller_answered) else None


def carrier_judged_at(state: State) -> float | None:
    """The carrier's word for a machine is believed, since nothing that was said speaks against it."""
    verdict = state.verdict or ""
    if state.machine_found or not verdict.startswith(("machine", "fax")) or state.is_person:
        return None
    return _quiet_at(state)


def _quiet_at(state: State) -> float:
    callee = state.callee
    return voicemail.verdict_due(
        since=state.started,
        last_text=callee.last_text,
        voice_since=callee.voice_since,
        last_voice=callee.last_voice,
    )


def time_is_up_at(state: State) -> float | None:
    """The call has lasted as long as it may."""
    return state.started + state.config.max_duration


def seal_at(state: State) -> float | None:
    """The words of the turn being answered can no longer change."""
    return state.callee.seal_due


def flush_at(state: State) -> float | None:
    """Sentences that wait go to the voice."""
    return state.agent.flush_due


def filler_at(state: State) -> float | None:
    """Somebody has waited for the model long enough to wonder."""
    since = state.agent.waits_since
    return None if since is None else since + _FILLER_AFTER


def finished_at(state: State) -> float | None:
    """The agent's turn is written, spoken and accounted for."""
    return state.agent.done_at


def stalled_at(state: State) -> float | None:
    """The agent is stuck: no word, no sound, no mark."""
    return state.agent.overdue_at(state.config.stall_timeout)


def yield_at(state: State) -> float | None:
    """The callee goes on before any of the answer was heard."""
    turn, callee = state.agent.turn, state.callee
    if turn is None or state.agent.audible:
        return None
    return barge_in.yield_due(
        text=callee.turn.text,
        asked=turn.reply.asked if turn.reply is not None else "",
        restarts=turn.reply is not None,
        voice_since=callee.voice_since,
        noise=callee.noise,
    )


def interrupt_at(state: State) -> float | None:
    """The callee takes the floor from an agent that can be heard."""
    callee = state.callee
    if not state.agent.audible or not callee.turn.voiced:
        return None
    # An excuse for waiting is cut short by words alone: the answer it promises would be lost to a cough.
    return barge_in.interruption_due(
        sensitivity=state.config.interruption_sensitivity,
        text=callee.turn.text,
        voice_since=None if state.agent.only_filled else callee.voice_since,
        noise=callee.noise,
    )


def reply_at(state: State) -> float | None:
    """The callee's turn is over and wants an answer."""
    callee = state.callee
    if state.agent.turn is not None or (state.cut_off and not state.more_than_hello):
        return None
    due = endpointing.endpoint_due(
        text=callee.turn.text,
        text_is_final=callee.turn.is_final,
        last_text=callee.last_text,
        voice_since=callee.voice_since,
        last_voice=callee.last_voice,
        voiced=callee.turn.voiced,
        silence=state.config.endpoint_silence,
    )
    judged = words_judged_at(state)  # a machine's greeting is not answered
    return due if due is None or judged is None else max(due, judged)


def resume_at(state: State) -> float | None:
    """An interruption has proved false."""
    if not state.cut_off or state.agent.turn is not None:
        return None
    callee = state.callee
    text = " ".join(state.more_than_hello)
    due = barge_in.resume_due(text=text, voice_since=callee.voice_since, last_voice=callee.last_voice)
    sooner = due is not None and state.hello_cut_opener and callee.voice_since is None
    return due - _SOONER_AFTER_HELLO if due is not None and sooner else due


def _silent_at(state: State, limit: float) -> float | None:
    if state.agent.turn is not None:
        return None
    voice_since, last_voice = state.callee.voice_since, state.callee.last_voice
    return silence.silence_due(
        quiet_since=state.quiet_since, limit=limit, voice_since=voice_since, last_voice=last_voice
    )


def prompt_at(state: State) -> float | None:
    """Half of the silence allowed has passed."""
    return None if state.prompted else _silent_at(state, state.config.silence_hangup / 2)


def silence_ends_at(state: State) -> float | None:
    """All of the silence allowed has passed."""
    return _silent_at(state, state.config.silence_hangup)


def call_off_at(state: State) -> float | None:
    """The callee has more to say than goodbye."""
    turn, callee = state.agent.turn, state.callee
    if not state.closing.revocable or turn is None:
        return None
    said = callee.turn.text
    if not state.agent.audible and turn.reply is not None:
        said = " ".join(said.split()[len(turn.reply.asked.split()) :])
    elif not callee.turn.voiced:
        return None
    return 0.0 if barge_in.calls_off_goodbye(said, state.config.interruption_sensitivity) else None


def closed_at(state: State) -> float | None:
    """The last words were heard, or can no longer be waited for."""
    agent, config = state.agent, state.config
    done = agent.done_at
    if done is not None and state.closing.revocable and state.callee.voice_since is not None:
        done += _LAST_CHANCE
    overdue = agent.overdue_at(config.farewell_timeout if agent.all_begun else config.stall_timeout)
    return min((due for due in (done, overdue) if due is not None), default=0.0)


def message_at(state: State) -> float | None:
    """The greeting is over and the message can be left."""
    if state.agent.turn is not None:
        return None
    return voicemail.message_due(
        since=state.leaving_since,
        beep=state.beep,
        voice_since=state.callee.voice_since,
        last_voice=state.callee.last_voice,
    )


def given_up_at(state: State) -> float | None:
    """The greeting does not end, or the message cannot be spoken."""
    if state.agent.turn is None:
        return state.leaving_since + state.config.amd_timeout
    return stalled_at(state)
