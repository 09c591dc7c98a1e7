"""What the check says of cases that a table of lines, files or images makes, by the case's name."""

_NO_FOLDER = "must name a folder of the dataset, e.g. images/"
_NOT_COUNTED = "data.yaml's names must count from 0 without gaps"
_NO_NAMES = "data.yaml lacks names: list the classes"
_NO_SHAPE = "needs kpt_shape in data.yaml: [number of keypoints, 2 or 3]"
_UNREADABLE = "Cannot read this image. Save it as JPEG or PNG."
_BITS = "its samples have 32 bits, of which training reads at most 16"
_LEFT_OUT = "1 of 6 (17%) images in train cannot be used and are left out."

WORDS = {
    "data.yaml: test does not exist": "test was ignored, training does without",
    "roboflow without test": "test was ignored, training does without",
    "data.yaml: no val": _NO_FOLDER,
    "data.yaml: no train": _NO_FOLDER,
    "data.yaml: val is null": _NO_FOLDER,
    "data.yaml: train is a number": _NO_FOLDER,
    "data.yaml: an absent folder": "'images/none', a folder without images in this dataset",
    "data.yaml: indices with a gap": _NOT_COUNTED,
    "data.yaml: indices from 1": _NOT_COUNTED,
    "data.yaml: a word as index": _NOT_COUNTED,
    "data.yaml: no names, no nc": _NO_NAMES,
    "data.yaml: names is text": _NO_NAMES,
    "data.yaml: nc 0": _NO_NAMES,
    "data.yaml: nc 1.9": "nc is 1.9, which is no whole number. Remove nc.",
    "data.yaml: nc differs": "nc is 3, but names has 2. Remove nc.",
    "data.yaml: a further key": "The key 'roboflow' was ignored.",
    "data.yaml: a tab": "data.yaml cannot be read",
    "data.yaml: a list": "data.yaml must hold keys: train, val and names.",
    "data.yaml: comment in gbk": "Bytes that are not UTF-8 text were ignored.",
    "pose: kpt_shape [0, 3]": _NO_SHAPE,
    "pose: kpt_shape [2, 4]": _NO_SHAPE,
    "no data.yaml": "There is no data.yaml at the top of the dataset",
    "a list of a part": "4 label files have no image of the same name and are ignored.",
    "classify: test for val": "There is no val/, so test/ is used",
    "classify: val and test": "All 6 images are in val and in test",
    "classify: no val": "There are no images in val/<class>/.",
    "classify: image in no class": "1 images lie in no class folder and were ignored.",
    **{
        f"image: {kind} {how}": _LEFT_OUT
        for kind in ("BMP", "TIFF", "JPEG2000", "JPEG", "PNG", "WEBP", "AVIF")
        for how in ("cut", "head only")
    },
    "image: JPEG cut, with an end": _LEFT_OUT,
    "image: PNG bad stream": "The image is damaged",
    "image: PNG bad filter": "The image is damaged (a row has an unknown filter).",
    "image: PNG short": "The image is damaged (rows are missing at its end).",
    "image: TIFF I": _BITS,
    "image: TIFF F": _BITS,
    "classify image: TIFF F": _BITS,
    "image: GIF named png": _UNREADABLE,
    "image: text": _UNREADABLE,
    "image: nothing": _UNREADABLE,
    "image: an HTML page": _UNREADABLE,
    "image: 9 pixels wide": "The image has 9x32 pixels; training needs 10x10.",
}
