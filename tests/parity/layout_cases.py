"""data.yaml and folders."""

from collections.abc import Iterator

from parity.sets import ANY_FOLDER, TRAIN, VAL, YAML, Case, Departure, image, moved, sound

BARE = Departure(
    "Ultralytics looks for labels by /images/, which a line without ./ lacks at its start",
    ready=True,
)


def yamls() -> Iterator[Case]:
    """What people write into data.yaml, on a sound set."""
    base = "train: images/train\nval: images/val\n"
    named = base + "names: [box, ball]\n"
    for name, text in {
        "test is None": YAML + "test: None\n",
        "test is null": YAML + "test:\n",
        "test does not exist": YAML + "test: images/test\n",
        "test in quotes, empty": YAML + "test: ''\n",
        "validation": YAML.replace("val:", "validation:"),
        "val and validation": YAML + "validation: images/none\n",
        "no val": "train: images/train\nnames: [box, ball]\n",
        "no train": "val: images/val\nnames: [box, ball]\n",
        "val is null": "train: images/train\nval:\nnames: [box, ball]\n",
        "no path": named,
        "path ./": named + "path: ./\n",
        "path is null": named + "path:\n",
        "path is empty": named + "path: ''\n",
        "indices": base + "names:\n  0: box\n  1: ball\n",
        "quoted indices": base + "names:\n  '0': box\n  '1': ball\n",
        "indices in another order": base + "names:\n  1: ball\n  0: box\n",
        "indices with a gap": base + "names:\n  0: box\n  2: ball\n",
        "indices from 1": base + "names:\n  1: box\n  2: ball\n",
        "a word as index": base + "names:\n  a: box\n  b: ball\n",
        "no names, no nc": base,
        "names is null": base + "names:\n",
        "names is text": base + "names: box\n",
        "names is empty": base + "names: []\n",
        "nc without names": base + "nc: 2\n",
        "nc 1 without names": base + "nc: 1\n",
        "nc 0": base + "nc: 0\n",
        "nc as text": named + "nc: '2'\n",
        "nc as 2.0": named + "nc: 2.0\n",
        "nc 1.9": named + "nc: 1.9\n",
        "nc differs": named + "nc: 3\n",
        "nc is a word": named + "nc: two\n",
        "nc without a value": named + "nc:\n",
        "one name": base + "names: [box]\n",
        "eighty names": base + f"names: [{', '.join(f'c{n}' for n in range(80))}]\n",
        "numbers as names": base + "names: [1, 2]\n",
        "a name with a colon": base + "names: ['a: b', 'c']\n",
        "a name with a no-break space": base + "names: ['traffic\u00a0light', b]\n",
        "a name with a zero-width non-joiner": base + "names: ['\u0645\u06cc\u200c\u062e', b]\n",
        "a name of an emoji": base + "names: ['\U0001f468\u200d\U0001f469', b]\n",
        "the same name twice": base + "names: [a, a]\n",
        "folders with a slash": "train: images/train/\nval: images/val/\nnames: [a, b]\n",
        "folders with ./": "train: ./images/train\nval: ./images/val\nnames: [a, b]\n",
        "folders with ../": "train: ../images/train\nval: ../images/val\nnames: [a, b]\n",
        "a list of folders": "train: [images/train]\nval: [images/val]\nnames: [a, b]\n",
        "val in train's list": "train: [images/train, images/val]\nval: images/val\nnames: [a, b]\n",
        "an absent folder": "train: images/train\nval: images/none\nnames: [a, b]\n",
        "train is a number": "train: 1\nval: images/val\nnames: [a, b]\n",
        "the whole set as train": "train: images\nval: images/val\nnames: [a, b]\n",
        "a further key": named + "roboflow:\n  version: 3\n",
        "a tab": named + "\tx: 1\n",
        "not yaml": "train: [images",
        "a list": "- train\n- val\n",
        "empty": "",
        "kpt_shape in detect": named + "kpt_shape: [17, 3]\n",
        "comment": "# made by hand\n" + named,
        "document mark": "---\n" + named,
        "windows line ends": named.replace("\n", "\r\n"),
    }.items():
        yield Case(f"data.yaml: {name}", "detect", sound(yaml=text))
    for name, data in {
        "comment in gbk": "# \u6570\u636e\n".encode("gbk") + YAML.encode(),
        "byte order mark": b"\xef\xbb\xbf" + YAML.encode(),
        "utf-16": YAML.encode("utf-16"),
        "latin-1 name": (base + "names: [caf\u00e9, b]\n").encode("latin-1"),
        "control character": (YAML + "x: a\x07b\n").encode(),
    }.items():
        yield Case(f"data.yaml: {name}", "detect", sound() | {"data.yaml": data})
    why = "YAML 1.1 makes another value of the name; ours is the one that was written"
    for name, word in {"no": "no", "010": "010", "1.10": "1.10", "null": "null"}.items():
        files = sound(yaml=base + f"names: [{word}, b]\n")
        written = Departure(why, ready=True, names=[word, "b"])
        yield Case(f"data.yaml: a class named {name}", "detect", files, None, written)
    for shape in ("[2, 3]", "[2, 2]", "[0, 3]", "[2, 4]", "[2]", "2", "'2, 3'"):
        files = sound("pose") | {"data.yaml": f"{YAML}kpt_shape: {shape}\n".encode()}
        yield Case(f"pose: kpt_shape {shape}", "pose", files)
    files = sound("pose") | {"data.yaml": YAML.encode()}
    yield Case("pose: no kpt_shape", "pose", files, "needs kpt_shape")


