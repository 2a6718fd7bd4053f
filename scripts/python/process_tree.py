"""Running a program and what it takes: seconds, and memory of it and all that descend from it."""

import os
import subprocess
import time
from pathlib import Path

POLL_SECONDS = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


def parents():
    """Process id -> parent's id, for every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                status = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has just ended
            found[int(entry)] = int(status.rpartition(")")[2].split()[1])
    return found


def resident(process):
    """Bytes of resident memory of one process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except OSError:
        return 0


def tree_memory(root):
    """Bytes of resident memory of a process and all that descend from it; pages that two of them share count twice."""
    parent = parents()
    tree = {root}
    grown = True
    while grown:
        more = {child for child, of in parent.items() if of in tree} - tree
        tree |= more
        grown = bool(more)
    return sum(resident(process) for process in tree)


def measure(command, log):
    """(seconds, peak bytes) of a command; its output goes to the file `log`, and a failure ends the program."""
    peak = 0
    began = time.monotonic()
    with open(log, "wb") as output:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        while True:
            try:
                code = running.wait(POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, tree_memory(running.pid))
    seconds = time.monotonic() - began
    if code != 0:
        tail = Path(log).read_text(encoding="utf-8", errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(map(str, command))} ended with {code}:\n{tail}")
    return seconds, peak
