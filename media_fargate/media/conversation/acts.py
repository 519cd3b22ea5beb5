"""What the rules of the turn table do: change the state and append the effects. The only writer of the transcript."""

from media.conversation.agent_turn import Kind, Reply
from media.conversation.callee import CalleeTurn
from media.conversation.effects import HangUp, ReportVoicemail, VoicemailLeft
from media.conversation.playout import Fate
from media.conversation.state import Closing, Phase, Reason, State
from media.conversation.voicemail import takes_messages
from media.conversation.words import already_said, is_backchannel

# A nod over this many seconds before the agent's last word answers nothing.
_OLD_NOD = 1.0
# Seconds into the opener within which a hello means that it was not heard; it is said again at most so often.
_OPENER_UNHEARD, _OPENER_REPEATS = 2.0, 2


def open_call(state: State, now: float) -> None:
    """Say the first words: the opener, or what the model makes of the hello."""
    text = (state.config.opener_text or "").strip()
    state.phase = Phase.TALKING
    if not text:
        ask(state, now, opening=True)
        return
    state.callee.mistrust_voice()
    begin_opener(state, text, now)


def begin_opener(state: State, text: str, now: float) -> None:
    """Begin the opener, with the audio that was made of it before the call if there is any."""
    is_made = state.config.opener_has_audio and text == (state.config.opener_text or "").strip()
    if is_made and not state.agent.opener_failed:
        state.effects.extend(state.agent.play_opener(text, now))
    else:
        say(state, "opener", text, now)


def say(state: State, kind: Kind, text: str, now: float) -> None:
    """Begin a turn of fixed words."""
    state.agent.begin(kind, now)
    state.effects.extend(state.agent.speak(text, now))


def ask(state: State, now: float, *, opening: bool = False) -> None:
    """Ask the model to answer what the callee has said."""
    callee = state.callee
    seal(state, now)
    state.cut_off = state.opener_cut = ""
    asked = callee.turn.text
    answers = callee.last_voice if callee.turn.voiced and callee.voice_since is None else callee.last_text
    callee.mistrust_voice()
    messages = state.transcript.messages(asked)
    state.effects.append(state.agent.ask(messages, asked, answers if asked else None, now, opening=opening))


def ask_again(state: State, now: float) -> None:
    """Ask once more after a reply without a word; after a second one, give up."""
    turn = state.agent.turn
    state.empty_replies += 1
    if state.empty_replies > 1:
        give_up(state, now)
        return
    end_agent_turn(state, now)
    state.transcript.note("The other side waits for an answer in words.")
    ask(state, now, opening=turn is not None and turn.opening)


def decline(state: State, now: float) -> None:
    """Say that the agent cannot help with what the model declined to answer; where that was heard before, give up."""
    state.agent.forget_unspoken(now)
    if state.refusals:
        give_up(state, now)
        return
    if not state.agent.audible:
        end_agent_turn(state, now)
        state.agent.begin("reply", now)
    state.effects.extend(state.agent.decline(state.config.cannot_help, now))


def fill(state: State, now: float) -> None:
    """Tell somebody who waits for the model that the line is not dead."""
    state.effects.extend(state.agent.fill(state.config.one_moment, now))


def flush(state: State, now: float) -> None:
    """Give the sentences that wait to the voice."""
    state.effects.extend(state.agent.flush(now))


def seal(state: State, now: float) -> None:
    """Store the turn that is being answered: its words no longer change."""
    store_callee(state, state.callee.seal(), now)


def store_callee(state: State, turn: CalleeTurn | None, now: float) -> None:
    """Store a turn of the callee, if there is one."""
    if turn is not None:
        began = now if turn.began is None else turn.began
        ended = now if turn.ended is None else turn.ended
        state.effects.append(state.transcript.add("caller", turn.text, started=began, ended=ended))


def end_agent_turn(state: State, now: float, *, clear: bool = True) -> str:
    """Silence the agent if it is not done, store what was heard, and return what was not."""
    state.effects.extend(state.agent.silenced(now, clear=clear))
    spoken = state.agent.end_turn(now)
    if spoken is None:
        return ""
    if spoken.turn.first_audio is not None:
        seal(state, now)
    if spoken.turn.kind != "prompt":
        state.quiet_since = now
    if spoken.heard:
        if spoken.turn.declines:  # told so, the callee will say something else
            state.refusals += 1
            state.transcript.withhold()
        turn = state.transcript.add(
            "agent",
            spoken.heard,
            started=now if spoken.turn.first_audio is None else spoken.turn.first_audio,
            ended=now,
            interrupted=spoken.interrupted,
            latency=spoken.turn.latency,
        )
        state.effects.append(turn)
    return spoken.left


def finish(state: State, now: float) -> None:
    """Store the agent's turn; the floor is the callee's."""
    agent, callee = state.agent, state.callee
    silent = not agent.audible
    end_agent_turn(state, now)
    nod_ended = callee.turn.ended if is_backchannel(callee.turn.text) and callee.voice_since is None else None
    if nod_ended is not None and nod_ended < now - _OLD_NOD:
        callee.close()
    if silent:
        give_up(state, now)


def unstick(state: State, now: float) -> None:
    """End a turn that no longer moves; if nothing of it was heard but an excuse, the call cannot go on."""
    heard = state.agent.audible and not state.agent.only_filled
    end_agent_turn(state, now)
    if not heard:
        give_up(state, now)


