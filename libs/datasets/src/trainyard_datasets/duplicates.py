"""Tells images of the same content, within a split and across splits."""

from bisect import bisect_left
from collections import defaultdict

from trainyard_datasets.data_yaml import SPLITS
from trainyard_datasets.problems import Problems, share

Splits = dict[str, list[str]]


def tell(copies: dict[str, str], splits: Splits, problems: Problems) -> None:
    """Warn of `copies`: images by an earlier one of the same content."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for copy, first in copies.items():
        for one in _splits_of(first, splits):
            for other in _splits_of(copy, splits):
                one_split, other_split = sorted((one, other), key=SPLITS.index)
                groups[one_split, other_split].append((copy, first))
    if both := set(splits["train"]).intersection(splits["val"]):
        groups["train", "val"] += [(name, name) for name in sorted(both)]
    for (one, other), found in sorted(groups.items()):
        copy, first = found[0]
        example = f"e.g. {copy}" + (f" and {first}" if copy != first else "")
        if one == other:
            message = f"{share(len(found), len(splits[one]))} images of {one} repeat others"
        else:
            total = min(len(splits[one]), len(splits[other]))
            message = (
                f"{share(len(found), total)} images are in {one} and in {other}: the metrics will "
                "not tell how the model does on images it has not seen"
            )
        problems.warning(f"{message}, {example}.", copy)


def _splits_of(name: str, splits: Splits) -> list[str]:
    places = ((split, found, bisect_left(found, name)) for split, found in splits.items())
    return [split for split, found, at in places if found[at : at + 1] == [name]]
