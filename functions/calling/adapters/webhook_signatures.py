"""The two signatures of a customer's webhook, both made with the account's secret (`whsec_` + base64).

Standard Webhooks (https://www.standardwebhooks.com) signs with the decoded bytes; the compatible header
`X-Nixflex-Signature` with the bytes of the whole string.
"""

import hmac
from datetime import UTC, datetime
from hashlib import sha256

from standardwebhooks import Webhook


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Make a request's signature headers; `timestamp` is epoch seconds, `message_id` stays the same over retries."""
    moment = datetime.fromtimestamp(timestamp, UTC)
    compatible = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, sha256).hexdigest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": Webhook(secret).sign(message_id, moment, body.decode()),
        "X-Nixflex-Signature": f"t={timestamp},v1={compatible}",
    }