def give_way(state: State, now: float) -> None:
    """Drop an answer nobody has heard: the callee goes on."""
    turn = state.agent.turn
    left = end_agent_turn(state, now)
    if turn is not None and turn.opening:
        state.phase = Phase.OPENING
    elif turn is not None and turn.kind == "resumed":
        state.cut_off = left


def interrupt(state: State, now: float) -> None:
    """Fall silent for the callee; after voice without words, or a hello, remember what was left to say."""
    state.opener_cut = _opener_just_begun(state, now)
    left = end_agent_turn(state, now)
    state.cut_off = "" if state.more_than_hello else left


def _opener_just_begun(state: State, now: float) -> str:
    turn, callee = state.agent.turn, state.callee
    if turn is None or not turn.opening or turn.first_audio is None or state.agent.writing:
        return ""
    began = now if callee.voice_since is None else callee.voice_since
    early = began - state.agent.words_began(now) <= _OPENER_UNHEARD and state.opener_repeats < _OPENER_REPEATS
    return state.agent.words if early else ""


def resume(state: State, now: float) -> None:
    """Go on with what a false interruption cut off; who says hello into an opener has not heard it: it begins again."""
    hello, opener, rest = state.hello_cut_opener, state.opener_cut, state.cut_off
    state.opener_cut = state.cut_off = ""
    state.callee.mistrust_voice()
    if hello:
        state.opener_repeats += 1
        store_callee(state, state.callee.close(), now)
        begin_opener(state, opener, now)
    else:
        state.callee.close()
        say(state, "resumed", rest, now)


def prompt(state: State, now: float) -> None:
    """Ask whether somebody is there."""
    state.prompted = True
    say(state, "prompt", state.config.silence_prompt, now)


def silence_ends(state: State, now: float) -> None:
    """Hang up on silence."""
    hang_up(state, "silence_timeout", now)


def say_goodbye(state: State, reply: Reply, farewell: str, now: float) -> None:
    """Speak all that is written, then the farewell; the call ends when it was heard."""
    agent = state.agent
    reply.closed = True
    state.effects.extend(agent.flush_all(reply, now))
    if farewell and not already_said(reply.text, farewell):
        state.effects.extend(agent.speak(farewell, now))
    elif not agent.has_words:
        state.effects.extend(agent.speak(state.config.default_farewell, now))
    state.closing = Closing("completed", revocable=True)
    state.phase = Phase.CLOSING


def last_words(state: State, text: str, closing: Closing, now: float) -> None:
    """End the call with fixed words the callee cannot call off."""
    end_agent_turn(state, now)
    state.closing = closing
    state.phase = Phase.CLOSING
    say(state, "last_words", text, now)


def give_up(state: State, now: float, why: str | None = None) -> None:
    """End the call because the agent cannot go on; `why` says it to the callee."""
    last_words(state, why or state.config.cannot_go_on, Closing("error"), now)


def time_is_up(state: State, now: float) -> None:
    """End the call at its longest, with a short goodbye."""
    last_words(state, state.config.time_up, Closing("max_duration_reached"), now)


def call_off(state: State, now: float) -> None:
    """Take the goodbye back: the callee has more to say."""
    end_agent_turn(state, now)
    state.phase = Phase.TALKING


def closed(state: State, now: float) -> None:
    """Hang up after the last words."""
    hang_up(state, state.closing.reason, now)


def believe_words(state: State, now: float) -> None:
    """Take what was said for a machine's greeting."""
    machine(state, ReportVoicemail("speech"), now, records=takes_messages(state.evidence))


def believe_carrier(state: State, now: float) -> None:
    """Take the carrier's word that a machine answered."""
    records = state.verdict != "fax" and takes_messages(state.evidence)
    machine(state, ReportVoicemail("carrier"), now, records=records)


def machine(state: State, report: ReportVoicemail, now: float, *, records: bool = True) -> None:
    """A machine answered: fall silent, then do what the call asks for. Only the first finding counts."""
    action = state.config.voicemail_action
    if state.machine_found:
        return
    state.machine_found = True
    if action != "ignore":
        end_agent_turn(state, now)
    state.effects.append(report)
    if action == "leave_message" and state.config.voicemail_message and records:
        state.phase, state.leaving_since = Phase.LEAVING, now
        state.agent.notices.begin_anew()  # who listens to the message has heard nothing else
    elif action != "ignore":
        hang_up(state, "voicemail_detected", now)


def leave_message(state: State, now: float) -> None:
    """Speak the message."""
    say(state, "message", state.config.voicemail_message or "", now)


def message_left(state: State, now: float) -> None:
    """Hang up after the message; only its mark proves that it was left."""
    left = all(u.fate is Fate.HEARD for u in state.agent.playout.utterances[-1:])
    end_agent_turn(state, now)
    if left:
        state.effects.append(VoicemailLeft())
    hang_up(state, "voicemail_left" if left else "voicemail_detected", now)


def give_up_message(state: State, now: float) -> None:
    """Hang up on a machine that cannot be left a message."""
    hang_up(state, "voicemail_detected", now)


def out_of_time(state: State, now: float) -> None:
    """Hang up at the longest duration without a word."""
    hang_up(state, "max_duration_reached", now)


def hang_up(state: State, reason: Reason, now: float) -> None:
    """Store what is still open and end the call."""
    end_agent_turn(state, now)
    state.callee.voice_stopped(now)  # who is still speaking has spoken until now
    store_callee(state, state.callee.close(), now)
    state.effects.append(HangUp(reason))
    state.phase = Phase.OVER
