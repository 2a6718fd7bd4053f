"""Makes tests/fixtures/tiff: a small picture in the many kinds of TIFF, and the pixels that Pillow reads in them.

usage: make_tiff_fixtures.py [FOLDER]

The files are committed; this is how they came about: with Pillow 12.3 on libtiff 4.7.1. What Pillow does not write (planes, tiles, JPEG of
TIFF 6.0, subsampled colours that are not packed, floating-point numbers) is written here byte by byte. Kinds that lose nothing and show the
same picture have one PNG for all of them; `expected` below says which.
"""

import io
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

WIDTH, HEIGHT = 45, 34  # no multiple of what subsampling and tiles want


def picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([40 + 4 * x, 60 + 4 * y, 200 - 2 * x - 2 * y], axis=2).astype(float)
    pixels[(x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2 < 100] = (220, 150, 120)
    pixels[:8, :8], pixels[:8, -8:] = (230, 20, 20), (20, 200, 20)
    pixels[-8:, :8], pixels[-8:, -8:] = (20, 20, 230), (230, 220, 20)
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def tiff(tags, chunks, offsets=0x111, lengths=0x117, order="<"):
    """A file with one directory; numbers are LONG, or SHORT where they come as lists."""
    out = bytearray(b"II*\0" if order == "<" else b"MM\0*") + bytearray(4)
    places = []
    for chunk in chunks:
        places.append(len(out))
        out += chunk + b"\0" * (len(chunk) % 2)
    entries = []
    for tag, value in sorted({**tags, offsets: places, lengths: [len(chunk) for chunk in chunks]}.items()):
        if isinstance(value, bytes):
            kind, count, data = 7, len(value), value
        elif tag in (offsets, lengths) or isinstance(value, int):
            value = [value] if isinstance(value, int) else value
            kind, count, data = 4, len(value), struct.pack(f"{order}{len(value)}I", *value)
        else:
            kind, count, data = 3, len(value), struct.pack(f"{order}{len(value)}H", *value)
        if len(data) > 4:
            place = len(out)
            out += data + b"\0" * (len(data) % 2)
            data = struct.pack(f"{order}I", place)
        entries.append(struct.pack(f"{order}HHI", tag, kind, count) + data.ljust(4, b"\0"))
    out[4:8] = struct.pack(f"{order}I", len(out))
    return bytes(out + struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4))


