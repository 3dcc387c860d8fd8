"""`macstate explain`: what a field means, from the same docstrings as the schema."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from laptop import ROOT

from macstate.cli import macstate
from macstate.errors import MacstateError
from macstate.gateway.servers import SERVERS
from macstate.spec.explain import Schema, explain
from macstate.spec.reference import reference

TOLD = {
    "power.ac.sleep": [
        "Idle minutes",
        "whole number, at least 0 or duration in minutes, such as 10m or 2h, or never",
        "unit: minutes",
        "on the Mac: `pmset -c|-b|-u sleep …`",
    ],
    "macs.any.endpoints.x.port": ["at least 1, at most 65535"],
    "gateway": [f"short: {' | '.join(SERVERS)}"],
    "gpu_memory": ["short: a size: 900MB or 48GB"],
    "endpoints.x.serve": ["short: true or false or text"],
    "power.disablesleep": ["true or false", "on the Mac: `pmset -a disablesleep 0|1`"],
    "endpoints.ollama.port": [
        "at least 1, at most 65535",
        "on the Mac: what the server listens on",
    ],
    "endpoints.ollama.ready_within": ["duration, a number with its unit", "default: 10m"],
    "endpoints.ollama.interval": ["on the Mac: StartInterval in the launchd plist"],
    "endpoints.ollama.watchdog.patience": ["default: 30m", "on the Mac: a word of the job"],
    "log_rotation.size": ["default: 10MB"],
    "gpu_memory.wired_limit_mb": ["unit: megabytes", "sysctl iogpu.wired_limit_mb"],
    "software_update.check": ["AutomaticCheckEnabled in /Library/Preferences"],
    "firewall.stealth": ["`socketfilterfw --setstealthmode on|off`"],
    "macs.any.power.ac.sleep": ["unit: minutes"],
    "endpoints.ollama.models.qwen2.5:7b": ["One model of an endpoint"],
    "endpoints.ollama.models.qwen2.5:7b.digest": ["The very version"],
    "launchd.com.example.tick.interval": ["on the Mac: StartInterval in the launchd plist"],
    "files./usr/local/etc/x.conf.mode": ["default: 0644"],
    "launchd.x.keep_alive": ["type: fields", "short: true or false", "successful_exit: Where it ended with 0"],
    "endpoints.x.schedule": ["type: fields", "short: text or list of fields", "at: When", "days: On which days"],
    "launchd.x.keep_alive.crashed": ["type: true or false"],
    "endpoints.x.models.y.digest": ["type: 12 to 64 hexadecimal digits"],
    "clients.local.via": ["tailnet | funnel", "default: tailnet"],
}
PATHS = ["", "macs", "endpoints", "endpoints.x.models", "clients", "files", "launchd"]
SILENT = {"macs", "clients", "gateway", "files", "ready_within"}
"""Sections that are no setting of the Mac, or say it in their fields; and what is about macstate's own patience."""


@pytest.mark.parametrize("path", TOLD)
def test_a_field_is_told(path: str) -> None:
    text = "\n".join(explain(path))

    assert [part for part in TOLD[path] if part not in text] == []


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_left_without_words(path: str) -> None:
    lines = list(explain(path))

    assert not lines[1].startswith("  type:")
    assert [line for line in lines if line.endswith(": ")] == []


def fields(path: str) -> list[str]:
    tree = Schema()
    found = []
    for name, node in tree.at(path).get("properties", {}).items():
        below = tree.plain(node)
        if name not in SILENT:
            found += (
                [f"{path}.{name}"] if "x-on-the-mac" in node or "properties" not in below else fields(f"{path}.{name}")
            )
    return found


@pytest.mark.parametrize(
    "section",
    [
        *("power", "power.ac", "firewall", "screen_sharing", "tailscale", "host_name", "remote_login"),
        *("software_update", "gpu_memory", "log_rotation", "launchd.x", "endpoints.x", "endpoints.x.watchdog"),
        *("gateway.ports", "gateway.rate_limit"),
    ],
)
def test_every_setting_says_what_it_becomes_on_the_mac(section: str) -> None:
    assert fields(section)
    assert [path for path in fields(section) if "on the Mac: " not in "\n".join(explain(path))] == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("endpoints.ollama.prot", "endpoints.ollama.prot: no such field; did you mean endpoints.ollama.port?"),
        (
            "launchd.com.example.tick.intervl",
            "launchd.com.example.tick.intervl: no such field; did you mean launchd.com.example.tick.interval?",
        ),
        ("pwer", "pwer: no such field; did you mean power?"),
        ("power.ac.sleep.more", "power.ac.sleep.more: no such field; there are none"),
    ],
)
def test_a_misspelt_path_gets_a_suggestion(path: str, says: str) -> None:
    with pytest.raises(MacstateError) as error:
        list(explain(path))

    assert error.value.message == says


def test_the_reference_is_what_the_command_prints() -> None:
    command = Path(sys.executable).with_name("macstate")

    done = subprocess.run([command, "explain", "--reference"], capture_output=True, text=True, check=True)

    page = (ROOT / "docs/reference.md").read_text()
    assert done.stdout == page, "type: macstate explain --reference >docs/reference.md"
    assert done.stderr == ""


def test_the_reference_has_a_row_for_every_field() -> None:
    page = "\n".join(reference())
    tree = Schema().tree
    models = {name: node for name, node in tree["$defs"].items() if not name.startswith("Own")}
    fields = {field for node in models.values() for field in node.get("properties", {})}

    assert {"successful_exit", "give_up", "at", "hostname", "tailnet"} <= fields
    assert [name for name in fields if f"\n| `{name}` | " not in page and f"\n| [`{name}`](#" not in page] == []
    assert [name for name in tree["properties"] if f"\n## `{name}`\n" not in page] == []


@pytest.mark.parametrize(
    "row",
    [
        "| `https` | The HTTPS port on the Mac's tailnet name. "
        "| whole number, at least 1, at most 65535<br>default: `443` |  |",
        "| `user` | Who logs in, and who runs the jobs. | text<br>it must be there |  |",
        r"| `enabled` | Whether the firewall is on. | true or false | `socketfilterfw --setglobalstate on\|off` |",
        "| [`battery`](#powerac) | On battery (portable Macs). | fields | `pmset -b …` |",
    ],
)
def test_a_row_of_the_reference_has_all_that_is_told_of_a_field(row: str) -> None:
    assert row in reference()


def test_no_bar_of_the_reference_is_a_border_by_mistake() -> None:
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in reference() if line.startswith("| ")}

    assert bars == {3, 5}  # the table of sections, and the others


def test_the_reference_is_of_all_fields() -> None:
    with pytest.raises(click.UsageError) as error:
        macstate.main(["explain", "--reference", "power"], standalone_mode=False)

    assert error.value.message == "--reference is about all fields, and takes no 'power'."
