"""Give a number's line back: what stood at the carrier before us stands there again."""

from calling.domain.agent import Number
from calling.domain.errors import CarrierError
from calling.domain.routing import without_us
from calling.ports import Carrier, Credentials


def release_line(number: Number, *, public_base_url: str, carrier: Carrier, credentials: Credentials) -> str | None:
    """Let a number's calls go where they went before; give a warning where that failed.

    The carrier may be away, or its account closed: a number must be able to go all the same. What is not ours any more
    is left alone.
    """
    if not number.inbound_enabled and number.routing_before is None:
        return None
    try:
        account = credentials.of_number(number)
        line = carrier.line(account, number.phone_number)
        if line is None or line.routing is None:  # sold, or moved to another account: nothing of ours is left
            return None
        routing = without_us(line.routing, number.routing_before, public_base_url, number.account_id)
        if routing != line.routing:
            carrier.route(account, line, routing)
    except CarrierError as error:
        return (
            f"Twilio did not take back the settings of {number.phone_number.e164} ({error.message}): "
            "its calls still come here, until its voice URL is set at Twilio."
        )
    return None
