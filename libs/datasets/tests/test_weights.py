"""What a file of weights says of itself, and what is refused before anything loads it."""

import io
import pickle
import time
import zipfile
from pathlib import Path

import pytest
from pickled_weights import DETECTOR, MAKE, archive, model, text
from trainyard_datasets import pickled, weights

GENUINE = Path(__file__).parents[3] / "apps/trainer-ultralytics/weights/digits-synthetic.pt"


def judge(data: bytes, **claims: str) -> tuple[str | None, str | None]:
    return weights.judge(io.BytesIO(data), len(data), **claims)


class Runs:
    """Its pickle calls `what`."""

    def __init__(self, what: object, *arguments: object) -> None:
        self.call = what, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def test_what_ultralytics_wrote_tells_its_task_and_model() -> None:
    assert judge(GENUINE.read_bytes()) == ("detect", "yolo11n")
    for kind, yaml_file, found in (
        ("SegmentationModel", "yolo11s-seg.yaml", ("segment", "yolo11s")),
        ("ClassificationModel", "/cfg/yolov8x-cls.yaml", ("classify", "yolov8x")),
        ("PoseModel", "yolo26n-pose.yaml", ("pose", "yolo26n")),
        ("OBBModel", "yolo11n-obb.yaml", ("obb", "yolo11n")),
        ("RTDETRDetectionModel", "rtdetr-l.yaml", ("detect", "rtdetr-l")),
        ("DetectionModel", "own-model.yaml", ("detect", None)),  # no trainer knows that name
    ):
        assert judge(archive(pickled=model(kind, yaml_file))) == found


def test_what_the_sender_says_stays_where_the_file_does_not_tell() -> None:
    own = b"ccollections\nOrderedDict\n)R" + text("layer") + b"K\x01s."
    assert judge(archive(pickled=own), task="pose", model="mine") == ("pose", "mine")
    assert judge(archive(pickled=own)) == (None, None)
    family = archive(pickled=model(yaml_file="yolo11.yaml", scale="s"))
    assert judge(family, task="detect", model="yolo11s") == ("detect", "yolo11s")
    for claims, words in (
        ({"task": "segment"}, "it is for the task detect, not segment"),
        ({"model": "yolo11x"}, "it is for the model yolo11, not yolo11x"),
    ):
        with pytest.raises(pickled.UnsafeError, match=words):
            judge(family, **claims)


LOOK_UP = b"c__builtin__\ngetattr\n"


def test_what_torch_save_calls_its_folder_is_no_matter() -> None:
    # That is the file's name up to its last dot; in other letters than these it is "archive".
    for name in ("best [v2]", "a~b", "it's", "100%", "-(1)", " {x}", "10:30!", '"*?<|>$^`', "..x"):
        assert judge(archive(pickled=model(), folder=name)) == ("detect", "yolo11n")


def test_an_archive_beyond_4_gib_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.pt"
    with zipfile.ZipFile(large, "w") as whole:
        whole.writestr("best/data.pkl", model())
        whole.start_dir = 2**32 + 5  # a hole, where weights would be
        whole.writestr("best/data/0", b"weights")
    assert large.stat().st_size > 2**32
    with large.open("rb") as file:
        assert weights.judge(file, large.stat().st_size) == ("detect", "yolo11n")