def layouts() -> Iterator[Case]:
    """Where files lie."""
    roboflow = moved(
        sound(),
        ("images/train", "train/images"),
        ("labels/train", "train/labels"),
        ("images/val", "valid/images"),
        ("labels/val", "valid/labels"),
    )
    told = (
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 2\nnames: [a, b]\n"
    )
    yield Case("roboflow without test", "detect", roboflow | {"data.yaml": told.encode()})
    lists = {
        f"{s}.txt": "".join(f"./images/{s}/{n}.png\n" for n in range(count)).encode()
        for s, count in (("train", TRAIN), ("val", VAL))
    }
    listed = sound(yaml="path: .\ntrain: train.txt\nval: val.txt\nnames: [a, b]\n")
    yield Case("lists of files", "detect", listed | lists)
    plain = {name: data.replace(b"./", b"") for name, data in lists.items()}
    yield Case("lists of files without ./", "detect", listed | plain, None, BARE)
    lost = lists | {"train.txt": lists["train.txt"] + b"./images/train/none.png\n"}
    yield Case("a list with a lost file", "detect", listed | lost, "1 of 7 lines")
    part = lists | {"train.txt": b"./images/train/0.png\n./images/train/1.png\n"}
    yield Case("a list of a part", "detect", listed | part)
    marked = lists | {"train.txt": b"\xef\xbb\xbf" + lists["train.txt"]}
    yield Case("a list with a byte order mark", "detect", listed | marked)
    one = moved(listed | lists, ("images/train", "images/all"), ("images/val", "images/all"))
    one = moved(one, ("labels/train", "labels/all"), ("labels/val", "labels/all"))
    one |= {
        "train.txt": b"".join(b"./images/all/%d.png\n" % n for n in range(3, 6)),
        "val.txt": b"".join(b"./images/all/%d.png\n" % n for n in range(3)),
    }
    yield Case("lists that share a folder", "detect", one)
    yield Case("an absent list", "detect", listed, "a list that is not")
    inside = {(n if n == "data.yaml" else f"set/{n}"): data for n, data in sound().items()}
    inside["data.yaml"] = YAML.replace("path: .", "path: set").encode()
    yield Case("path names a folder", "detect", inside)
    inside["data.yaml"] = YAML.replace("path: .", "path: ./set/").encode()
    yield Case("path names a folder with ./", "detect", inside)
    beside = moved(sound(), ("images/", ""), ("labels/", ""))
    beside["data.yaml"] = b"train: train\nval: val\nnames: [a, b]\n"
    yield Case("labels beside images", "detect", beside)
    beside = moved(sound(), ("labels/", "images/"))
    yield Case("labels in images/", "detect", beside, "no usable image with a label")
    for task in ("detect", "segment", "obb", "pose", "classify"):
        yield Case(f"sound {task}", task, sound(task))
        inside = {f"pets/{n}": d for n, d in sound(task).items()}
        yield Case(f"one folder holds all, {task}", task, inside)
    deep = moved(
        sound(), ("images/train", "images/train/a/b"), ("labels/train", "labels/train/a/b")
    )
    yield Case("folders below train", "detect", deep)
    nested = moved(sound(), ("images/train", "images/x/images/train"))
    nested = moved(nested, ("labels/train", "images/x/labels/train"))
    nested["data.yaml"] = YAML.replace("images/train", "images/x/images/train").encode()
    yield Case("images twice in a path", "detect", nested)
    upper = moved(sound(), ("train/0.png", "train/0.PNG"))
    yield Case("suffix in capitals", "detect", upper)
    dotted = moved(sound(), ("train/0.", "train/a.b.c."))
    yield Case("dots in a name", "detect", dotted)
    for name in (
        ".ipynb_checkpoints/x.png",
        "__MACOSX/images/train/._0.png",
        "images/train/._0.png",
    ):
        yield Case(f"junk: {name}", "detect", sound() | {name: image(9)})
    yield Case(
        "junk: hidden folder in train", "detect", sound() | {"images/train/.thumbs/0.png": image(9)}
    )
    junk = {"train/.ipynb_checkpoints/0.png": image(9), "train/ant/.0.png": image(8)}
    yield Case("classify: hidden folder as class", "classify", sound("classify") | junk)
    yield Case("no data.yaml", "detect", {n: d for n, d in sound().items() if n != "data.yaml"})
    yield Case("a gif among images", "detect", sound() | {"images/train/x.gif": b"GIF89a"})


