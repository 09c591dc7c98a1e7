"""Fixtures `item`, `pod` and `rendered`: every distinct object and pod, and every rendered case."""

import json
from functools import cache

import pytest
from chart import Manifest, Pod, label
from chart.cases import CASES, case


@cache
def _distinct() -> tuple[dict[str, Manifest], dict[str, Pod]]:
    items: dict[str, Manifest] = {}
    pods: dict[str, Pod] = {}
    seen: set[str] = set()
    for name in CASES:
        rendered = case(name)
        for item in rendered.objects:
            text = json.dumps(item, sort_keys=True)
            if text not in seen:
                seen.add(text)
                items[f"{name}-{label(item)}"] = item
        for pod in rendered.pods():
            text = json.dumps(pod.spec, sort_keys=True)
            if text not in seen:
                seen.add(text)
                pods[f"{name}-{pod.owner}"] = pod
    return items, pods


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"item", "pod", "rendered"} & set(metafunc.fixturenames):
        items, pods = _distinct()
        if "item" in metafunc.fixturenames:
            metafunc.parametrize("item", items.values(), ids=items)
        if "pod" in metafunc.fixturenames:
            metafunc.parametrize("pod", pods.values(), ids=pods)
        if "rendered" in metafunc.fixturenames:
            metafunc.parametrize("rendered", [case(name) for name in CASES], ids=CASES)
