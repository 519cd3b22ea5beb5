"""Asks the function that may ask about models, for doors that must not carry the language model's SDK or its key."""

import json
import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from calling.domain.language_model import NOBODY_SAID, ModelFacts, facts_from

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 3  # that the client given to it reads for, once


class LambdaCatalogue:
    """Fulfils ModelCatalogue. An agent can be saved without an answer, so none is logged and is no error."""

    def __init__(self, client: "LambdaClient", function: str) -> None:
        self._client = client
        self._function = function

    def find(self, model: str) -> ModelFacts | None:
        """Ask about a model; see the port."""
        try:
            said = self._client.invoke(FunctionName=self._function, Payload=json.dumps({"model": model}).encode())
            return facts_from(json.loads(said["Payload"].read()))
        except (ClientError, BotoCoreError, ValueError, KeyError, TypeError) as error:  # or the function's own failure
            logger.warning("nothing was learnt of a model: %s", type(error).__name__)
            return NOBODY_SAID