def basic(compression, photometric, samples, bits=8, **others):
    tags = {0x100: WIDTH, 0x101: HEIGHT, 0x102: [bits] * samples, 0x103: compression, 0x106: photometric, 0x115: samples}
    return {**tags, 0x116: HEIGHT, **{int(tag[1:], 16): value for tag, value in others.items()}}


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def tiles(array, size):
    """Tiles of a picture, filled up with its edge, row by row."""
    rows, columns = (-(-side // size) for side in array.shape[:2])
    padding = [(0, rows * size - array.shape[0]), (0, columns * size - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
    array = np.pad(array, padding, "edge")
    return [array[y * size : (y + 1) * size, x * size : (x + 1) * size] for y in range(rows) for x in range(columns)]


def by_pillow(folder):
    rgb = picture()
    info = lambda **tags: {int(tag[1:], 16): value for tag, value in tags.items()}
    save = lambda name, image, **options: image.save(folder / f"{name}.tif", **options)
    save("raw", rgb)
    save("big", rgb, big_tiff=True)
    save("lzw", rgb, compression="tiff_lzw", tiffinfo=info(x116=8))
    save("lzw-predicted", rgb, compression="tiff_lzw", tiffinfo=info(x13D=2))
    save("deflate-predicted", rgb, compression="tiff_adobe_deflate", tiffinfo=info(x13D=2, x116=5))
    save("packbits", rgb, compression="packbits")
    save("zstd", rgb, compression="zstd")
    save("jpeg-ycbcr", rgb, compression="jpeg", quality=90, tiffinfo=info(x116=16))
    save("alpha", Image.merge("RGBA", (*rgb.split(), rgb.getchannel(0))))
    save("palette", rgb.quantize(64))
    save("palette-4", rgb.quantize(16), bits=4)
    save("grey", rgb.convert("L"))
    save("grey-alpha", Image.merge("LA", (rgb.convert("L"), rgb.getchannel(0))))
    save("fax4", rgb.convert("1"), compression="group4")
    save("bits-1", rgb.convert("1"))
    save("cmyk", rgb.convert("CMYK"))
    save("cmyk-jpeg", rgb.convert("CMYK"), compression="jpeg", quality=95)
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    save("lab", ImageCms.applyTransform(rgb, to_lab))


def by_hand(folder):
    rgb = np.asarray(picture())
    grey = np.asarray(picture().convert("L"))
    write = lambda name, *arguments, **options: (folder / f"{name}.tif").write_bytes(tiff(*arguments, **options))
    write("planar", basic(1, 2, 3, x11C=2), [rgb[:, :, plane].tobytes() for plane in range(3)])
    cmyk = np.asarray(picture().convert("CMYK"))
    write("cmyk-planar", basic(8, 5, 4, x11C=2, x13D=1), [zlib.compress(cmyk[:, :, plane].tobytes()) for plane in range(4)])
    write("big-endian-16", basic(1, 2, 3, 16), [(rgb.astype(">u2") * 257).astype(">u2").tobytes()], order=">")
    deep = rgb.astype("<u2") * 257
    deep[:, 1:] -= deep[:, :-1].copy()
    write("deflate-16-predicted", basic(8, 2, 3, 16, x13D=2), [zlib.compress(deep.astype("<u2").tobytes())])
    write("float", basic(1, 2, 3, 32, x153=[3, 3, 3]), [(rgb / 255).astype("<f4").tobytes()])
    numbers = np.ascontiguousarray((rgb / 255).astype(">f4")).view(np.uint8).reshape(HEIGHT, WIDTH * 3, 4)
    planes = numbers.transpose(0, 2, 1).reshape(HEIGHT, -1, 3).copy()
    planes[:, 1:] -= planes[:, :-1].copy()
    write("float-predicted", basic(8, 2, 3, 32, x153=[3, 3, 3], x13D=3), [zlib.compress(planes.tobytes())])
    write("grey-16", basic(1, 1, 1, 16), [(grey.astype("<u2") * 257).astype("<u2").tobytes()])
    write("white-is-zero", basic(1, 0, 1), [(255 - grey).tobytes()])
    four = (grey >> 4).astype(np.uint8)
    padded = np.pad(four, [(0, 0), (0, 1)])
    write("bits-4", basic(1, 1, 1, 4), [(padded[:, ::2] << 4 | padded[:, 1::2]).tobytes()])
    padded = np.pad(grey >> 6, [(0, 0), (0, 3)]).reshape(HEIGHT, -1, 4)
    write("bits-2", basic(1, 1, 1, 2), [(padded << np.array([6, 4, 2, 0], np.uint8)).sum(2).astype(np.uint8).tobytes()])

    tags = basic(7, 6, 3, x142=16, x143=16, x212=[2, 2])
    del tags[0x116]
    parts = [jpeg(Image.fromarray(part), subsampling=2) for part in tiles(rgb, 16)]
    write("jpeg-tiles", tags, parts, offsets=0x144, lengths=0x145)
    tags = basic(1, 2, 3, x142=16, x143=16)
    write("tiles", tags, [part.tobytes() for part in tiles(rgb, 16)], offsets=0x144, lengths=0x145)
    write("jpeg-6", basic(6, 6, 3, x201=8, x202=len(jpeg(picture()))), [jpeg(picture())])
    image = np.asarray(picture().convert("YCbCr"))
    image = np.pad(image, [(0, 0), (0, 1), (0, 0)], "edge").astype(int)
    units = bytearray()
    for y in range(0, HEIGHT, 2):
        for x in range(0, WIDTH, 2):
            block = image[y : y + 2, x : x + 2]
            units += bytes([*block[:, :, 0].ravel(), *block[:, :, 1:].reshape(4, 2).mean(0).round().astype(int)])
    write("ycbcr", basic(8, 6, 3, x212=[2, 2]), [zlib.compress(bytes(units))])
    write("ycbcr-raw", basic(1, 6, 3, x212=[2, 2]), [bytes(units)])
    lab = np.asarray(Image.open(folder / "lab.tif")).copy()
    lab[:, :, 1:] += 128
    write("icc-lab", basic(1, 9, 3), [lab.tobytes()])
    for name, compression, photometric in (("jpeg-2000", 34712, 2), ("itu-lab", 1, 10)):
        write(name, basic(compression, photometric, 3), [bytes(100)])


def references(folder):
    """PNGs with Pillow's pixels, for every kind that it reads to 8 bits and that does not show what another does."""
    pixels = {"rgb": picture(), "grey": picture().convert("L").convert("RGB")}
    for name in ("jpeg-ycbcr", "palette", "palette-4", "cmyk", "cmyk-jpeg", "ycbcr", "bits-1", "bits-2", "bits-4"):
        pixels[name] = Image.open(folder / f"{name}.tif").convert("RGB")
    # libtiff decodes it in a manner of its own, which is not that of a JPEG.
    pixels["jpeg-6"] = Image.open(io.BytesIO(jpeg(picture())))
    # Pillow reads each tile as libtiff does.
    pixels["jpeg-tiles"] = Image.open(folder / "jpeg-tiles.tif").convert("RGB")
    for name, image in pixels.items():
        image.save(folder / f"{name}.png", optimize=True)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/tiff")
    folder.mkdir(parents=True, exist_ok=True)
    TiffImagePlugin.WRITE_LIBTIFF = False
    by_pillow(folder)
    by_hand(folder)
    references(folder)


if __name__ == "__main__":
    main()
