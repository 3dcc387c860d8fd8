"""Read and write the laptop's own files: a read is bounded, and a write is whole or does not happen."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

MEGABYTE = 1_000_000
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def read(path: Path, largest: int = MEGABYTE) -> bytes:
    """Read a file of at most ``largest`` bytes.

    Raises:
        OSError: the file cannot be read, is larger, or is not a regular file (a read of a pipe might never end).
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"it is {KINDS.get(stat.S_IFMT(mode), 'a device')}, not a file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name") from None
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"it is larger than {largest:,} bytes")
    return content


def exists(path: Path) -> bool:
    """Return whether a file or folder of that name exists.

    Raises:
        OSError: this cannot be determined, for example because a folder above it is closed to us.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name") from None
    return True


def write(path: Path, text: str, *, anew: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all.

    With ``anew`` an existing file is never replaced.

    Raises:
        OSError: the file cannot be written, or ``anew`` is set and the file exists.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if anew:
            os.link(draft, path)
        else:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
