"""What the media process is told by its environment, beside the groups it shares with the Lambdas."""

from dataclasses import dataclass

from calling.settings import load

__all__ = ["MediaSettings", "load"]


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where it listens, under which URL the carrier was told to come, and how long calls may finish on SIGTERM.

    `media_public_url` is ws:// or wss://; signatures are computed over it. The drain (90 s at most) and
    the 25 s calls get to end after it must stay below the container's stop timeout (Fargate allows 120 s). ECS itself
    sets `ecs_agent_uri`.
    """

    media_public_url: str
    media_port: int = 8080
    media_host: str = "127.0.0.1"
    media_drain_seconds: int = 90
    ecs_agent_uri: str = ""
    stt_provider: str = "transcribe"
    tts_provider: str = "polly"
    llm_provider: str = "claude"
