"""The TwiML of a call: connect it to the media container's stream, refuse it, or say one sentence and end it."""

from xml.sax.saxutils import escape, quoteattr

from calling.domain.agent import DEFAULT_VOICE, VOICES
from calling.domain.call import Call, EndedReason, machine
from calling.domain.callbacks import CallCallback, of_call

MAX_TWIML = 4_000  # characters, Twilio's limit for the Twiml parameter
# In English, as all voices are.
_STREAM_LOST = "I am sorry, our connection has failed, so I have to end this call here. Goodbye."
_NOT_NOW = "I am sorry, your call cannot be taken just now. Please try again later. Goodbye."


def connect_stream(account_id: str, call_id: str, *, token: str, public_base_url: str, media_public_url: str) -> str:
    """Write `<Connect><Stream>`: the call's sound goes to the media container, which knows it by id and `token`.

    Twilio refuses a query string in the stream's URL (31920), so data travels in parameters. When the stream is over
    `action` is asked what to do with the call; without it the call would end with a click.
    """
    stream = f"{media_public_url}/calls/{account_id}/{call_id}"
    after = of_call(public_base_url, account_id, call_id, CallCallback.AFTER_STREAM)
    status = of_call(public_base_url, account_id, call_id, CallCallback.STREAM)
    return (
        f"<Response><Connect action={quoteattr(after)}>"
        f"<Stream url={quoteattr(stream)} statusCallback={quoteattr(status)}>"
        f'<Parameter name="call_id" value={quoteattr(call_id)}/><Parameter name="token" value={quoteattr(token)}/>'
        "</Stream></Connect></Response>"
    )


def reject() -> str:
    """Refuse an inbound call before it is answered; the caller hears that the number is not in service."""
    return '<Response><Reject reason="rejected"/></Response>'


def not_now(voice_id: str | None) -> str:
    """Answer an inbound call whose proper answer could not be made: it is heard, and ends."""
    return _say(_NOT_NOW, voice_id)


def hang_up() -> str:
    """End the call without a word."""
    return "<Response><Hangup/></Response>"


def stream_lost(call: Call) -> str:
    """Tell whoever is on the line that the connection is lost, and end the call."""
    return _say(_STREAM_LOST, call.voice_id)


def is_stream_lost(call: Call) -> bool:
    """Tell whether a call whose stream is over lost it: no session has ended it, nobody wished it, a person is there.

    So it is where the stream never came up, its process died, or its session broke or lost the socket.
    """
    if call.status.is_terminal or call.carrier_is_done or call.cancel_requested_at is not None:
        return False
    if call.voicemail_detected or machine(call.amd_result):
        return False
    return call.media_reason is EndedReason.ERROR or (call.media_reason is None and call.media_closed_at is None)


def _say(text: str, voice_id: str | None) -> str:
    voice = VOICES.get(voice_id or "") or VOICES[DEFAULT_VOICE]
    name = f"Polly.{voice.voice_id}-{voice.engine.title()}"
    return f"<Response><Say voice={quoteattr(name)}>{escape(text)}</Say><Hangup/></Response>"
