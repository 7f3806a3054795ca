"""Whether a JSON value has a declared type, with no member that the type does not name.

The SDKs check what their users write only loosely: typed dictionaries and most models let unknown members pass, some of them
unknown values of an enumeration too. Here the same declarations are read strictly, by the names that go over the wire.
"""
import base64
import binascii
import collections.abc
import enum
import types
import typing

import pydantic
import typing_extensions

UNIONS = (typing.Union, types.UnionType)
LISTS = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable)
MAPPINGS = (dict, collections.abc.Mapping)
NONE = type(None)


class Fault(typing.NamedTuple):
    text: str
    path: tuple
    #: The value names another alternative of a union.
    elsewhere: bool = False

    def __str__(self):
        return f"{self.text} at {'.'.join(self.path)}"


def faults(kind, value, path=()):
    """Everything in which `value` differs from the type `kind`."""
    kind = bare(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in (typing.Any, object):
        return []
    if origin in UNIONS:
        return alternatives(arguments, value, path)
    if origin is typing.Literal:
        return [] if value in arguments else [Fault(f"{value!r} is none of {list(arguments)}", path, True)]
    if origin in LISTS or kind in LISTS:
        if not isinstance(value, list):
            return [Fault("not a list", path)]
        item = arguments[0] if arguments else typing.Any
        return [fault for one in value for fault in faults(item, one, path + ("[]",))]
    if origin in MAPPINGS or kind in MAPPINGS:
        if not isinstance(value, dict):
            return [Fault("not an object", path)]
        item = arguments[1] if arguments else typing.Any
        return [fault for one in value.values() for fault in faults(item, one, path + ("{}",))]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        known = [one.value for one in kind]
        return [] if value in known else [Fault(f"{value!r} is none of {known}", path)]
    if typing_extensions.is_typeddict(kind) or is_model(kind):
        return members(kind, value, path)
    return scalar(kind, value, path)


def bare(kind):
    """The type below annotations and names."""
    while True:
        origin = typing.get_origin(kind)
        if isinstance(origin, typing_extensions.TypeAliasType):
            kind = origin.__value__[typing.get_args(kind)]
        elif isinstance(kind, typing_extensions.TypeAliasType):
            kind = kind.__value__
        elif origin in (typing.Annotated, typing.Required, typing.NotRequired, typing_extensions.Required,
                        typing_extensions.NotRequired, typing_extensions.ReadOnly):
            kind = typing.get_args(kind)[0]
        else:
            return kind


def is_model(kind):
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def is_open(kind):
    """What SDKs put beside the values they know, so that newer ones pass."""
    name = getattr(kind, "__name__", "")
    return kind is typing.Any or name == "Unset" or name.startswith(("Unrecognized", "Unknown"))


def alternatives(kinds, value, path):
    """The faults of the alternative that is nearest."""
    kinds = [bare(kind) for kind in kinds]
    known = [kind for kind in kinds if not is_open(kind)]
    if not [kind for kind in known if kind is not NONE]:
        known = kinds
    if value is None:
        return [] if NONE in known or typing.Any in known else [Fault("null", path)]
    tried = [faults(kind, value, path) for kind in known if kind is not NONE]
    here = lambda fault: fault.elsewhere and len(fault.path) <= len(path) + 1
    depth = lambda found: max((len(fault.path) for fault in found), default=0)
    return min(tried, key=lambda found: (bool(found), any(map(here, found)), -depth(found), len(found)))


def members(kind, value, path):
    if not isinstance(value, dict):
        return [Fault("not an object", path)]
    fields = declared(kind)
    found = [Fault(f"unknown member {name}", path) for name in value if name not in fields]
    for name, (inner, required) in fields.items():
        if name in value:
            found += faults(inner, value[name], path + (name,))
        elif required:
            found.append(Fault(f"{name} is missing", path))
    return found


DECLARED = {}


def declared(kind):
    """The members of a type by their names on the wire: the type of each, and whether it must be there."""
    if kind not in DECLARED:
        if is_model(kind):
            DECLARED[kind] = {
                field.serialization_alias or field.alias or name: (
                    field.annotation, field.is_required() or is_tag(field.annotation)
                )
                for name, field in kind.model_fields.items()
            }
        else:
            hints = typing_extensions.get_type_hints(kind, include_extras=True)
            DECLARED[kind] = {name: (hint, name in kind.__required_keys__) for name, hint in hints.items()}
    return DECLARED[kind]


def is_tag(kind):
    """A member of one possible value has a default in Python, and is always written."""
    kind = bare(kind)
    return typing.get_origin(kind) is typing.Literal and len(typing.get_args(kind)) == 1


def scalar(kind, value, path):
    if kind is NONE:
        right = value is None
    elif kind is bool:
        right = isinstance(value, bool)
    elif kind is int:
        right = isinstance(value, int) and not isinstance(value, bool)
    elif kind is float:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind is bytes:
        right = isinstance(value, str) and is_base64(value)
    elif kind is str:
        right = isinstance(value, str)
    else:
        right = False
    return [] if right else [Fault(f"{str(value)[:40]!r} is no {getattr(kind, '__name__', kind)}", path)]


def is_base64(text):
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True
