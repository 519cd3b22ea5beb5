"""The data language of state machines, as far as ours use it: JSONPath references, intrinsic functions, choices.

https://states-language.net/spec.html
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_CALL = re.compile(r"^States\.(\w+)\((.*)\)$", re.DOTALL)


class NoSuchPath(Exception):
    """A path leads nowhere: States.ParameterPathFailure."""


def read(path: str, data: Any, context: Mapping[str, Any]) -> Any:
    """Follow `$.a.b` in the data, `$$.a.b` in the context, or evaluate an intrinsic function."""
    call = _CALL.match(path)
    if call is not None:
        return _intrinsic(call[1], [_argument(text, data, context) for text in _split(call[2])])
    at: Any = context if path.startswith("$$") else data
    for step in path.lstrip("$").split(".")[1:]:
        try:
            at = at[step]
        except (KeyError, TypeError) as error:
            raise NoSuchPath(path) from error
    return at


def fill(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    """Fill a payload template: `"name.$": path`."""
    if isinstance(template, list):
        return [fill(part, data, context) for part in template]
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): read(part, data, context) if name.endswith(".$") else fill(part, data, context)
        for name, part in template.items()
    }


def put(path: str | None, data: Any, result: Any) -> Any:
    """Put a result where ResultPath says; None drops it."""
    if path is None:
        return data
    if path == "$":
        return result
    *way, last = path.removeprefix("$.").split(".")
    whole = json.loads(json.dumps(data))
    at = whole
    for step in way:
        at = at.setdefault(step, {})
    at[last] = result
    return whole


def holds(rule: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> bool:
    """Tell whether a choice's rule holds."""
    if "And" in rule:
        return all(holds(part, data, context) for part in rule["And"])
    if "Or" in rule:
        return any(holds(part, data, context) for part in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], data, context)
    try:
        value = read(rule["Variable"], data, context)
    except NoSuchPath:
        if "IsPresent" in rule:
            return not rule["IsPresent"]
        raise
    if "IsPresent" in rule:
        return bool(rule["IsPresent"])
    name = next(name for name in rule if name in _COMPARISONS)
    return _COMPARISONS[name](value, rule[name])


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "StringEquals": lambda a, b: isinstance(a, str) and a == b,
    "NumericEquals": lambda a, b: a == b,
    "NumericGreaterThan": lambda a, b: a > b,
    "NumericGreaterThanEquals": lambda a, b: a >= b,
    "NumericLessThan": lambda a, b: a < b,
    "NumericLessThanEquals": lambda a, b: a <= b,
    "BooleanEquals": lambda a, b: a is b,
    "IsNull": lambda a, b: (a is None) is b,
}


def _split(text: str) -> list[str]:
    """Cut arguments at the commas outside quotes and brackets."""
    parts, depth, quoted, part = list[str](), 0, False, ""
    for sign in text:
        quoted ^= sign == "'"
        depth += (not quoted) * ((sign == "(") - (sign == ")"))
        if sign == "," and not quoted and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += sign
    return [*parts, part.strip()] if part.strip() else parts


def _argument(text: str, data: Any, context: Mapping[str, Any]) -> Any:
    if text.startswith("'"):
        return text.strip("'")
    if text.startswith(("$", "States.")):
        return read(text, data, context)
    return json.loads(text)


def _intrinsic(name: str, given: list[Any]) -> Any:
    if name == "MathAdd":
        return given[0] + given[1]
    if name == "Format":
        form, *rest = given
        for value in rest:
            form = form.replace("{}", value if isinstance(value, str) else json.dumps(value), 1)
        return form
    if name == "JsonMerge":
        return {**given[0], **given[1]}
    if name == "StringToJson":
        return json.loads(given[0])
    if name == "JsonToString":
        return json.dumps(given[0])
    raise NotImplementedError(f"States.{name}")
