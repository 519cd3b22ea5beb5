"""The rest of the world: model, voice, blobs, secrets, customers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from calling.adapters.secrets import account_on_record
from calling.domain.agent import Number
from calling.domain.language_model import NOBODY_SAID, ModelFacts, ModelTraits
from calling.ports import CarrierAccount, Clock, Completion, WebhookAnswer
from tests.fakes.clock import ManualClock

CHUNK = 64 * 1024  # bytes of a blob that are read at once


class FakeModel:
    """Gives `answers` in turn (an exception is raised), then the last one for ever; `asked` holds the requests."""

    def __init__(self, *answers: Completion | Exception) -> None:
        self.answers = list(answers) or [Completion("Hello, this is a test.")]
        self.asked: list[dict[str, Any]] = []

    def complete(
        self,
        *,
        system: str,
        message: str,
        max_tokens: int,
        temperature: float,
        model: str | None = None,
        traits: ModelTraits | None = None,
        tool: Mapping[str, Any] | None = None,
    ) -> Completion:
        self.asked.append(
            {
                "system": system,
                "message": message,
                "max_tokens": max_tokens,
                "temperature": temperature,
                "model": model,
                "traits": traits,
                "tool": tool,
            }
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class MemoryCatalogue:
    """Knows `models`; any other name that begins with `claude-` nobody can be asked about, and the rest are none."""

    def __init__(self, models: Mapping[str, ModelFacts] | None = None) -> None:
        self.models = dict(models or {})
        self.asked: list[str] = []

    def find(self, model: str) -> ModelFacts | None:
        self.asked.append(model)
        return self.models.get(model) or (NOBODY_SAID if model.startswith("claude-") else None)


class FakeSpeech:
    """160 bytes of mu-law silence a character; raises `error` where one is set."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def synthesize(self, text: str, *, voice_id: str) -> bytes:
        if self.error is not None:
            raise self.error
        self.spoken.append((text, voice_id))
        return b"\xff" * 160 * len(text)


class MemoryBlobs:
    def __init__(self) -> None:
        self.blobs: dict[str, tuple[bytes, str]] = {}

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        self.blobs[key] = (data, content_type)

    def get(self, key: str) -> bytes | None:
        found = self.blobs.get(key)
        return found[0] if found else None

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.blobs.pop(key, None)

    def signed_url(self, key: str, *, seconds: int) -> str:
        return f"https://blobs.example/{key}?seconds={seconds}"

    def upload_url(self, key: str, *, seconds: int) -> str:
        return f"https://blobs.example/{key}?put&seconds={seconds}"

    def size(self, key: str) -> int | None:
        found = self.get(key)
        return None if found is None else len(found)

    def copy(self, source: str, target: str) -> None:
        self.blobs[target] = self.blobs[source]

    def chunks(self, key: str) -> Iterator[bytes]:
        found = self.get(key)
        if found is None:
            raise FileNotFoundError(key)
        for start in range(0, len(found), CHUNK):
            yield found[start : start + CHUNK]


class MemoryVault:
    """Encryption one can read, bound to its account like the real one."""

    def encrypt(self, account_id: str, plaintext: str) -> str:
        return f"{account_id}:{plaintext[::-1]}"

    def decrypt(self, account_id: str, ciphertext: str) -> str:
        owner, _, text = ciphertext.partition(":")
        if owner != account_id:
            raise ValueError("encrypted for another account")
        return text[::-1]


class MemoryCredentials:
    def __init__(self, account: CarrierAccount | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.account = account or CarrierAccount("AC" + "0" * 32, "token")
        self.rotated: CarrierAccount | None = None  # what the next `renew` finds
        self.renewals = 0

    def of_number(self, number: Number) -> CarrierAccount:
        return account_on_record(number, MemoryVault(), self.clock.now()) or self.account

    def renew(self, number: Number) -> bool:
        """Counted in `renewals`; the minute between two reads is the adapter's."""
        if number.twilio_token:
            return False
        self.renewals += 1
        was, self.account, self.rotated = self.account, self.rotated or self.account, None
        return self.account != was

    def stream_secret(self) -> bytes:
        return b"stream-secret"

    def llm_key(self) -> str:
        return "sk-test"


class MemoryWebhookSender:
    """`posts` holds (url, body, headers); `answers` are given in turn, then 200."""

    def __init__(self, *answers: WebhookAnswer) -> None:
        self.answers = list(answers)
        self.posts: list[tuple[str, bytes, dict[str, str]]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        self.posts.append((url, body, dict(headers)))
        return self.answers.pop(0) if self.answers else WebhookAnswer(200)
