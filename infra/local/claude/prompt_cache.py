"""What the service has kept of earlier prompts: prefixes up to a `cache_control`, each by its digest."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

_CHARACTERS_A_TOKEN = 4
_MOST_KEPT = 10_000


class PromptCache:
    """Remembers prefixes; older ones make room. The service forgets after five minutes, which no test waits for."""

    def __init__(self) -> None:
        self._kept: dict[str, None] = {}

    def use(self, request: dict[str, Any], *, kept_from: int) -> tuple[int, int]:
        """Give the tokens read from the cache and written to it by this request; shorter prompts are not kept."""
        read = written = 0
        marked: list[tuple[str, int]] = []
        for digest, tokens, is_marked in _prefixes(request):
            if digest in self._kept:
                read = tokens
            if is_marked and tokens >= kept_from:
                marked.append((digest, tokens))
        for digest, tokens in marked:
            written = max(written, tokens - read)
            self._kept[digest] = None
        while len(self._kept) > _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        return (read, written) if marked else (0, 0)


def _prefixes(request: dict[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """Walk the prompt block by block: the digest and tokens so far, and whether it is to be kept up to here."""
    digest, characters = sha256(str(request["model"]).encode()), 0
    for role, block in _blocks(request):
        text = json.dumps([role, {k: v for k, v in block.items() if k != "cache_control"}], sort_keys=True)
        digest.update(text.encode())
        characters += len(text)
        yield digest.hexdigest(), characters // _CHARACTERS_A_TOKEN, bool(block.get("cache_control"))


def _blocks(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for tool in request.get("tools") or ():
        yield "tool", tool
    yield from (("system", block) for block in _content(request.get("system", "")))
    for message in request["messages"]:
        yield from ((message["role"], block) for block in _content(message["content"]))


def _content(content: Any) -> list[dict[str, Any]]:  # noqa: ANN401  a string, or blocks
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
