"""No field of an agent is taken and silently ignored: each is read by what runs a call, or warned of."""

import ast
import dataclasses
from typing import Any

from api.schemas.agents import AgentFields
from calling.domain.agent import Agent
from tests.infra.plan import FUNCTIONS, source_files, tree

KEPT_ONLY: dict[str, Any] = {"boosted_keywords": ("Redial",)}  # with a value that is warned of
ONLY_STORES = (FUNCTIONS / "api", FUNCTIONS / "calling" / "adapters", FUNCTIONS / "calling" / "domain" / "agent.py")


def test_each_field_is_read_by_what_runs_a_call_or_warned_of() -> None:
    read = {
        node.attr
        for path in source_files()
        if not any(path.is_relative_to(room) for room in ONLY_STORES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
    }
    read |= {"voicemail_leave_enabled"}  # agent.voicemail_plan, which decides for every call
    assert set(AgentFields.model_fields) - read == set(KEPT_ONLY)
    for name, value in KEPT_ONLY.items():
        agent = dataclasses.replace(Agent("acct_1", "agent_1", 0), **{name: value})
        assert [warning for warning in agent.warnings if warning.startswith(name)]
