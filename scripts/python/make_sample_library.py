#!/usr/bin/env python3
"""Make the small sample photo library that the quick start, the tests and the golden numbers run on.

usage: make_sample_library.py SOURCES OUT

SOURCES holds photos that Python packages ship (scripts/lib/setup.sh takes them out of pinned archives). Few people
repeat in them, so most files here are variants: the same photo cropped, turned a little, lighter or darker, saved
again. Every variant says so in its file name, and OUT/README.txt lists each file's origin. The result is the same
bytes on every machine with the pinned Pillow.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

ORIENTATION_TAG = 0x0112
JPEG_QUALITY = 92

#: The photos as their packages ship them: name -> (package, sha256)
SOURCES = {
    "obama.jpg": ("face_recognition 1.3.0", "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6"),
    "obama2.jpg": ("face_recognition 1.3.0", "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6"),
    "obama3.jpg": ("face_recognition 1.3.0", "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3"),
    "obama_partial_face.jpg": ("face_recognition 1.3.0", "c2d1f09e7ef3042352b41e41286e6eb0522f64f88308be13886991b95db52117"),
    "obama_partial_face2.jpg": ("face_recognition 1.3.0", "9a812347f97633542b8cd9992de22def11b74f79d82056bc3ee830f13878e028"),
    "32bit.png": ("face_recognition 1.3.0", "44dca895a7d635a4aedddd91a4f37af9a8a5b44e66154282a24645a757b5f627"),
    "biden.jpg": ("face_recognition 1.3.0", "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c"),
    "astronaut.png": ("scikit-image 0.26.0", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    "coffee.png": ("scikit-image 0.26.0", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    "t1.jpg": ("insightface 2.1", "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489"),
}

#: Photos that are copied unchanged: place in the library -> source. The second obama.jpg is an alias on purpose.
COPIES = {
    "2009/portraits/obama.jpg": "obama.jpg",
    "2009/portraits/biden.jpg": "biden.jpg",
    "2012/speeches/obama2.jpg": "obama2.jpg",
    "2012/speeches/obama2-32bit.png": "32bit.png",
    "2012/speeches/obama3.jpg": "obama3.jpg",
    "2012/speeches/obama_partial_face.jpg": "obama_partial_face.jpg",
    "2012/speeches/obama_partial_face2.jpg": "obama_partial_face2.jpg",
    "2015/space-centre/astronaut.png": "astronaut.png",
    "2018/group/t1.jpg": "t1.jpg",
    "2020/cafe/coffee.png": "coffee.png",
    "2020/phone-backup/obama-copy.jpg": "obama.jpg",
}


# --- ways to vary a photo ------------------------------------------------------------------------------------------


def cropped(left, top, right, bottom, longer_side=None):
    """Cut out a part; with `longer_side`, bring it to that size."""

    def change(image):
        part = image.crop((left, top, right, bottom))
        return part if longer_side is None else _resized(part, longer_side / max(part.size))

    return change


def scaled(factor):
    """Enlarge or reduce."""
    return lambda image: _resized(image, factor)


def turned(degrees):
    """Turn a little counter-clockwise; the corners are filled with grey."""
    return lambda image: image.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=(96, 96, 96))


def light(brightness=1.0, contrast=1.0, colour=1.0):
    """Change brightness, contrast and colour."""

    def change(image):
        image = ImageEnhance.Brightness(image).enhance(brightness)
        image = ImageEnhance.Contrast(image).enhance(contrast)
        return ImageEnhance.Color(image).enhance(colour)

    return change


def mirrored(image):
    """Swap left and right."""
    return ImageOps.mirror(image)


def grey(image):
    """Drop the colours; a JPEG of this has a single channel."""
    return ImageOps.grayscale(image)


def _resized(image, factor):
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)


#: Six people stand in t1.jpg; around each, left to right, a square of about twice the head.
T1_PEOPLE = [
    (0, 210, 228, 452),
    (205, 95, 440, 325),
    (400, 220, 634, 458),
    (680, 290, 914, 534),
    (840, 14, 1072, 252),
    (1060, 215, 1280, 445),
]

#: The variants: place in the library -> (source, changes in order).
VARIANTS = {
    "2009/portraits/biden-variant-cropped.jpg": ("biden.jpg", [cropped(250, 20, 900, 800)]),
    "2012/speeches/obama2-variant-darker.jpg": ("obama2.jpg", [light(brightness=0.65)]),
    "2012/speeches/obama3-variant-turned.jpg": ("obama3.jpg", [scaled(0.6), turned(6)]),
    "2013/visit/biden-variant-turned.jpg": ("biden.jpg", [turned(-7), scaled(0.7)]),
    "2013/visit/biden-variant-brighter.png": ("biden.jpg", [cropped(150, 0, 970, 1000), light(1.25, 0.9), scaled(0.6)]),
    "2013/visit/biden-variant-grey.jpg": ("biden.jpg", [scaled(0.5), grey]),
    "2015/space-centre/astronaut-variant-enlarged.jpg": ("astronaut.png", [scaled(1.75)]),
    "2015/space-centre/astronaut-variant-turned.jpg": ("astronaut.png", [turned(5), cropped(80, 0, 400, 320, 800)]),
    "2015/space-centre/astronaut-variant-cooler.png": (
        "astronaut.png",
        [cropped(40, 0, 440, 330, 760), light(0.9, 1.1, 0.5)],
    ),
    "2018/group/t1-variant-enlarged.jpg": ("t1.jpg", [scaled(1.5), light(brightness=1.1)]),
    "2018/group/t1-variant-mirrored.jpg": ("t1.jpg", [mirrored, scaled(1.3), light(contrast=0.85)]),
    **{
        f"2018/group/t1-variant-person-{number}.jpg": ("t1.jpg", [cropped(*box, 560), turned(4 if number % 2 else -4)])
        for number, box in enumerate(T1_PEOPLE, start=1)
    },
}

#: One variant is stored lying on its side, with an EXIF orientation that says so, as phones do.
SIDEWAYS = {"2013/visit/biden-variant-exif-orientation-6.jpg": ("biden.jpg", [scaled(0.8), light(contrast=1.15)])}


# --- making the library --------------------------------------------------------------------------------------------


def check_sources(folder):
    """Stop unless every source photo is the pinned one."""
    for name, (package, expected) in SOURCES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            sys.exit(f"make_sample_library: {name} of {package} has sha256 {found}, expected {expected}")


def varied(folder, source, changes):
    """A source photo with the changes applied, as an 8-bit RGB (or grey) image."""
    with Image.open(folder / source) as opened:
        image = opened.convert("RGB")
    for change in changes:
        image = change(image)
    return image


def save(image, path, **options):
    """Write with fixed settings, so that the bytes do not depend on defaults."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jpg":
        image.save(path, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0", **options)
    else:
        image.save(path, "PNG", compress_level=6, **options)


def save_sideways(image, path):
    """Store turned by 90°, with the EXIF orientation that turns it back."""
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6  # to be turned clockwise for viewing
    save(image.transpose(Image.Transpose.ROTATE_90), path, exif=exif)


def readme():
    """What README.txt says."""
    lines = [
        "The sample photo library of facesets, made by scripts/python/make_sample_library.py.",
        "",
        "A handful of real photos that Python packages ship, and VARIANTS of them: the same photos cropped, turned,",
        "lighter, darker or saved again, because few people appear more than once in the real ones. A file named",
        '"variant" is not a photo of its own; numbers measured on this library flatter any face recogniser.',
        "The six people of t1.jpg, for one, appear in a single real photo.",
        "",
        "Real photos, byte for byte:",
        *(f"  {place}  =  {source} of {SOURCES[source][0]}" for place, source in COPIES.items()),
        "",
        "Variants:",
        *(f"  {place}  from  {source}" for place, (source, _) in {**VARIANTS, **SIDEWAYS}.items()),
        "",
        "2020/phone-backup/obama-copy.jpg is the same file as 2009/portraits/obama.jpg, and 2020/cafe/coffee.png",
        "shows nobody; both are there on purpose.",
    ]
    return "\n".join(lines) + "\n"


def main(sources, out):
    """Make the whole library; the README comes last, as the mark of a complete one."""
    check_sources(sources)
    for place, source in COPIES.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources / source, out / place)
    for place, (source, changes) in VARIANTS.items():
        save(varied(sources, source, changes), out / place)
    for place, (source, changes) in SIDEWAYS.items():
        save_sideways(varied(sources, source, changes), out / place)
    (out / "README.txt").write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
