#!/usr/bin/env python3
"""Take single files out of a wheel or a tar archive, flat, into a folder.

usage: extract_members.py ARCHIVE FOLDER PATTERN...

Each pattern (shell style) must match at least one member. Only the members' base names are used, so an archive cannot
write anywhere else. No `unzip` is needed this way.
"""

import sys
import tarfile
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path


def read_members(archive, wanted):
    """Yield (name, content) of every file for which `wanted(name)` holds."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir() and wanted(info.filename):
                    yield info.filename, opened.read(info)
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isfile() and wanted(member.name):
                yield member.name, opened.extractfile(member).read()


def main(archive, folder, patterns):
    """Extract, and stop when a pattern found nothing."""
    unmatched = set(patterns)

    def wanted(name):
        found = [each for each in patterns if fnmatchcase(name, each)]
        unmatched.difference_update(found)
        return bool(found)

    for name, content in read_members(archive, wanted):
        (folder / Path(name).name).write_bytes(content)
    if unmatched:
        sys.exit(f"extract_members: {archive.name} has no {', '.join(sorted(unmatched))}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
