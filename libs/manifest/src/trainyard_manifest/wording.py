"""Words for a JSON Schema, for error messages."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_SHOWN = 60
_SIMILAR = 0.7


def wanted(schema: Mapping[str, Any], rules: Any) -> str:
    """What a property may be, e.g. "a whole number from 1 to 1000"; `$ref`s are local ones."""
    if not isinstance(rules, dict):
        return "something else"
    if "$ref" in rules:
        return wanted(schema, _resolve(schema, rules["$ref"]))
    if "const" in rules:
        return shown(rules["const"])
    if "enum" in rules:
        return "one of " + ", ".join(shown(value) for value in rules["enum"])
    for key in ("anyOf", "oneOf"):
        if key in rules:
            return " or ".join(_choice(schema, choice) for choice in rules[key])
    types = rules.get("type", [])
    types = [types] if isinstance(types, str) else types
    return " or ".join(_of_type(schema, rules, type_) for type_ in types) or "something else"


def _choice(schema: Mapping[str, Any], rules: Any) -> str:
    told = rules.get("description") if isinstance(rules, dict) else None
    return str(told) if told else wanted(schema, rules)


def shown(value: Any) -> str:
    """A value as the user wrote it, cut short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def did_you_mean(name: str, known: Iterable[str], titles: Mapping[str, str] | None = None) -> str:
    """A sentence that names the most similar known names, at most two of those that are equally so.

    It has a leading space, and is empty where none is similar. `titles` are what people call the
    known ones: a name that is similar to one's title means it, too.
    """
    matcher = difflib.SequenceMatcher(b=name[:100])
    likeness = {}
    for one in known:
        title = (titles or {}).get(one, one)
        likeness[one] = 0.0
        for spelled in (one, re.sub(r"\W+", "_", title.lower())):
            matcher.set_seq1(spelled)
            likeness[one] = max(likeness[one], matcher.ratio())
    most = max(likeness.values(), default=0)
    similar = [f'"{one}"' for one in likeness if likeness[one] == most >= _SIMILAR]
    return f" Did you mean {' or '.join(similar[:2])}?" if similar else ""


def _of_type(schema: Mapping[str, Any], rules: dict[str, Any], type_: str) -> str:
    words = _TYPES.get(type_, type_)
    if type_ in {"integer", "number"}:
        return words + _range(rules)
    if type_ == "string":
        if "pattern" in rules:
            words += f" that matches {rules['pattern']}"
        return words + _length(rules, "minLength", "maxLength", "characters")
    if type_ == "array":
        words += _length(rules, "minItems", "maxItems", "items")
        return words + (f", each {wanted(schema, rules['items'])}" if "items" in rules else "")
    return words


def _range(rules: dict[str, Any]) -> str:
    low, high = rules.get("minimum"), rules.get("maximum")
    if low is not None and high is not None:
        words = f" from {low} to {high}"
    else:
        bounds = {
            "at least": low,
            "above": rules.get("exclusiveMinimum"),
            "at most": high,
            "below": rules.get("exclusiveMaximum"),
        }
        named = [f" {words} {bound}" for words, bound in bounds.items() if bound is not None]
        words = " and".join(named)
    return words + (f", a multiple of {rules['multipleOf']}" if "multipleOf" in rules else "")


def _length(rules: dict[str, Any], least: str, most: str, unit: str) -> str:
    low, high = rules.get(least), rules.get(most)
    if low is not None and high is not None:
        return f" of {low} {unit}" if low == high else f" of {low} to {high} {unit}"
    if low is not None:
        return f" of at least {low} {unit}"
    return f" of at most {high} {unit}" if high is not None else ""


def _resolve(schema: Mapping[str, Any], ref: str) -> Any:
    found: Any = schema
    for step in ref.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
