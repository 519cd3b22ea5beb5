"""What each model takes and refuses, as the service does: thinking, effort, temperature, forced tools, retirement.

From platform.claude.com/docs ("Troubleshooting thinking", the models' own pages, "Prompt caching"). A model that thinks
unless it is told not to does so here too: it spends its time and its tokens before the first word.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")
_NO_SAMPLING_SINCE = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_LEVELS = ("low", "medium", "high", "xhigh", "max")
_THOUGHT = {"low": 60, "medium": 250, "high": 600, "xhigh": 1_200, "max": 2_400}  # tokens before an answer


class Refusal(Exception):
    """A request this model does not take: `kind` is Anthropic's error type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `types` of thinking it accepts; `thinks` without being asked; `effort` is its default, if it has one.

    `kept_from`: the shortest prompt, in tokens, of which anything is cached.
    """

    name: str
    types: tuple[str, ...]
    thinks: bool = False
    effort: str | None = None
    temperature: bool = False
    forced_tools: bool = True
    kept_from: int = 512
    retires: date | None = None

    def info(self) -> dict[str, Any]:
        """The model as `GET /v1/models/{id}` describes it."""
        types = {
            name: {"supported": name in self.types} for name in ("adaptive", "between_tools", "disabled", "enabled")
        }
        effort = {level: {"supported": self.effort is not None} for level in _LEVELS}
        others = ("batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs")
        nothing = {"supported": False}
        return {
            "type": "model",
            "id": self.name,
            "display_name": self.name,
            "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": "active" if self.retires is None else "deprecated",
            "deprecated_at": None if self.retires is None else "2026-06-01T00:00:00Z",
            "retires_at": None if self.retires is None else f"{self.retires}T00:00:00Z",
            "line": None,
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
            "capabilities": {
                **{name: {"supported": True} for name in others},
                "context_management": nothing,
                "server_tools": nothing,
                "effort": {"supported": self.effort is not None, **effort},
                "thinking": {"supported": True, "types": types},
            },
        }

    def thinking_tokens(self, request: dict[str, Any]) -> int:
        """How many tokens it thinks before it answers this request."""
        asked = (request.get("thinking") or {}).get("type")
        if asked in ("disabled", "between_tools") or (asked is None and not self.thinks):
            return 0
        level = (request.get("output_config") or {}).get("effort") or self.effort or "medium"
        return _THOUGHT[level]

    def check(self, request: dict[str, Any], version: str) -> None:
        """Refuse what it does not take."""
        self._check_sampling(request, version)
        thinking = (request.get("thinking") or {}).get("type")
        if thinking is not None and thinking not in self.types:
            raise _invalid(f'"thinking.type.{thinking}" is not supported for this model. {self._advice()}')
        effort = (request.get("output_config") or {}).get("effort")
        if effort is not None and (self.effort is None or effort not in _LEVELS):
            raise _invalid("output_config.effort: this model does not support the effort parameter.")
        if (request.get("tool_choice") or {}).get("type") in ("tool", "any"):
            if not self.forced_tools:
                raise _invalid("tool_choice: forced tool use is not supported for this model. Use 'auto'.")
            if self.thinking_tokens(request):
                raise _invalid("Thinking may not be enabled when tool_choice forces tool use.")

    def _check_sampling(self, request: dict[str, Any], version: str) -> None:
        for name in _SAMPLING:
            if name in request and version >= _NO_SAMPLING_SINCE:
                raise _invalid(f"{name}: Extra inputs are not permitted")
            if name in request and request[name] != 1 and not self.temperature:
                raise _invalid(f"`{name}` is deprecated for this model.")

    def _advice(self) -> str:
        if "between_tools" in self.types:
            return 'To turn thinking off on this model, send "thinking": {"type": "between_tools"}.'
        return 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'


_OLD = ("enabled", "disabled")
_NEW = ("adaptive", "disabled")
MODELS = {
    model.name: model
    for model in (
        Model("claude-haiku-4-5", _OLD, temperature=True, kept_from=4_096),
        Model("claude-sonnet-4-5", _OLD, temperature=True, kept_from=1_024, retires=date(2026, 11, 30)),
        Model("claude-sonnet-4-6", ("adaptive", *_OLD), effort="high", temperature=True, kept_from=1_024),
        Model("claude-opus-4-8", _NEW, effort="high", kept_from=1_024),
        Model("claude-sonnet-5", _NEW, thinks=True, effort="high", kept_from=1_024),
        Model("claude-opus-5", _NEW, thinks=True, effort="high"),
        Model("claude-haiku-5-5", _NEW, thinks=True, effort="medium"),
        Model("claude-sonnet-5-5", ("adaptive", "between_tools"), thinks=True, effort="high", forced_tools=False),
        Model("claude-opus-5-5", ("adaptive",), thinks=True, effort="medium", forced_tools=False),
        Model("claude-fable-5-1", ("adaptive",), thinks=True, effort="high", forced_tools=False),
    )
}
# Names that ask for an answer no test could get otherwise; the models behind them are like Haiku 5.5.
_ASKING = {
    "claude-test-overloaded": ("overloaded_error", "Overloaded"),
    "claude-test-rate-limited": ("rate_limit_error", "This request would exceed your organization's rate limit."),
    "claude-test-api-error": ("api_error", "Internal server error"),
    "claude-test-unpaid": ("billing_error", "Your credit balance is too low to access the Claude API."),
}


def find(name: str) -> Model:
    """Find a model; raises Refusal for one that is not there, or whose name asks for a refusal."""
    if name in _ASKING:
        raise Refusal(*_ASKING[name])
    if name not in MODELS:
        raise Refusal("not_found_error", f"model: {name}")
    return MODELS[name]


def _invalid(message: str) -> Refusal:
    return Refusal("invalid_request_error", message)