HOSTILE = {
    "GLOBAL": (b"cos\nsystem\n" + b"(" + text("id") + b"tR.", "names os.system"),
    "as protocol 0 has it": (b"(S'id'\nios\nsystem\n.", "the instruction "),
    "STACK_GLOBAL": (
        pickle.dumps(Runs(eval, "1"), protocol=4),
        "the instruction (FRAME|STACK_GLOBAL)",
    ),
    "STACK_GLOBAL by the memo": (
        text("os") + b"q\x00" + text("system") + b"q\x01h\x00h\x01\x93" + b")R.",
        "the instruction STACK_GLOBAL",
    ),
    "of a class": (pickle.dumps(Runs(exec, "1"), protocol=2), "names __builtin__.exec"),
    "getattr": (
        LOOK_UP + DETECTOR + text("__init__") + b"\x86R.",
        "looks up what is no part of a model",
    ),
    "getattr by a made name": (LOOK_UP + DETECTOR + DETECTOR + MAKE + b"\x86R.", "looks up"),
    "what getattr found": (
        LOOK_UP + DETECTOR + text("forward") + b"\x86R)R.",
        "calls what it has made",
    ),
    "a module's module": (b"ctorch.os\nsystem\n.", "names torch.os.system"),
    "a dotted name": (b"ctorch\nos.system\n.", "names torch.os.system"),
    "a name with a space": (b"ctorch Size\nx\n.", "names torch.Size x"),
    "a name below a class": (
        b"cultralytics.nn.tasks\nDetectionModel.__init__\n.",
        "DetectionModel",
    ),
    "what modules import": (b"cultralytics.nn.tasks\ncheck_requirements\n.", "check_requirements"),
    "EXT1": (b"\x80\x02\x82\x01.", "no whole pickle|the instruction EXT1"),
    "no pickle": (b"<html>please log in</html>", "the instruction|no whole pickle"),
    "cut off": (model()[:-20], "no whole pickle"),
    "an empty stack": (b"\x80\x020.", "the instruction POP"),
    "a tuple of nothing": (b"\x80\x02\x87.", "no whole pickle"),
    "an endless text": (b"X\xff\xff\xff\x7fabc", "no whole pickle"),
    "a task that nobody has": (
        model("SemanticSegmentationModel"),
        "a SemanticSegmentationModel, which no task trains",
    ),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_pickle_that_does_more_than_weights_need_is_refused(how: str) -> None:
    data, words = HOSTILE[how]
    with pytest.raises(pickled.UnsafeError, match=words):
        judge(archive(pickled=data))


def _as_a_folder(data: bytes) -> bytes:
    """Its data.pkl with DOS's mark of a folder, of which PyTorch reads no byte."""
    attributes = data.index(b"PK\x01\x02") + 38
    return data[:attributes] + b"\x10" + data[attributes + 1 :]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_two_may_read_differently_is_refused() -> None:
    whole, other = archive(pickled=model()), ("data.pkl", b"cos\nsystem\n.")
    for data, words in (
        (b"", "PyTorch has not written it"),
        (pickle.dumps({}, protocol=2), "PyTorch has not written it"),
        (whole[:-30], "PyTorch has not written it"),
        (b"before" + whole, "PyTorch has not written it"),
        (archive(pickled=model(), behind=b"\x80\x02cos\nsystem\n."), "does not begin with"),
        (whole + b"behind", "PyTorch has not written it"),
        (whole.replace(b"Detection", b"detection"), "is damaged"),
        (archive(pickled=model(), folder="a\nb"), "PyTorch has not written it"),
        (archive(pickled=model(), folder="a/.."), "PyTorch has not written it"),
        (archive(("best/data.pkl", model()), pickled=model()), "PyTorch has not written it"),
        (archive((f"best/deep/{other[0]}", other[1]), pickled=model()), "it has 2 data.pkl"),
        (archive(("best/DATA.pkl", other[1]), pickled=model()), "it has 2 data.pkl"),
        (archive(("a/data.pkl", other[1]), pickled=model()), "it has 2 data.pkl"),
        (archive(other), "it has no data.pkl"),
        (archive(("a/b/data.pkl", other[1])), "it has 1 data.pkl"),
        (_as_a_folder(archive(pickled=model())), "PyTorch has not written it"),
        (archive(("other/data/0", b""), pickled=model()), "beside the folder of its weights"),
        (archive(("best/constants.pkl", b"."), pickled=model()), "a TorchScript archive"),
        (archive(("best/code/a.py", b"."), pickled=model()), "a TorchScript archive"),
    ):
        with pytest.raises(pickled.UnsafeError, match=words):
            judge(data)


def test_a_bomb_is_refused_before_it_costs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.process_time()
    monkeypatch.setattr(pickled, "MOST_STEPS", 100_000)
    large = b"\x80\x02" + b"N" * pickled.MOST_BYTES
    for data, words in (
        (archive(pickled=large), "too large"),
        (archive(pickled=large, compressed=True), "too large"),
        (archive(("best/data/0", bytes(100 << 20)), pickled=model(), compressed=True), "PyTorch"),
        (archive(pickled=large[:200_000]), "more than 100,000 steps"),
    ):
        with pytest.raises(pickled.UnsafeError, match=words):
            judge(data)
    assert time.process_time() - began < 10


def test_of_a_large_file_only_the_ends_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_HEAD_BYTES", 1000)
    monkeypatch.setattr(weights, "_TAIL_BYTES", 1000)
    middle = ("best/data/0", bytes(range(256)) * 200)
    for data, is_read in (
        (archive(middle, pickled=model()), True),
        (archive(middle, ("best/data.pkl", model())), True),  # in the tail
        (archive(middle, ("best/data.pkl", model()), ("best/data/1", bytes(5000))), False),
    ):
        ends = weights._Ends(len(data))
        for start in range(0, len(data), 700):
            ends.add(data[start : start + 700])
        if is_read:
            assert weights.judge(ends, len(data)) == ("detect", "yolo11n")
        else:
            with pytest.raises(pickled.UnsafeError, match="PyTorch has not written it"):
                weights.judge(ends, len(data))