def classify() -> Iterator[Case]:
    base = sound("classify")
    for folder in ("valid", "validation", "test"):
        yield Case(f"classify: {folder} for val", "classify", moved(base, ("val/", f"{folder}/")))
    both = base | {f"test/{n.partition('/')[2]}": d for n, d in base.items() if n[0] == "v"}
    yield Case("classify: val and test", "classify", both)
    yield Case("classify: no val", "classify", {n: d for n, d in base.items() if n[0] == "t"})
    one = {n: d for n, d in base.items() if "/ant/" in n}
    yield Case("classify: one class", "classify", one, "one class only")
    more = base | {"train/bee/0.png": image(7)}
    yield Case("classify: class without val", "classify", more, "has the class bee")
    more = base | {"val/bee/0.png": image(7)}
    yield Case("classify: class without train", "classify", more, "its images are left out")
    for name in ("\uace0\uc591\uc774", "a b", "n01440764x", "0", "-", "caf\u00e9"):
        yield Case(f"classify: class {name}", "classify", moved(base, ("/cat/", f"/{name}/")))
    yield Case("classify: deeper folders", "classify", moved(base, ("/cat/", "/cat/more/")))
    yield Case("classify: image in no class", "classify", base | {"train/x.png": image(7)})
    bad = base | {f"train/ant/{n}.png": b"x" for n in range(TRAIN)}
    yield Case("classify: all of a class unusable", "classify", bad)
    bad = {n: (b"x" if n.startswith("val") else d) for n, d in base.items()}
    yield Case("classify: all of val unusable", "classify", bad, "val has no usable image")
    yield Case("classify: labels of detect", "classify", sound(), "no folder train/", ANY_FOLDER)
