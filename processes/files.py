"""Files: written whole or not at all, and found again; each folder holds what waits (`new`) and what was seen to."""

import os
from pathlib import Path
from threading import get_ident

from processes import points


def make(folder: Path, *parts: str) -> None:
    """Makes the parts of a folder, for its owner alone."""
    for part in parts:
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)


def put(folder: Path, name: str, content: bytes) -> None:
    """Written beside, flushed to the disk, and then moved into its place in one step. Raises `OSError`."""
    draft = folder / "tmp" / f"{name}.{os.getpid()}.{get_ident()}"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    points.reached("file: written, not renamed")
    draft.rename(folder / "new" / name)
    _flush(folder / "new")


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
