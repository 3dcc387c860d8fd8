"""A whole file on the laptop, in the home of whoever runs macstate."""

from __future__ import annotations

from typing import ClassVar

from macstate.kinds.file import File


class HomeFile(File):
    """A file that the laptop's user owns; its key is the path without the first slash."""

    kind: ClassVar[str] = "home_file"
    laptop: ClassVar[bool] = True
    owner: ClassVar[str] = ""
    # GNU's stat first: the option by which macOS' stat takes a format makes GNU's print something else, and fail
    script: ClassVar[str] = """
mode_of() { # FILE: owner and mode
  stat -c '%u %a' "$1" 2>/dev/null || stat -f '%u %Lp' "$1"
}
home_file() { # PATH
  [ ! -e "$1" ] || {
    reply "stat $1" mode_of "$1"
    reply "cat $1" text "$1"
  }
}
keys "${user_home_file-}" /
both "${list_home_file-}" "$keys"
each "$both" home_file
"""

    @property
    def digests(self) -> tuple[str, ...]:
        """None: it is on the laptop, where nothing has to be sent."""
        return ()

    @property
    def root(self) -> bool:
        """False: it is the user's own."""
        return False
