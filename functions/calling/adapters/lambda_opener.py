"""Asks the function that prepares openers, and does not wait for it."""

import json
import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)


class LambdaOpenerTask:
    """Fulfils OpenerTask. A call works without a prepared opener, so not being heard is logged and no error."""

    def __init__(self, client: "LambdaClient", function: str) -> None:
        self._client = client
        self._function = function

    def start(self, account_id: str, call_id: str) -> None:
        """Ask for an opener; see the port."""
        payload = json.dumps({"account_id": account_id, "call_id": call_id}).encode()
        try:
            self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=payload)
        except (ClientError, BotoCoreError) as error:
            logger.warning("no opener could be asked for: %s", type(error).__name__)
