"""launchd jobs as public set-ups have them: by which label each is known, and which port it would take."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from macstate.kinds.launchd import Launchd, claims, conflicts
from macstate.language.facts.machine import Listener, Machine

DAEMONS, AGENTS = "/Library/LaunchDaemons", "/Users/me/Library/LaunchAgents"
OLLAMA = ["/opt/homebrew/bin/ollama", "serve"]
WAIT = "/bin/wait4path /nix/store && exec /nix/store/x-ollama/bin/ollama serve"
SHAPES: dict[str, tuple[str, dict[str, Any], set[int]]] = {
    "a file with another name than its job": (
        f"{AGENTS}/ollama-start.plist",
        {"Label": "org.home.llm", "ProgramArguments": OLLAMA},
        {11434},
    ),
    "a dash in the file, a dot in the label": (
        f"{DAEMONS}/edu.lab.db-backend.plist",
        {"Label": "edu.lab.db.backend", "ProgramArguments": ["/opt/db", "--port=8001"], "UserName": "_db"},
        {8001},
    ),
    "nix-darwin": (
        f"{AGENTS}/org.nixos.ollama.plist",
        {"Label": "org.nixos.ollama", "ProgramArguments": ["/bin/sh", "-c", WAIT], "KeepAlive": True},
        {11434},
    ),
    "home-manager, to the whole network": (
        f"{AGENTS}/org.nix-community.home.ollama.plist",
        {
            "Label": "org.nix-community.home.ollama",
            "ProgramArguments": OLLAMA,
            "EnvironmentVariables": {"OLLAMA_HOST": "0.0.0.0"},  # noqa: S104 - as many have it
        },
        {11434},
    ),
    "another port": (
        f"{AGENTS}/com.ollama.serve.plist",
        {
            "Label": "com.ollama.serve",
            "ProgramArguments": OLLAMA,
            "EnvironmentVariables": {"OLLAMA_HOST": "0.0.0.0:8001", "OLLAMA_MODELS": "/Volumes/X/models"},
        },
        {8001},
    ),
    "on demand": (
        f"{AGENTS}/com.example.mlxlm.plist",
        {
            "Label": "com.example.mlxlm",
            "ProgramArguments": ["/opt/mlx_lm.server", "--host", "127.0.0.1", "--port", "8080"],
            "KeepAlive": {"PathState": {"/Users/Shared/mlxlm.want": True}},
            "RunAtLoad": False,
        },
        {8080},
    ),
    "a port in the environment": (
        f"{DAEMONS}/ui.plist",
        {"Label": "local.ui", "ProgramArguments": ["/opt/ui"], "EnvironmentVariables": {"PORT": "3000"}},
        {3000},
    ),
    "a program without words": (
        f"{DAEMONS}/com.example.once.plist",
        {"Label": "com.example.once", "Program": "/opt/once", "StartCalendarInterval": [{"Hour": 3}, {"Weekday": 7}]},
        set(),
    ),
    "a label that is none": (f"{DAEMONS}/odd.plist", {"Label": ["x"], "ProgramArguments": ["/opt/odd"]}, set()),
    "no label at all": (f"{DAEMONS}/none.plist", {"ProgramArguments": ["/opt/none"]}, set()),
}


def parsed(*files: tuple[str, bytes], services: str = "", gui: str = "") -> dict[str, Launchd]:
    """Read what the probe prints of these files, and of the jobs that are loaded."""
    outputs = {"launchctl print-disabled system": "", "launchctl print-disabled gui/501": ""}
    outputs |= {
        "launchctl print system": services,
        "launchctl print gui/501": gui,
        "stat system": "",
        "stat gui/501": "",
    }
    for path, content in files:
        domain = "system" if path.startswith(DAEMONS) else "gui/501"
        outputs[f"stat {domain}"] += f"0 644 {path}\n"
        outputs[f"cat {path}"] = content.decode("utf-8", "surrogateescape")
    return {each.key: each for each in Launchd.parse(outputs)}


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
@pytest.mark.parametrize("name", SHAPES)
def test_a_job_is_known_by_its_label_and_by_its_port(name: str, form: Any) -> None:
    path, plist, ports = SHAPES[name]
    stem = path.rpartition("/")[2].removesuffix(".plist")
    label = plist["Label"] if isinstance(plist.get("Label"), str) else stem
    domain = "system" if path.startswith(DAEMONS) else "gui/501"
    table = f"\t\t     4242      - \t{label}\n"

    found = parsed((path, plistlib.dumps(plist, fmt=form)), **{"services" if domain == "system" else "gui": table})

    job = found[f"{domain}/{label}"]
    assert (job.target, job.path, job.pid, job.running) == (f"{domain}/{label}", path, 4242, True)
    assert claims(job) == ports
    assert list(found) == [f"{domain}/{label}"]
    assert [step.line for step in job.displace()][-1].endswith(f"{path} mv")
    unloaded = parsed((path, plistlib.dumps(plist, fmt=form)))[f"{domain}/{label}"]
    assert (unloaded.loaded, unloaded.pid) == ({}, None)


def test_two_files_with_one_label_are_two() -> None:
    plists = [(f"{DAEMONS}/{name}.plist", plistlib.dumps({"Label": "a.b"})) for name in ("a.b", "copy", "x")]
    found = parsed(*plists, services="\t\t    7   (pe) \ta.b\n")
    assert {key: job.target for key, job in found.items()} == {
        "system/a.b": "system/a.b",
        "system/copy": "system/a.b",
        "system/x": "system/a.b",
    }


def test_what_holds_a_port_without_a_plist_is_told_and_else_nobodys_business() -> None:
    found = parsed(services="\t\t  4242   -9 \tsubmitted.job\n\t\t     0      - \tidle.job\n")
    job = found["system/submitted.job"]
    assert (job.exists, job.bare, job.pid) == (False, True, 4242)
    wish = Launchd(key="system/macstate.a", ports=(8001,))
    machine = Machine(listeners=(Listener(8001, "127.0.0.1", 4250, 4242, "/opt/x"),))
    [(was, _, why)] = conflicts([wish], list(found.values()), {}, machine)
    assert (was.key, why) == ("system/submitted.job", "uses port 8001, which system/macstate.a needs")
    assert [step.line for step in was.displace()] == [step.line for step in was.remove()]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"Label": "x"}', b"<plist><dict>", b"bplist00" + b"\xff" * 40])
def test_a_plist_that_is_damaged_or_json_goes_by_its_file(content: bytes) -> None:
    [job] = parsed((f"{DAEMONS}/odd.plist", content)).values()
    assert (job.key, job.target) == ("system/odd", "system/odd")


def test_a_link_that_leads_nowhere_is_there_and_cannot_be_read() -> None:
    outputs = {"stat system": f"0 755 {DAEMONS}/gone.plist\n", "launchctl print system": ""}
    [job] = Launchd.parse({**outputs, "launchctl print-disabled system": ""})
    assert (job.key, job.file) == ("system/gone", None)
