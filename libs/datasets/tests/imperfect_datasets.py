"""Datasets that are ready all the same: what is wrong is named, and training leaves it out."""

import archives
from archives import BOX, YAML, picture, zipped
from bad_datasets import Case, changed, huge_picture, label, yaml

WARNINGS = [
    Case(name, archive, message, "ready", task)
    for name, archive, message, task in [
        ("download", yaml(YAML + "download: touch canary\n"), "'download' was ignored", "detect"),
        (
            "path",
            yaml(YAML + "path: /home/me/pets\n"),
            "path is ignored: '/home/me/pets'",
            "detect",
        ),
        (
            "path of paths",
            yaml(YAML + "path: [a, b]\n"),
            "path is ignored: \"['a', 'b']\"",
            "detect",
        ),
        ("other key", yaml(YAML + "yaml_file: x\n"), "'yaml_file' was ignored", "detect"),
        (
            "pickled cache",
            changed({"labels/train.cache": archives.PICKLE_CANARY}),
            "a cache can run code",
            "detect",
        ),
        (
            "text as image",
            changed({"images/train/0.jpg": b"hello"}, train=20),
            "Cannot read this image",
            "detect",
        ),
        (
            "half a JPEG",
            changed({"images/train/0.jpg": picture(size=(640, 640))[:3000]}, train=20),
            "The image is damaged",
            "detect",
        ),
        (
            "half a PNG",
            changed({"images/train/0.jpg": picture("PNG")[:60]}, train=20),
            "The image is damaged",
            "detect",
        ),
        (
            "huge picture",
            changed({"images/train/0.jpg": huge_picture()}, train=20),
            "more than 178,956,970 pixels",
            "detect",
        ),
        (
            "tiny picture",
            changed({"images/train/0.jpg": picture(size=(4, 4))}, train=20),
            "has 4x4 pixels",
            "detect",
        ),
        (
            "empty picture",
            changed({"images/train/0.jpg": b""}, train=20),
            "Cannot read this image",
            "detect",
        ),
        ("words", label("cat 0.5 0.5 0.2 0.2"), "Line 1 has something else than numbers", "detect"),
        (
            "four numbers",
            label(BOX + "0 0.5 0.5 0.2"),
            "Line 2 has 4 numbers; a box needs 5",
            "detect",
        ),
        (
            "pixels",
            label("0 320 240 64 64"),
            "has the coordinate 320; all must be from 0 to 1",
            "detect",
        ),
        ("negative", label("0 -0.5 0.5 0.2 0.2"), "has the coordinate -0.5", "detect"),
        ("not finite", label("0 nan 0.5 0.2 0.2"), "a number that is not finite", "detect"),
        (
            "unknown class",
            label("2 0.5 0.5 0.2 0.2"),
            "has the class 2, but names has 0 to 1",
            "detect",
        ),
        ("negative class", label("-1 0.5 0.5 0.2 0.2"), "has the class -1, but", "detect"),
        (
            "class 0.5",
            label("0.5 0.5 0.5 0.2 0.2"),
            "has the class 0.5; classes are whole",
            "detect",
        ),
        ("binary label", label(b"\xff\xfe\x00"), "is not UTF-8 text", "detect"),
        ("line twice", label(BOX * 2), "1 lines repeat others", "detect"),
        (
            "box and polygon",
            label(BOX + archives.LINES["segment"]),
            "Line 1 is a box and line 2 a polygon",
            "detect",
        ),
        (
            "two points",
            label("0 0.1 0.1 0.5 0.5 0.9\n0 0.1 0.1 0.9 0.1 0.5 0.9", "segment"),
            "a polygon needs a class and at least 3 points",
            "segment",
        ),
        (
            "corner outside",
            label("0 -0.1 0.1 0.9 0.1 0.5 0.9", "segment"),
            "1 polygons reach over the border",
            "segment",
        ),
        (
            "half of train unusable",
            changed({"images/train/0.jpg": b"x", "images/train/1.jpg": b"x"}),
            "2 of 4 (50%) images in train cannot be used and are left out",
            "detect",
        ),
        (
            "only background in val",
            changed({f"labels/val/{n}.txt": "\n" for n in range(2)}),
            "No image in val has a label",
            "detect",
        ),
        (
            "class without val",
            lambda: zipped(archives.files("classify") | {"train/bird/0.jpg": picture()}),
            "train/ has the class bird, which val/ lacks",
            "classify",
        ),
        (
            "not utf-8",
            changed({"data.yaml": b"# caf\xe9\n" + YAML.encode()}),
            "Bytes that are not UTF-8 text were ignored",
            "detect",
        ),
        ("short pose", label(BOX, "pose"), "kpt_shape [2, 3] needs 11", "pose"),
        (
            "visibility",
            label("0 0.5 0.5 0.2 0.2 0.4 0.4 -1 0.6 0.6 2", "pose"),
            "has the visibility -1",
            "pose",
        ),
        (
            "keypoint out",
            label("0 0.5 0.5 0.2 0.2 1.4 0.4 2 0.6 0.6 2", "pose"),
            "has the coordinate 1.4",
            "pose",
        ),
        (
            "missing label",
            changed({"labels/train/0.txt": None}),
            "1 of 4 (25%) images in train have no label file",
            "detect",
        ),
        (
            "orphan label",
            changed({"labels/train/x.txt": BOX}),
            "1 label files have no image",
            "detect",
        ),
        (
            "train as val",
            yaml(YAML.replace("images/val", "images/train")),
            "images are in train and in val",
            "detect",
        ),
        (
            "unlearnable class",
            changed({}),
            "1 classes have no label in train, so they cannot be learnt: dog",
            "detect",
        ),
        (
            "image in no class",
            lambda: zipped(archives.files("classify") | {"train/x.jpg": picture()}),
            "1 images lie in no class folder",
            "classify",
        ),
    ]
]
