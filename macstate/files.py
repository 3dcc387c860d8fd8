"""The laptop's own files: read whole where that can come to an end, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

MEGABYTE = 1_000_000
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def read(path: Path, largest: int = MEGABYTE) -> bytes:
    """Read a file.

    Raises:
        OSError: it cannot be read, is larger, or is no file, as a pipe from which nothing comes.
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
    """Say whether there is something of that name.

    Raises:
        OSError: nobody can tell, as in a folder that is closed to us.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name") from None
    return True


def write(path: Path, text: str, *, anew: bool = False) -> None:
    """Write a file that its owner alone can read, whole or not at all; ``anew``: never over one that is there.

    Raises:
        OSError: it cannot be written, or is there already.
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
