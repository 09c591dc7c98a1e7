"""Small datasets, made on the spot."""

import io
import zipfile

from PIL import Image, ImageDraw


def squares_archive() -> bytes:
    """A detect set of 8 + 4 pictures of 64 px with one square each, as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.yaml", "train: images/train\nval: images/val\nnames: [square]\n")
        for split, count in (("train", 8), ("val", 4)):
            for index in range(count):
                picture, left = Image.new("RGB", (64, 64), "white"), 4 + index * 4
                ImageDraw.Draw(picture).rectangle((left, left, left + 20, left + 20), fill="black")
                png = io.BytesIO()
                picture.save(png, "PNG")
                archive.writestr(f"images/{split}/{index}.png", png.getvalue())
                centre = (left + 10) / 64
                label = f"0 {centre:.4f} {centre:.4f} {20 / 64:.4f} {20 / 64:.4f}\n"
                archive.writestr(f"labels/{split}/{index}.txt", label)
    return buffer.getvalue()
