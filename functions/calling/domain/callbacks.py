"""Every address at which the carrier asks or tells us something, of a call and of a number.

Those who hand the addresses out and the door that serves them (`twilio_webhooks`) read the same words here.
"""

from dataclasses import dataclass
from enum import StrEnum

# Twilio's connection overrides, in a URL's fragment, which is no part of the signature. Two more tries after a 5xx or
# where nobody answered. All tries together may take 15 s, so that one that is read for 15 s (the default) would leave
# no time for another: each has 4.5 s. https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
TRY_AGAIN = "#rc=2&rp=5xx,ct,rt&rt=4500"


class CallCallback(StrEnum):
    """What the carrier tells or asks of one call."""

    STATUS = "status"  # rings, answered, ended
    AMD = "amd"  # a person or a machine
    STREAM = "stream"  # how its media stream fares
    AFTER_STREAM = "after-stream"  # what to do with a call whose stream is over


class NumberCallback(StrEnum):
    """What the carrier tells or asks of a call that comes in on a number."""

    INBOUND = "inbound"  # what to do with it
    FALLBACK = "inbound-fallback"  # the same, when `inbound` gave no answer
    STATUS = "inbound-status"  # its end


@dataclass(frozen=True, slots=True)
class NumberUrls:
    """What a number's settings at the carrier point to."""

    voice: str
    voice_fallback: str
    status: str


def of_call(base: str, account_id: str, call_id: str, kind: CallCallback) -> str:
    """Give the address of one callback of a call, under the API's own URL `base`."""
    url = f"{base}/twilio/{account_id}/calls/{call_id}/{kind.value}"
    # That Media Streams, which send it, read the fragment is not documented; what they tell is for the record alone.
    return url if kind is CallCallback.STREAM else url + TRY_AGAIN


def of_number(base: str, account_id: str) -> NumberUrls:
    """Give the addresses for a number of an account, under the API's own URL `base`."""
    at = f"{base}/twilio/{account_id}"
    return NumberUrls(
        voice=f"{at}/{NumberCallback.INBOUND.value}{TRY_AGAIN}",
        voice_fallback=f"{at}/{NumberCallback.FALLBACK.value}{TRY_AGAIN}",
        status=f"{at}/{NumberCallback.STATUS.value}{TRY_AGAIN}",
    )
