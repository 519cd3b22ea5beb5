"""The TwiML of a call: connect it to the media container's stream, or refuse it."""

from xml.sax.saxutils import quoteattr

MAX_TWIML = 4_000  # characters, Twilio's limit for the Twiml parameter


def connect_stream(url: str, *, call_id: str, token: str) -> str:
    """Write `<Connect><Stream>`. Twilio refuses a query string in `url` (31920); data travels in parameters."""
    return (
        f"<Response><Connect><Stream url={quoteattr(url)}>"
        f'<Parameter name="call_id" value={quoteattr(call_id)}/><Parameter name="token" value={quoteattr(token)}/>'
        "</Stream></Connect></Response>"
    )


def reject() -> str:
    """Refuse an inbound call before it is answered; the caller hears that the number is not in service."""
    return '<Response><Reject reason="rejected"/></Response>'
