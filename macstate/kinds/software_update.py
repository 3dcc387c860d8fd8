"""What macOS updates by itself: the switches of System Settings > General > Software Update > Automatic Updates.

A configuration profile (MDM) wins over all of them, and cannot be seen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step

if TYPE_CHECKING:
    from macstate.language.scope import Scope

UPDATE, STORE = "/Library/Preferences/com.apple.SoftwareUpdate", "/Library/Preferences/com.apple.commerce"
KEYS = {
    "check": (UPDATE, "AutomaticCheckEnabled"),
    "download": (UPDATE, "AutomaticDownload"),
    "install_macos": (UPDATE, "AutomaticallyInstallMacOSUpdates"),
    "install_security": (UPDATE, "CriticalUpdateInstall", "ConfigDataInstall"),
    "install_apps": (STORE, "AutoUpdate"),
}
"""Field -> the preference file and its keys; several keys are one switch in System Settings."""
WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
Switch = bool | Literal["unset", "mixed"] | None
"""``unset``: macOS' own default holds; ``mixed``: the two keys of a switch differ."""


class SoftwareUpdateEntry(Declaration):
    """What macOS updates on its own. A configuration profile (MDM) wins over it."""

    sample: ClassVar[str] = "{check: true}"
    section: ClassVar[str] = "software_update"
    becomes: ClassVar[Mapping[str, str]] = {
        field: f"{', '.join(keys)} in {file}.plist" for field, (file, *keys) in KEYS.items()
    }

    check: bool | None = None
    """Look for updates; the others need it."""
    download: bool | None = None
    """Download new updates when they are there."""
    install_macos: bool | None = None
    """Install macOS updates: they restart the Mac, at a time that macOS chooses."""
    install_security: bool | None = None
    """Install security responses and system files."""
    install_apps: bool | None = None
    """Install updates of applications from the App Store."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the switches as one setting."""
        del name, scope
        yield SoftwareUpdate.model_validate(self.model_dump())


class SoftwareUpdate(Resource):
    """The switches, as the two preference files hold them."""

    kind: ClassVar[str] = "software_update"
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = (f"defaults read {UPDATE}", f"defaults read {STORE}")
    absent: ClassVar[tuple[int, ...]] = (1,)  # the file is not there; the message for that differs by release

    key: Literal["policy"] = "policy"
    check: Switch = None
    download: Switch = None
    install_macos: Switch = None
    install_security: Switch = None
    install_apps: Switch = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read both files."""
        if any(probe in outputs for probe in cls.probes):
            yield cls.model_validate({field: _read(outputs, *keys) for field, keys in KEYS.items()})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Write the keys of each switch that differs."""
        for field in self.unlike(have):
            domain, *keys = KEYS[field]
            for key in keys:
                yield Run(("defaults", "write", domain, key, "-bool", str(getattr(self, field)).lower()))


def _read(outputs: Outputs, domain: str, *keys: str) -> bool | str | None:
    text = outputs.get(f"defaults read {domain}")
    if text is None or not re.fullmatch(r"(\{.*\})?\s*", text, re.DOTALL):
        return None
    # exactly four blanks: deeper lines are not the file's own
    pairs = dict(re.findall(r'^ {4}"?(\w+)"? = (.*);$', text, re.MULTILINE))
    found = {WORDS.get(pairs[key].strip('"').lower()) if key in pairs else "unset" for key in keys}
    if None in found:
        return None
    return found.pop() if len(found) == 1 else "mixed"
