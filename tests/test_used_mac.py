"""A Mac that somebody has used for a year: what is told of it before anything is done, by doctor and by a run."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner
from laptop import Laptop

from macstate.cli import macstate

HOST = "matiass-mac-studio.tail174e9b.ts.net"
MACS = f"macs: {{macstudio: {{hostname: {HOST}, user: mmirvois}}}}\n"
OWN = "endpoints: {a: {engine: rest, command: [/usr/local/bin/ollama, serve], port: PORT}}\n"
AGENT = "launchd: {com.example.a: {command: [/usr/local/bin/ollama], domain: gui}}\n"
LIMIT = "gpu_memory: {wired_limit_mb: 60000}\n"
TWIN = (
    '<?xml version="1.0"?><plist version="1.0"><dict><key>Label</key><string>org.limit</string><key>ProgramArguments'
    "</key><array><string>/usr/sbin/sysctl</string><string>iogpu.wired_limit_mb=50000</string></array></dict></plist>"
)
CENTER = "/System/Library/CoreServices/ControlCenter.app/Contents/MacOS/ControlCenter"
AIRPLAY = (
    "it is AirPlay Receiver: switch that off in System Settings > General > AirDrop & Handoff, or type another port"
)
LARGE = (
    "endpoints: {o: {engine: ollama, command: [/usr/local/bin/ollama, serve], port: 11434, models: {'llama4:scout': "
)
LARGE += "Scout}}}\n"
DISK = "endpoints: {o: {engine: ollama, command: [/usr/local/bin/ollama, serve], port: 11434, models: {}, environment: "
DISK += "{OLLAMA_MODELS: /Volumes/X/models}}}\n"
GATE = "gateway: {server: nginx, keys: {agents: generate}}\n" + OWN.replace("PORT", "8001, serve: /a")
SAID = [
    ("AirPlay holds 5000", f"rehearse listen 5000 {CENTER}", OWN.replace("PORT", "5000"), AIRPLAY),
    ("AirPlay holds 7000", f"rehearse listen 7000 {CENTER}", OWN.replace("PORT", "7000"), AIRPLAY),
    (
        "somebody holds the gateway's own port",
        "rehearse listen 8080 /opt/theirs",
        GATE,
        "; stop it, or type another port: `gateway: {ports: {tailnet: {443: PORT}}}`",
    ),
    (
        "automatic login: it is off",
        "rehearse autologin off",
        AGENT,
        "automatic login: it is off, so launchd.com.example.a starts only after a login",
    ),
    (
        "the app's Tailscale starts after a login too",
        "rehearse autologin off; rehearse tailscale variant macsys",
        "",
        "automatic login: it is off, so Tailscale's app starts only after a login",
    ),
    (
        "it was registered anew",
        "rehearse tailscale rename matiass-mac-studio-1",
        "",
        f"hostname: {HOST} is no longer this node's name, which is now {HOST.replace('.', '-1.', 1)}",
    ),
    (
        "somebody sets the GPU's limit",
        f"echo '{TWIN}' >\"$MACSTATE_ROOT/Library/LaunchDaemons/limit.plist\"",
        LIMIT,
        "gpu_memory: org.limit (/Library/LaunchDaemons/limit.plist) sets iogpu.wired_limit_mb too",
    ),
    (
        "a program that the firewall shall let through is missing",
        "rehearse uninstall /opt/homebrew/bin/caddy",
        "firewall: {allow: [/opt/homebrew/bin/caddy]}\n",
        "firewall: allow: /opt/homebrew/bin/caddy is not on this Mac, so its rule has no effect; install it",
    ),
    (
        "the largest model alone does not fit into memory",
        "rehearse sysctl hw.memsize 68719476736",
        LARGE,
        "memory: llama4:scout needs about 75 GB, and the GPU gets 48 GB of this Mac",
    ),
    (
        "what is to be downloaded does not fit onto the disk",
        "rehearse disk 70000000000",
        LARGE,
        "models: 67.0 GB to download; with 70.0 GB free below /Users/mmirvois/.ollama/models that leaves too little",
    ),
    (
        "a disk is not mounted, and its models with it",
        "rehearse unmount X",
        DISK,
        "endpoints.o: /Volumes/X/models is on /Volumes/X, which is not mounted; connect the disk, or have the job wait",
    ),
]


def doctor(laptop: Laptop, spec: str) -> list[str]:
    laptop.count += 1
    file = laptop.folder / f"spec{laptop.count}.yml"
    file.write_text(spec)
    os.environ.update(MACSTATE_SPEC=str(file), MACSTATE_REHEARSAL=str(laptop.folder / "macs"))
    return CliRunner().invoke(macstate, ["doctor", "@rehearsal/macstudio"]).output.splitlines()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    laptop = Laptop(tmp_path_factory.mktemp("bare"))
    laptop.run(MACS, dry=True)
    return laptop


@pytest.mark.slow
@pytest.mark.parametrize(("state", "spec", "line"), [case[1:] for case in SAID], ids=[case[0] for case in SAID])
def test_doctor_says_so(bare: Laptop, tmp_path: object, state: str, spec: str, line: str) -> None:
    laptop = Laptop(tmp_path)  # type: ignore[arg-type]
    laptop.mac().parent.mkdir(parents=True)
    laptop.put_back(bare.mac())
    laptop.command("rehearse autologin mmirvois; rehearse mount X 1000000000000")
    assert line not in "\n".join(doctor(laptop, MACS + spec))
    laptop.command(state)

    told = doctor(laptop, MACS + spec)

    assert len([each for each in told if line in each]) == 1, told
