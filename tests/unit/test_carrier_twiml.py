import pytest

from infra.local.carrier.twiml import Connect, Hangup, Pause, Redirect, Reject, Say, TwimlError, Unsupported, parse


def test_a_stream_with_parameters() -> None:
    document = """<?xml version="1.0" encoding="UTF-8"?>
    <Response><Connect action="https://host/after"><Stream url="wss://host/calls/1" name="n" statusCallback="https://host/s">
      <Parameter name="token" value="a&amp;b"/><Parameter name="call_id" value="call_1"/>
    </Stream></Connect><Hangup/></Response>"""
    assert parse(document) == [
        Connect(
            "wss://host/calls/1",
            "n",
            {"token": "a&b", "call_id": "call_1"},
            "https://host/s",
            "POST",
            "https://host/after",
        ),
        Hangup(),
    ]


def test_the_other_verbs() -> None:
    document = (
        "<Response><Say voice='Polly.Amy'> Hello <break/> there </Say><Pause length='2'/><Pause/>"
        "<Redirect method='get'> https://host/next </Redirect><Reject reason='busy'/><Dial>+15005550006</Dial>"
        "<Connect><ConversationRelay/></Connect></Response>"
    )
    assert parse(document) == [
        Say("Hello there", "Polly.Amy"),
        Pause(2.0),
        Pause(1.0),
        Redirect("https://host/next", "GET"),
        Reject("busy"),
        Unsupported("Dial"),
        Unsupported("Connect/ConversationRelay"),
    ]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", 12100),
        ("hello", 12100),
        ("<Response>", 12100),
        ("<Answer/>", 12100),
        ("<Response><Pause length='x'/></Response>", 13910),
        ("<Response><Connect><Stream url='https://host/'/></Connect></Response>", 31920),
        ("<Response><Connect><Stream url='wss://host/?token=1'/></Connect></Response>", 31920),
        ("<Response><Connect><Stream/></Connect></Response>", 31920),
        ((f"<Response><Connect><Stream url='wss://h/'><Parameter name='a' value='{'x' * 500}'/></Stream></Connect>"
         "</Response>"), 12100),
        (f"<Response><Say>{'x' * 70000}</Say></Response>", 11750),
        ('<!DOCTYPE r [<!ENTITY a "aaaa">]><Response><Say>&a;</Say></Response>', 12100),
    ],
)  # fmt: skip
def test_documents_that_cannot_run(document: str, code: int) -> None:
    with pytest.raises(TwimlError) as caught:
        parse(document)
    assert caught.value.code == code
