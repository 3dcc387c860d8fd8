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
{ listed home_file; recorded "$users" home_file | sed 's,^,/,'; } | sort -u | while IFS= read -r path; do
  [ ! -e "$path" ] || {
    reply "stat $path" mode_of "$path"
    reply "cat $path" text "$path"
  }
done
"""

    @property
    def root(self) -> bool:
        """False: it is the user's own."""
        return False
