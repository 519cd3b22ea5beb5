"""Dataclasses to DynamoDB's attribute values and back, by their type hints. It knows no item and no table.

None is left out. A field of free JSON (`dict[str, Any]`) is kept as JSON text: DynamoDB would turn 1.0 into 1 and
refuse numbers beyond 38 digits. An attribute that is absent gives None where None is allowed, else the field's default,
so fields may be added later. Attributes a class does not have (keys, ttl) are skipped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from calling.domain.phone_number import PhoneNumber

T = TypeVar("T")
Attribute = dict[str, Any]
Item = dict[str, Attribute]


@dataclass(frozen=True, slots=True)
class _Codec:
    encode: Callable[[Any], Attribute]
    decode: Callable[[Attribute], Any]
    optional: bool = False


def encode(record: object) -> Item:
    """Write all fields of a dataclass that are not None."""
    item: Item = {}
    for name, codec in _plan(type(record)).items():
        value = getattr(record, name)
        if value is not None:
            item[name] = codec.encode(value)
    return item


def decode(cls: type[T], item: Mapping[str, Any]) -> T:
    """Read a dataclass out of an item."""
    values: dict[str, Any] = {}
    for name, codec in _plan(cls).items():
        if name in item:
            values[name] = codec.decode(item[name])
        elif codec.optional:
            values[name] = None
    return cls(**values)


def encode_field(cls: type, name: str, value: object) -> Attribute | None:
    """Write one field's value; None where it must be removed. Raises KeyError for a field the class has not."""
    codec = _plan(cls)[name]
    return None if value is None else codec.encode(value)


def text(value: str) -> Attribute:
    """Write a string."""
    return {"S": value}


def number(value: float) -> Attribute:
    """Write a number."""
    return {"N": repr(value)}


def texts(values: Mapping[str, str]) -> Item:
    """Write a map of strings, such as a key."""
    return {name: {"S": value} for name, value in values.items()}


def _plan(cls: type) -> dict[str, _Codec]:
    plan = _PLANS.get(cls)
    if plan is None:
        hints = get_type_hints(cls)
        plan = _PLANS[cls] = {f.name: _codec(hints[f.name]) for f in fields(cls)}
    return plan


def _codec(hint: Any) -> _Codec:  # noqa: ANN401  a type hint has no type of its own
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (inner,) = (a for a in args if a is not NoneType)
        known = _codec(inner)
        return _Codec(known.encode, known.decode, optional=True)
    if origin is Literal:
        return _SIMPLE[str]
    if origin is tuple:
        return _list_of(_codec(args[0]))
    if origin is dict:
        return _SIMPLE[object] if args[1] is Any else _map_of(_codec(args[1]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Codec(lambda v: {"S": hint(v).value}, lambda a: hint(a["S"]))
    if is_dataclass(hint) and isinstance(hint, type) and hint is not PhoneNumber:
        return _Codec(lambda v: {"M": encode(v)}, lambda a: decode(hint, a["M"]))
    return _SIMPLE[hint]


def _list_of(member: _Codec) -> _Codec:
    return _Codec(lambda v: {"L": [member.encode(x) for x in v]}, lambda a: tuple([member.decode(x) for x in a["L"]]))


def _map_of(member: _Codec) -> _Codec:
    return _Codec(
        lambda v: {"M": {k: member.encode(x) for k, x in v.items()}},
        lambda a: {k: member.decode(x) for k, x in a["M"].items()},
    )


_SIMPLE: dict[Any, _Codec] = {
    str: _Codec(lambda v: {"S": v}, lambda a: a["S"]),
    bool: _Codec(lambda v: {"BOOL": v}, lambda a: a["BOOL"]),
    int: _Codec(lambda v: {"N": str(v)}, lambda a: int(a["N"])),
    float: _Codec(lambda v: {"N": repr(float(v))}, lambda a: float(a["N"])),
    PhoneNumber: _Codec(lambda v: {"S": v.e164}, lambda a: PhoneNumber(a["S"])),
    object: _Codec(lambda v: {"S": json.dumps(v, separators=(",", ":"))}, lambda a: json.loads(a["S"])),
}
_PLANS: dict[type, dict[str, _Codec]] = {}
