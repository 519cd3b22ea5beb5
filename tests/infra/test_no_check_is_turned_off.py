"""The shipped package has no setting that turns a check off: what a load generator needs is in tests/benchmarks."""

from __future__ import annotations

import ast
from dataclasses import fields, is_dataclass
from http import HTTPStatus
from typing import Any

import pytest

from calling import settings as shared
from calling.adapters.twilio_signature import Signature
from media import __main__ as program
from media.door import CarrierDoor, Refused
from media.settings import MediaSettings
from tests.contracts.media_world import ACCOUNT, URL, World
from tests.infra.plan import GLOBALS, MEDIA_STACK, short, source_files, tree

GROUPS = [g for g in vars(shared).values() if isinstance(g, type) and is_dataclass(g)] + [MediaSettings]
# Every flag there is, with what it does. A new one is looked at here before it can ship.
FLAGS = {
    "allow_loopback_webhooks": "a customer's webhook may lie on loopback: only the template's stage `local` sets it",
    "powertools_trace_disabled": "no traces; checks nothing",
}


def test_every_flag_is_known() -> None:
    assert {field.name for group in GROUPS for field in fields(group) if field.type in (bool, "bool")} == set(FLAGS)


def test_the_one_flag_that_allows_more_is_the_laptops() -> None:
    variables = GLOBALS["Environment"]["Variables"]
    assert variables["ALLOW_LOOPBACK_WEBHOOKS"] == {"Fn::If": ["IsLocal", "true", "false"]}
    assert "ALLOW_LOOPBACK_WEBHOOKS" not in str(MEDIA_STACK)


def test_there_is_one_door() -> None:
    doors = [
        f"{short(path)}:{node.name}"
        for path in source_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and {"admit", "open"} <= {f.name for f in node.body if isinstance(f, ast.FunctionDef)}
    ]
    assert doors == ["media_fargate/media/door.py:Door", "media_fargate/media/door.py:CarrierDoor"]


@pytest.mark.parametrize("value", ["1", "true", "0", "local", "none", ""])
def test_an_unsigned_stream_is_refused_whatever_the_environment_says(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.dialled("call_1")
    nobody: Any = None  # no provider is asked for a stream that is not let in
    monkeypatch.setattr(program, "open_house", lambda _, refused: world.house(nobody, nobody, nobody))
    for group in GROUPS:
        for field in fields(group):
            monkeypatch.setenv(field.name.upper(), value)
    told: dict[str, Any] = {f.name: value for f in fields(MediaSettings) if f.type is str} | {"media_public_url": URL}
    _, door = program.parts_of_a_deployment(MediaSettings(**told), lambda: None)
    assert type(door) is CarrierDoor
    for signature in (Signature(), Signature(value), Signature(value, f"algorithm={value}")):
        with pytest.raises(Refused) as refused:
            door.admit(f"/calls/{ACCOUNT}/call_1", signature)
        assert (refused.value.status, refused.value.code) == (HTTPStatus.FORBIDDEN, "invalid_signature")
    with pytest.raises(Refused) as refused:
        door.admit("/ws", Signature())
    assert refused.value.code == "not_found"
