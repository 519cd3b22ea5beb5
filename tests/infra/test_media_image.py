"""The media image: its Dockerfile is executed without docker, the result is started, is healthy, and ends on SIGTERM.

Packages come from the lock by the Dockerfile's own commands. Two things are done otherwise than in the image, both for
speed alone: uv keeps its cache, and no bytecode is made.
"""

import json
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.infra.clean import bare_python, environment, uv
from tests.infra.dockerfile import Stage, build, instructions
from tests.infra.plan import MEDIA, MEDIA_STACK, ROOT, TEMPLATE

WITHIN = 60.0
MEDIA_PARAMETERS = TEMPLATE["Resources"]["Media"]["Properties"]["Parameters"]
UV = """#!/bin/sh
for word do
    shift
    case "$word" in --no-cache|--compile-bytecode) ;; *) set -- "$@" "$word" ;; esac
done
exec "{uv}" "$@"
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    scratch = tmp_path_factory.mktemp("image")
    python = bare_python(scratch / "python")
    (scratch / "uv").mkdir()
    (scratch / "uv" / "uv").write_text(UV.format(uv=uv()))
    (scratch / "uv" / "uv").chmod(0o755)
    clean = environment() | {"UV_PYTHON": str(python), "UV_LINK_MODE": "hardlink"}
    return build(MEDIA / "Dockerfile", ROOT, scratch, python, {"ghcr.io/astral-sh/uv": scratch / "uv"}, clean)


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """Stand in for Secrets Manager, which is asked for the language model's key at the start."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            secret = {"SecretString": json.dumps({"api_key": "a-key"}), "CreatedDate": 1_764_000_000.0}
            data = json.dumps(secret).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def settings(image: Stage, cloud: str) -> dict[str, str]:
    """The environment the task definition gives, the image's own under it, and a laptop's addresses over it."""
    (container,) = MEDIA_STACK["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    given = {entry["Name"]: as_deployed(entry["Value"]) for entry in container["Environment"]}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: image.moved(value) for name, value in image.environment.items()}
    laptop = {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": cloud,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "MEDIA_HOST": "127.0.0.1",
        "MEDIA_PORT": str(port),
        "PATH": "/usr/bin:/bin",
    }
    return own | given | laptop


def as_deployed(value: Any) -> str:
    """Say what a value is in a deployment that chooses nothing; what is made with it is known by its name alone."""
    passed = MEDIA_PARAMETERS.get(value["Ref"]) if isinstance(value, dict) and "Ref" in value else None
    chosen = TEMPLATE["Parameters"].get(passed["Ref"]) if isinstance(passed, dict) and "Ref" in passed else None
    return str(chosen["Default"] if chosen else value)


def test_docker_is_sent_what_is_copied_and_nothing_else() -> None:
    """`.dockerignore` leaves everything out but what the Dockerfile copies of the repository."""
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")]
    copies = [words for name, words in instructions(MEDIA / "Dockerfile") if name == "COPY" and "--from" not in words]
    assert first == "*"
    assert {line[1:] for line in rest if line[0] == "!"} == {
        source for words in copies for source in words.split()[:-1]
    }


def test_it_runs_as_a_user_of_its_own(image: Stage) -> None:
    assert image.users == {image.noted["USER"]}
    assert image.noted["STOPSIGNAL"] == "SIGTERM"


def test_nothing_of_the_workshop_is_inside(image: Stage) -> None:
    inside = {path.name.partition("-")[0].lower() for path in image.inside("/packages").glob("*.dist-info")}
    assert {"amazon_transcribe", "websockets", "anthropic", "botocore"} <= inside
    assert not {"pytest", "ministack", "mypy", "ruff", "piper_tts", "ctranslate2", "hypothesis"} & inside
    assert {path.name for path in image.inside("/app").iterdir()} == {"calling", "media"}


def test_it_starts_is_healthy_and_ends_on_sigterm(image: Stage, settings: dict[str, str]) -> None:
    process = subprocess.Popen(
        image.command("CMD"), env=settings, cwd=image.inside(image.workdir), stderr=subprocess.PIPE, text=True
    )
    try:
        _await_health(process, f"http://127.0.0.1:{settings['MEDIA_PORT']}/health")
        health = subprocess.run(image.command("HEALTHCHECK"), env=settings, check=False, timeout=WITHIN)
        assert health.returncode == 0, "the image's own health check"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _await_health(process: "subprocess.Popen[str]", url: str) -> None:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"it ended at once: {process.stderr.read()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own address
                assert answer.status == 200
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("it never became healthy")
