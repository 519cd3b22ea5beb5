"""What a laptop's house may be told: ports, speech, cap, pace. Read once, here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = Path(os.environ.get("REDIAL_LOCAL_DIR") or ROOT / ".local").resolve()  # what a house leaves: logs, recordings

RECOGNISERS = {"websocket": "transcribe", "sdk": "transcribe-sdk"}  # RECOGNISER to STT_PROVIDER


@dataclass(frozen=True, slots=True)
class HouseSettings:
    """Ports are on loopback. `speech` is `real` or `scripted`; `cps` 0 is no limit."""

    api_port: int = 8080
    emulator_port: int = 4566
    carrier_port: int = 8090
    media_port: int = 8765
    speech_port: int = 8070  # Polly and Claude
    speech_tls_port: int = 8071  # Transcribe: WebSocket and HTTP/2, over TLS
    cap: int = 10
    cps: float = 0.0
    destinations: str = ""  # prefixes of dear numbers that are dialled all the same
    speech: str = "real"
    real_llm: bool = False  # REDIAL_LLM=anthropic, with ANTHROPIC_API_KEY
    real_speech: bool = False  # REDIAL_SPEECH=aws, with AWS credentials
    stt_provider: str = "transcribe"  # by RECOGNISER
    region: str = "us-east-1"

    @property
    def ports(self) -> dict[str, int]:
        """Where the house will listen, by the variable that moves it."""
        return {
            "API_PORT": self.api_port,
            "EMULATOR_PORT": self.emulator_port,
            "CARRIER_PORT": self.carrier_port,
            "MEDIA_PORT": self.media_port,
            "SPEECH_PORT": self.speech_port,
            "SPEECH_PORT + 1": self.speech_tls_port,
        }

    @property
    def api_url(self) -> str:
        """The HTTP API's base."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def emulator_url(self) -> str:
        """AWS's endpoint."""
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def carrier_url(self) -> str:
        """The carrier's REST base and its controls."""
        return f"http://127.0.0.1:{self.carrier_port}"

    @property
    def speech_url(self) -> str:
        """Polly and Claude."""
        return f"http://127.0.0.1:{self.speech_port}"

    @property
    def media_url(self) -> str:
        """The media process's websocket base."""
        return f"ws://127.0.0.1:{self.media_port}"


def from_environment(environment: Mapping[str, str] | None = None) -> HouseSettings:
    """Read the settings.

    Raises:
        SystemExit: a value is not what it must be; says which.
    """
    env = os.environ if environment is None else environment
    speech = env.get("SPEECH") or "real"
    if speech not in ("real", "scripted"):
        raise SystemExit("SPEECH must be real or scripted.")
    recogniser = env.get("RECOGNISER") or "websocket"
    if recogniser not in RECOGNISERS:
        raise SystemExit(f"RECOGNISER must be {' or '.join(RECOGNISERS)}.")
    try:
        return HouseSettings(
            api_port=int(env.get("API_PORT") or 8080),
            emulator_port=int(env.get("EMULATOR_PORT") or 4566),
            carrier_port=int(env.get("CARRIER_PORT") or 8090),
            media_port=int(env.get("MEDIA_PORT") or 8765),
            speech_port=int(env.get("SPEECH_PORT") or 8070),
            speech_tls_port=int(env.get("SPEECH_PORT") or 8070) + 1,
            cap=int(env.get("CAP") or 10),
            cps=float(env.get("CPS") or 0),
            destinations=env.get("DESTINATIONS") or "",
            speech=speech,
            real_llm=env.get("REDIAL_LLM") == "anthropic",
            real_speech=env.get("REDIAL_SPEECH") == "aws",
            stt_provider=RECOGNISERS[recogniser],
        )
    except ValueError as error:
        raise SystemExit(f"A port, CAP or CPS is not a number: {error}.") from None
