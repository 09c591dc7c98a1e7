"""Reads what a pickle would do, and does none of it.

Its stack is kept as the loader would have it, with stand-ins for all that would be made. What the
restricted loaders of PyTorch and Ultralytics refuse is refused here: this is a list of what may be
(`weights_globals.txt`), not of what may not.
"""

import pickletools
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

# Measured with the optimizer in it: 0.5 MB and 184,000 steps for yolo26x-seg.
MOST_BYTES = 8 * 2**20
MOST_STEPS = 2_000_000
_LISTED = "weights_globals.txt"


class UnsafeError(Exception):
    """The pickle does what weights need not, or is none; the text says what."""


class _Named:
    """Something that the pickle names."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Made:
    """What a call or a new object of something named would be."""


class _Dict(dict[str, Any]):
    """What a dict holds by texts."""


_OPAQUE = _Made()
# By name of an opcode, what it puts on the stack; None: what the opcode has as its argument.
_CONSTANTS = dict.fromkeys(
    ["NONE", "NEWFALSE", "NEWTRUE", "EMPTY_LIST", "EMPTY_SET", "BININT", "BININT1", "BININT2"],
    _OPAQUE,
) | dict.fromkeys(["BINFLOAT", "LONG1", "SHORT_BINSTRING"], _OPAQUE)
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@cache
def allowed() -> Mapping[str, frozenset[str]]:
    """By module, the names that PyTorch's and Ultralytics' restricted loading takes."""
    lines = resources.files(__package__).joinpath(_LISTED).read_text().splitlines()
    return {module: frozenset(names) for module, *names in map(str.split, lines)}


class Reading:
    """One pickle, read to its end.

    `classes` are those of Ultralytics' models that it makes, `about` the texts of the first dict
    that tells a model's own YAML file, by their keys.
    """

    def __init__(self, data: bytes) -> None:
        """Raise UnsafeError unless every step of it is one that weights need."""
        self.classes: set[str] = set()
        self.about: Mapping[str, str] = {}
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        try:
            for steps, (opcode, argument, _) in enumerate(pickletools.genops(data)):
                if steps > MOST_STEPS:
                    raise UnsafeError(f"its data.pkl takes more than {MOST_STEPS:,} steps")
                self._step(opcode.name, argument)
        except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
            raise UnsafeError("its data.pkl is no whole pickle") from error

    def _step(self, code: str, argument: Any) -> None:  # noqa: C901, PLR0912 - a table of opcodes
        stack = self._stack
        match code:
            case "PROTO" | "STOP":
                pass
            case "MARK":
                self._below.append(stack)
                self._stack = []
            case "GLOBAL":
                stack.append(_named(argument))
            case "BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT":
                stack.append(_Dict())
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "TUPLE":
                items = self._since_mark()
                self._stack.append(tuple(items))
            case "BINPERSID":
                stack[-1] = _OPAQUE
            case "REDUCE" | "NEWOBJ":
                arguments = stack.pop()
                stack[-1] = self._made(stack[-1], arguments)
            case "BUILD" | "APPEND":
                stack.pop()
            case "APPENDS":
                self._since_mark()
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set(stack[-1], [key, value])
            case "SETITEMS":
                items = self._since_mark()
                self._set(self._stack[-1], items)
            case _ if code in _TUPLES:
                size = _TUPLES[code]
                items = [stack.pop() for _ in range(size)]
                stack.append(tuple(reversed(items)))
            case _ if code in _CONSTANTS:
                stack.append(_CONSTANTS[code])
            case _:
                raise UnsafeError(
                    f"its data.pkl has the instruction {code}, which weights have not"
                )

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _made(self, what: Any, arguments: Any) -> _Made:
        if not isinstance(what, _Named):
            raise UnsafeError("its data.pkl calls what it has made itself")
        if what.name == "getattr":
            # Ultralytics' own stand-in for it has more rules still.
            name = arguments[-1] if isinstance(arguments, tuple) and len(arguments) == 2 else None  # noqa: PLR2004
            if not isinstance(name, str) or name.startswith("__"):
                raise UnsafeError("its data.pkl looks up what is no part of a model")
        if what.module == "ultralytics.nn.tasks" and what.name.endswith("Model"):
            self.classes.add(what.name)
        return _Made()

    def _set(self, target: Any, items: list[Any]) -> None:
        if isinstance(target, _Dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            target |= {key: value for key, value in pairs if isinstance(key, str)}
            if not self.about and isinstance(target.get("yaml_file"), str):
                self.about = target


def _named(told: str) -> _Named:
    module, _, name = told.partition(" ")
    if name not in allowed().get(module, ()):
        raise UnsafeError(f"it names {module[:80]}.{name[:80]}, which is no part of a model")
    return _Named(module, name)
