"""Settings: groups are read by name, type and default; what is missing is named, never shown."""

import pytest

from calling.settings import (
    DestinationSettings,
    ModelSettings,
    PaceSettings,
    PublicSettings,
    SettingsError,
    TableSettings,
    WebhookSettings,
    load,
)


def test_types_and_defaults() -> None:
    assert load(PaceSettings, {}) == PaceSettings(20, 1.0)
    assert load(PaceSettings, {"GLOBAL_CAP": "5", "CALLS_PER_SECOND": "0.5"}) == PaceSettings(5, 0.5)
    assert load(WebhookSettings, {"ALLOW_LOOPBACK_WEBHOOKS": "true"}).allow_loopback_webhooks
    assert not load(WebhookSettings, {"ALLOW_LOOPBACK_WEBHOOKS": "false"}).allow_loopback_webhooks
    assert load(ModelSettings, {"ANTHROPIC_SECRET_ARN": "arn"}).llm_model == "claude-haiku-5-5"


def test_empty_is_not_set() -> None:
    assert load(ModelSettings, {"ANTHROPIC_SECRET_ARN": "arn", "LLM_MODEL": ""}).llm_model == "claude-haiku-5-5"
    with pytest.raises(SettingsError, match="TABLE_NAME"):
        load(TableSettings, {"TABLE_NAME": " "})


def test_all_that_is_wrong_is_named_and_no_value() -> None:
    with pytest.raises(SettingsError) as raised:
        load(PublicSettings, {})
    assert "PUBLIC_BASE_URL, MEDIA_PUBLIC_URL" in str(raised.value)
    with pytest.raises(SettingsError) as raised:
        load(PaceSettings, {"GLOBAL_CAP": "s3cret"})
    assert "GLOBAL_CAP" in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(("text", "prefixes"), [("", ()), ("+882", ("+882",)), (" +882, +1900 ", ("+882", "+1900"))])
def test_allowed_destinations_are_prefixes(text: str, prefixes: tuple[str, ...]) -> None:
    assert load(DestinationSettings, {"ALLOWED_DESTINATIONS": text}).prefixes == prefixes


@pytest.mark.parametrize("text", ["1900", "+", "+0", "GB", "+1900;+882", "+19 00"])
def test_what_is_no_prefix_is_told_and_not_ignored(text: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_DESTINATIONS"):
        load(DestinationSettings, {"ALLOWED_DESTINATIONS": text})


def test_addresses_lose_their_last_slash() -> None:
    public = load(PublicSettings, {"PUBLIC_BASE_URL": "https://a.example/", "MEDIA_PUBLIC_URL": "wss://b.example/"})
    assert (public.public_base_url, public.media_public_url) == ("https://a.example", "wss://b.example")


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "one")
    assert load(TableSettings).table_name == "one"
