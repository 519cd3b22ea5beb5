"""Builds an image's files without docker: the few instructions that media_fargate/Dockerfile uses, really executed.

Each stage is a folder that stands for `/`. A RUN command runs in a shell whose absolute paths are moved into that
folder; `useradd`, which needs root, is noted instead of run. Base images are an empty Python; what is copied from a
foreign image is given by the caller. An instruction that is not known here is an error: nothing is passed over.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_NOTED = {"EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD", "USER", "VOLUME"}


@dataclass
class Stage:
    """A stage as it was built: its root folder, its environment, and what was noted for the container's start."""

    root: Path
    python: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    users: set[str] = field(default_factory=set)
    noted: dict[str, str] = field(default_factory=dict)

    def inside(self, path: str) -> Path:
        """Give where a path of the image lies on this machine."""
        absolute = path if path.startswith("/") else f"{self.workdir.rstrip('/')}/{path}"
        return self.root / absolute.lstrip("/")

    def moved(self, text: str) -> str:
        """Move the absolute paths in a text into this stage's folder."""
        return re.sub(r"(?<![\w./])/(?=\w)", f"{self.root}/", text)

    def command(self, instruction: str) -> list[str]:
        """Give the command of a CMD, or of a HEALTHCHECK's CMD, in its JSON form."""
        found = re.search(r"\[.*\]$", self.noted[instruction])
        assert found, f"{instruction} is not in its JSON form"
        words: list[str] = json.loads(found[0])
        return [str(self.python) if words[0] == "python" else words[0], *words[1:]]


def build(
    dockerfile: Path, context: Path, scratch: Path, python: Path, foreign: Mapping[str, Path], clean: dict[str, str]
) -> Stage:
    """Execute a Dockerfile and return its last stage.

    `foreign` maps an image, without its tag, to a folder that stands for its root; `clean` is the environment that
    commands start from.
    """
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for name, rest in instructions(dockerfile):
        if name == "FROM":
            image, _, alias = rest.partition(" AS ")
            assert re.fullmatch(r"python:3\.13-slim", image), f"not a base this test knows: {image}"
            stage = stages[alias or "last"] = Stage(scratch / (alias or "last"), python)
            stage.root.mkdir()
            continue
        assert stage is not None
        if name == "RUN":
            _run(stage, rest, clean)
        elif name == "COPY":
            _copy(stage, rest, context, {**{a: s.root for a, s in stages.items()}, **foreign})
        elif name == "ENV":
            stage.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
        elif name == "WORKDIR":
            stage.workdir = rest
            stage.inside(rest).mkdir(parents=True, exist_ok=True)
        else:
            assert name in _NOTED, f"an instruction this test does not know: {name}"
            stage.noted[name] = rest
    assert stage is not None
    return stage


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Read the instructions: comments left out, continued lines joined."""
    lines = [line for line in dockerfile.read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in joined.splitlines()]


def _copy(stage: Stage, rest: str, context: Path, images: Mapping[str, Path]) -> None:
    words = shlex.split(rest)
    origin = context
    if words[0].startswith("--from="):
        image = words.pop(0).removeprefix("--from=")
        origin = images[image.rpartition(":")[0] or image]  # a foreign image without its tag, or a stage
    *sources, target = words
    for source in sources:
        found = origin / source.lstrip("/")
        into = stage.inside(target)
        if target.endswith("/"):
            into /= found.name
        into.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(found, into)


def _run(stage: Stage, command: str, clean: dict[str, str]) -> None:
    if command.startswith("useradd "):
        assert "&&" not in command, "only useradd itself is noted"
        stage.users.add(command.rsplit(maxsplit=1)[-1])
        return
    path = f"{stage.root}/usr/local/bin:{stage.python.parent}:{clean['PATH']}"
    environment = clean | {name: stage.moved(value) for name, value in stage.environment.items()} | {"PATH": path}
    where = stage.inside(stage.workdir)
    run = subprocess.run(
        ["/bin/sh", "-ec", stage.moved(command)],
        env=environment,
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 0, f"RUN {command}\n{run.stderr[-3000:]}"
