"""The small scripts in a rehearsal Mac's folders, one for each tool."""

from __future__ import annotations

import shutil
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIMULATED = (
    "bin/launchctl bin/hostname bin/realpath usr/bin/pmset usr/sbin/ioreg "
    "usr/libexec/ApplicationFirewall/socketfilterfw usr/local/bin/tailscale usr/local/bin/rehearse usr/bin/sudo "
    "usr/sbin/sysctl usr/bin/sw_vers usr/sbin/lsof usr/bin/plutil usr/libexec/PlistBuddy usr/bin/stat usr/sbin/chown "
    "usr/bin/id usr/bin/whoami usr/bin/defaults usr/sbin/scutil usr/sbin/systemsetup usr/bin/fdesetup usr/bin/dscl "
    "usr/sbin/sysadminctl usr/sbin/system_profiler usr/bin/shasum usr/bin/who usr/bin/curl usr/sbin/netstat "
    "usr/bin/logger usr/bin/caffeinate usr/bin/uname bin/df usr/bin/sfltool"
)
"""The simulated tools, at their places on a Mac."""

PATHS = (
    "cat ls mkdir rmdir rm mv cp ln chmod touch head tail sort uniq wc cut base64 cksum basename dirname tee find diff "
    "readlink mktemp xargs test [ od dd cmp env du gzip"
)
"""The laptop's own tools whose words are paths; the rehearsal's folder is put in front of these."""

PERHAPS_PATHS = "grep sed awk"
"""Tools whose words may begin with / and not be paths; only a word that lies in a folder of the Mac is one."""

PLAIN = "tr sleep date printf true false kill ps expr echo pwd tty sh"
"""Tools that take no paths, or get them from a script that knows the folder."""

PROGRAMS = {"ollama", "nginx", "caddy"}
"""Programs that a spec may name and that print something; any other program is silent."""

READERS = "cat head tail sort uniq wc cut base64 cksum cp cmp diff od dd grep sed awk"
"""Tools that read files."""

GUARD = """\
  # tailscaled writes its plist with mode 0700: on a Mac only root reads that
  if [ -z "${{MACSTATE_AS-}}" ] && [ -f "$word" ] && [ -x "$word" ] && [ "${{word%.plist}}" != "$word" ]; then
    echo "{name}: ${{word#"$MACSTATE_ROOT"}}: Permission denied" >&2
    denied=yes
    continue
  fi
"""
DENIED = '[ -z "${denied-}" ] || { [ "$#" -eq 0 ] || %s "$@"; exit 1; } </dev/null\n'
"""The other files are read."""

LAPTOP = "/bin:/usr/bin"

MAPPED = """\
#!/bin/sh
for word; do
  shift
  case $word in
    "$MACSTATE_ROOT" | "$MACSTATE_ROOT"/* | /dev/*) ;;
    {pattern}) {mapping} ;;
  esac
{guard}  set -- "$@" "$word"
done
{denied}exec {tool} "$@"
"""


PLAINLY = '#!/bin/sh\nexec {tool} "$@"\n'
SPECIAL = {
    # the Mac's clock may be wrong
    "date": """\
#!/bin/sh
if [ "$*" = +%s ] && [ -f "$MACSTATE_ROOT/.mac/clock" ]; then
  echo $(($({tool} +%s) + $(/bin/cat "$MACSTATE_ROOT/.mac/clock")))
else
  exec {tool} "$@"
fi
""",
    # no real process list has the made-up processes, and Linux refuses a list with a 0 in it
    "ps": """\
#!/bin/sh
case "$*" in
  *[5-9][0-9][0-9][0-9][0-9][0-9][0-9]* | *,0*) exec {simulated} "$@" ;;
esac
exec {tool} "$@"
""",
}


def quoted(text: str) -> str:
    """Return a text quoted for sh."""
    return "'" + text.replace("'", "'\\''") + "'"


def simulated(python: str, name: str) -> str:
    """Return the script that starts a simulated tool."""
    return f'#!/bin/sh\nexec {command(python, name)} "$@"\n'


def command(python: str, name: str) -> str:
    """Return the command that plays a tool."""
    main = Path(__file__).resolve().with_name("__main__.py")  # the folder itself would need runpy: 5 ms
    return f"{quoted(python)} -I -S {quoted(str(main))} {name}"


def scripts(python: str) -> Iterator[tuple[str, str]]:
    """Yield every script of a Mac, as (place under the root, text)."""
    for place in SIMULATED.split():
        yield place, simulated(python, place.rpartition("/")[2])
    for names, pattern, mapping in (
        (PATHS, "/*", "word=$MACSTATE_ROOT$word"),
        (PERHAPS_PATHS, "/*/*", '[ -d "$MACSTATE_ROOT${word%/*}" ] && word=$MACSTATE_ROOT$word'),
        (PLAIN, "", ""),
    ):
        for name in names.split():
            tool = shutil.which(name, path=LAPTOP)
            if tool:
                guard = GUARD.format(name=name) if name in READERS.split() else ""
                denied = DENIED % tool if guard else ""
                mapped = MAPPED.format(pattern=pattern, mapping=mapping, guard=guard, denied=denied, tool=tool)
                place = f"{'bin' if name in BIN.split() else 'usr/bin'}/{name}"
                plain = SPECIAL.get(name, PLAINLY).format(tool=tool, simulated=command(python, name))
                yield place, mapped if pattern else plain


BIN = "cat ls mkdir rmdir rm mv cp ln chmod test [ dd date echo kill ps pwd sh sleep expr"
"""The tools in a Mac's /bin; the others are in /usr/bin."""


def program(python: str, path: str) -> str:
    """Return the script that stands in for an installed program."""
    name = path.rpartition("/")[2]
    return simulated(python, name) if name in PROGRAMS else "#!/bin/sh\nexit 0\n"
