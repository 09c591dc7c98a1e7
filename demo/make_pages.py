"""Makes the demo's dataset from scikit-learn's scanned handwritten digits.

The scans are divided first, digit by digit, into three groups that share none; the pages are then
made of one group each: OUT/dataset has train and val, OUT/heldout is never pushed anywhere.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from pages import Item, write_data_yaml, write_pages
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20261124
PAGES = {"train": 240, "val": 32, "heldout": 48}


def scans() -> dict[str, list[Item]]:
    """Return the scans of each group; no scan is in two groups."""
    digits = load_digits()
    indices = np.arange(len(digits.target))
    train, rest = train_test_split(
        indices, test_size=0.4, random_state=SEED, stratify=digits.target
    )
    val, heldout = train_test_split(
        rest, test_size=0.6, random_state=SEED, stratify=digits.target[rest]
    )
    return {
        group: [
            Item(int(digits.target[index]), (digits.images[index] / 16).astype(np.float32))
            for index in chosen
        ]
        for group, chosen in (("train", train), ("val", val), ("heldout", heldout))
    }


def main(out: Path) -> None:
    """Write OUT/dataset and OUT/heldout, replacing what an earlier run left."""
    shutil.rmtree(out, ignore_errors=True)
    dataset = out / "dataset"
    for number, (group, items) in enumerate(scans().items()):
        folder = out / "heldout" if group == "heldout" else dataset
        images, labels = (
            folder / kind if group == "heldout" else folder / kind / group
            for kind in ("images", "labels")
        )
        placed = write_pages(
            items, PAGES[group], images, labels, np.random.default_rng([SEED, number])
        )
        print(f"  {group:8} {PAGES[group]:4} pages, {placed:5} digits, from {len(items)} scans")
    write_data_yaml(dataset)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
