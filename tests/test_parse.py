"""What real Macs printed, read by the kinds; and a probe's output, whatever is in it."""

from __future__ import annotations

import csv
import json
import plistlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from answered import MARK, Section, packed
from test_cases import recordings

from macstate.kernel import probe
from macstate.kernel.outputs import UnreadableError
from macstate.kernel.probe.replies import PART, IncompleteError, replies
from macstate.kernel.resource import Resource
from macstate.kinds import KINDS
from macstate.kinds.file import File
from macstate.kinds.firewall import Firewall
from macstate.kinds.host_name import HostName
from macstate.kinds.key_file import KeyFile
from macstate.kinds.launchd import Launchd, launchctl
from macstate.kinds.power import Power
from macstate.kinds.screen_sharing import ScreenSharing
from macstate.kinds.serve import Serve
from macstate.kinds.serve.document import STATUS
from macstate.kinds.sysctl import Sysctl
from macstate.kinds.tailscale import Tailscale
from macstate.language.facts import Node

RECORDINGS = Path(__file__).parent / "recordings"
with (RECORDINGS / "index.tsv").open() as index:
    INDEX = {row["file"]: row["command"].removeprefix("sudo ") for row in csv.DictReader(index, delimiter="\t")}
NODE = "tailscale status --json"
CUSTOM, IOREG, FIREWALL = "pmset -g custom", "ioreg -r -c IOPMrootDomain -d 1", "socketfilterfw --"
PRINT, OVERRIDES = "launchctl print", "launchctl print-disabled"
IRON = "system/org.iron-link.daemon"
LOG = "/Users/administrator/Library/Application Support/iron-link/daemon.log"
IRON_LOADED = {
    "path": "/Library/LaunchDaemons/org.iron-link.daemon.plist",
    "program": "/usr/local/bin/iron-link-daemon",
    "arguments": ["/usr/local/bin/iron-link-daemon"],
    "environment": {"IRON_LINK_CONFIG_DIR": "/Users/administrator/Library/Application Support/iron-link"},
    "stdout path": LOG,
    "stderr path": LOG,
    "keepalive": True,
    "runatload": True,
}
ALF_LOADED = {
    "path": "/System/Library/LaunchDaemons/com.apple.alf.agent.plist",
    "program": "/usr/libexec/ApplicationFirewall/socketfilterfw",
    "arguments": [],
    "environment": {},
    "stdout path": "/var/log/alf.log",
    "stderr path": "/var/log/alf.log",
    "keepalive": False,
    "runatload": False,
}
MINI = {"sleep": 0, "displaysleep": 0, "disksleep": 10, "womp": True, "powernap": True, "autorestart": True}
MINI |= {"autorestartatconnect": False, "lowpowermode": False}
ALLOWED = "/usr/libexec/remoted /usr/bin/python3 /usr/bin/ruby /usr/sbin/cupsd /usr/libexec/sharingd "
ALLOWED += "/usr/libexec/sshd-keygen-wrapper /usr/sbin/smbd"
BLOCKED = "/usr/libexec/sshd-session /usr/libexec/sshd-auth"
APPS = {f"allow{path}": {"allowed": True} for path in ALLOWED.split()}
APPS |= {f"allow{path}": {"allowed": False} for path in BLOCKED.split()}
GOOD = {
    "443/": {"target": "http://127.0.0.1:8080", "funnel": False},
    "443/vllm": {"target": "http://127.0.0.1:8080/vllm", "funnel": False},
}

Expected = dict[str, dict[str, Any]]
CASES: dict[str, tuple[type[Resource], str, Expected]] = {
    "pmset/custom_macmini_26.txt": (Power, CUSTOM, {"ac": MINI}),
    "pmset/custom_macstudio_Mac14-13_26.5.2_reconstructed.txt": (
        Power,
        CUSTOM,
        {"ac": {**MINI, "sleep": 1, "displaysleep": 90}},
    ),
    "pmset/custom_macstudio_Mac14-13_26.5.2_flattened.txt": (Power, CUSTOM, {}),  # its author joined the lines
    "scutil/get_hostname_unset.txt": (HostName, "scutil --get HostName", {"scutil": {"host": ""}}),
    "sysctl/iogpu_wired_limit_default.txt": (
        Sysctl,
        "sysctl iogpu.wired_limit_mb",
        {"iogpu.wired_limit_mb": {"value": 0}},
    ),
    "pmset/ioreg_IOPMrootDomain_Yes.txt": (Power, IOREG, {"system": {"disablesleep": True}}),
    "socketfilterfw/getglobalstate_on.txt": (Firewall, f"{FIREWALL}getglobalstate", {"state": {"enabled": True}}),
    "socketfilterfw/getblockall_off.txt": (Firewall, f"{FIREWALL}getblockall", {"state": {"block_all": False}}),
    "socketfilterfw/getstealthmode_on.txt": (Firewall, f"{FIREWALL}getstealthmode", {"state": {"stealth": True}}),
    "socketfilterfw/listapps_nixdarwin_vm_2026.txt": (Firewall, f"{FIREWALL}listapps", APPS),
    "launchctl/print_system_running_keepalive.txt": (
        Launchd,
        f"{PRINT} {IRON}",
        {IRON: {"loaded": IRON_LOADED, "running": True, "last_exit": "(never exited)"}},
    ),
    "launchctl/print_system_not_running_exit1.txt": (
        Launchd,
        f"{PRINT} {IRON}",
        {IRON: {"loaded": IRON_LOADED, "running": False, "last_exit": "1"}},
    ),
    "launchctl/print_system_spawn_scheduled_ex_config.txt": (
        Launchd,
        f"{PRINT} {IRON}",
        {IRON: {"loaded": IRON_LOADED, "running": False, "last_exit": "78: EX_CONFIG"}},
    ),
    "launchctl/print_system_alf_old_format_excerpt.txt": (
        Launchd,
        f"{PRINT} system/com.apple.alf",
        {"system/com.apple.alf": {"loaded": ALF_LOADED, "running": True, "last_exit": "(never exited)"}},
    ),
    "launchctl/print_system_not_loaded.txt": (Launchd, f"{PRINT} {IRON}", {IRON: {"loaded": {}, "running": False}}),
    "launchctl/print_gui_not_loaded.txt": (
        Launchd,
        f"{PRINT} gui/501/ai.openclaw.gateway",
        {"gui/501/ai.openclaw.gateway": {"loaded": {}, "running": False}},
    ),
    "launchctl/print_gui_no_domain.txt": (Launchd, PRINT, {}),  # unknown is not absent
    "launchctl/print_system_disabled_fragment.txt": (
        Launchd,
        f"{OVERRIDES} system",
        {"system/com.example.watchdog": {"enabled": False}},
    ),
    "tailscale/lab_serve_status_empty_json.txt": (Serve, STATUS, {}),
    "tailscale/lab_serve_json.txt": (Serve, STATUS, GOOD),
    "tailscale/lab_serve_config_good.txt": (
        Serve,
        STATUS,
        {**GOOD, "8443/": {"target": "http://127.0.0.1:8080", "funnel": True}},
    ),
    "tailscale/lab_prefs.txt": (Tailscale, "tailscale debug prefs", {"prefs": {"ssh": True}}),
}
"""Recording: the kind, the name of the probe, and every field that becomes known, by key."""
ELSEWHERE = {
    "launchctl/print-disabled_system_many-overrides.txt": "test_all_overrides_are_read",
    "tailscale/lab_nosock.txt": "test_what_is_no_json_is_unreadable",
    "tailscale/lab_status_json_self.txt": "test_the_tailnet_name_is_the_mac_s_own",
    "tailscale/lab_status_json_from_peer.txt": "test_the_tailnet_name_is_the_mac_s_own",
    "stat/stat_default.txt": "test_another_form_of_stat_says_nothing",
    "shasum/shasum.txt": "test_a_digest_is_read",
}
"""Recordings that have a test of their own."""


def recorded(name: str) -> str:
    return (RECORDINGS / name).read_text()


def fields(found: list[Resource]) -> Expected:
    return {resource.key: resource.managed for resource in found}


def test_no_recording_of_a_probe_is_left_out() -> None:
    probes = {name for kind in KINDS for name in kind.probes}
    ours = {
        file for file, command in INDEX.items() for name in probes if words(command)[: len(words(name))] == words(name)
    }
    sockets = {"tailscale/lab_nosock.txt"}  # `tailscale --socket=… serve status --json`

    assert ours | sockets == set(CASES) | set(ELSEWHERE) | recordings()
    assert all(test in globals() for test in ELSEWHERE.values())


def words(command: str) -> list[str]:
    return command.replace(",", " ").split()


@pytest.mark.parametrize("recording", CASES)
def test_a_recording_is_read(recording: str) -> None:
    kind, name, expected = CASES[recording]

    read = fields(list(kind.parse({NODE: recorded("tailscale/lab_status_json_self.txt"), name: recorded(recording)})))

    assert read.keys() == expected.keys()
    for key, known in expected.items():  # a kind may learn to read more
        assert known.items() <= read[key].items()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_without_outputs_nothing_is_known(kind: type[Resource]) -> None:
    assert [resource.managed for resource in kind.parse({}) if resource.managed] == []


def test_all_overrides_are_read() -> None:
    text = recorded("launchctl/print-disabled_system_many-overrides.txt")

    enabled = dict(launchctl.overrides({f"{OVERRIDES} system": text}))

    assert len(enabled) == 42
    assert enabled["system/com.apple.smbd"] is False
    assert enabled["system/com.apple.AppleFileServer"] is True
    assert sum(enabled.values()) == text.count("=> enabled") == 31
    assert list(ScreenSharing.parse({OVERRIDES: text})) == []


def test_up_to_macos_12_true_means_disabled() -> None:
    text = 'disabled services = {\n\t"com.apple.screensharing" => true\n\t"a.b" => false\n}\n'

    assert dict(launchctl.overrides({f"{OVERRIDES} system": text})) == {
        "system/com.apple.screensharing": False,
        "system/a.b": True,
    }
    assert fields(list(ScreenSharing.parse({OVERRIDES: text}))) == {"service": {"enabled": False}}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("system/com.apple.screensharing = {\n\tstate = running\n}\n", {"service": {"enabled": True}}),
        (
            'Bad request.\nCould not find service "com.apple.screensharing" in domain for system\n',
            {"service": {"enabled": False}},
        ),
        (recorded("launchctl/print_system_running_keepalive.txt"), {}),
    ],
)
def test_screen_sharing_is_its_override_and_its_job(job: str, expected: Expected) -> None:
    assert fields(list(ScreenSharing.parse({OVERRIDES: "\tdisabled services = {\n\t}\n", PRINT: job}))) == expected


def test_the_old_form_of_listapps_is_read() -> None:
    text = "ALF: total number of apps = 2 \n\n1 :  /usr/local/bin/ollama \n \t ( Allow incoming connections ) \n\n"
    text += "2 :  /Applications/My App.app \n \t ( Block incoming connections ) \n\n"

    found = fields(list(Firewall.parse({f"{FIREWALL}listapps": text})))

    assert found == {
        "allow/usr/local/bin/ollama": {"allowed": True},
        "allow/Applications/My App.app": {"allowed": False},
    }


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [
        ("getglobalstate", "Firewall is disabled. (State = 0) \n", {"enabled": False}),
        (
            "getglobalstate",
            "Firewall is blocking all non-essential incoming connections. (State = 2)\n",
            {"enabled": True},
        ),
        ("getblockall", "Block all DISABLED! \n", {"block_all": False}),
        ("getstealthmode", "Firewall stealth mode is off\n", {"stealth": False}),
        ("getstealthmode", "Stealth mode enabled\n", {"stealth": True}),
    ],
)
def test_other_wordings_of_the_switches_are_read(option: str, text: str, expected: dict[str, bool]) -> None:
    assert fields(list(Firewall.parse({f"{FIREWALL}{option}": text}))) == {"state": expected}


def test_disablesleep_was_never_set_or_cannot_be_known() -> None:
    assert fields(list(Power.parse({IOREG: "+-o Root  <class IOPMrootDomain>\n"}))) == {
        "system": {"disablesleep": False}
    }
    assert list(Power.parse({IOREG: ""})) == []


@pytest.mark.parametrize("text", [recorded("tailscale/lab_nosock.txt"), "The Tailscale GUI failed to start", "[]", ""])
def test_what_is_no_json_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError, match="did not print JSON"):
        list(Serve.parse({STATUS: text}))
    with pytest.raises(UnreadableError, match="did not print JSON"):
        list(Tailscale.parse({"tailscale debug prefs": text}))


@pytest.mark.parametrize(
    "document",
    [
        {"Services": {"svc:x": 1}},
        {"Foreground": {"a": []}},
        {"Web": {"x:443": {"Handlers": {"/": "x"}}}},
        {"TCP": []},
        {"AllowFunnel": {"x:443": "yes"}},
    ],
)
def test_a_document_of_another_form_is_unreadable(document: object) -> None:
    own = recorded("tailscale/lab_status_json_self.txt")
    with pytest.raises(UnreadableError, match=f"something that is not a Serve document, at {next(iter(document))}"):  # type: ignore[call-overload]
        list(Serve.parse({STATUS: json.dumps(document), NODE: own}))


def test_what_go_leaves_empty_is_nothing() -> None:
    own = recorded("tailscale/lab_status_json_self.txt")
    empty = {"TCP": {"443": None}, "Web": {"x:443": None, "y:443": {"Handlers": {"/": None}}}, "AllowFunnel": None}
    empty |= {"Foreground": {"a": None}, "Services": {"svc:x": None}}
    assert {each.key for each in Serve.parse({STATUS: json.dumps(empty), NODE: own})} == {"y:443/"}


def test_routes_of_a_node_without_a_name_are_unreadable() -> None:
    logged_out = json.dumps({"BackendState": "NeedsLogin", "Self": {"DNSName": ""}})
    with pytest.raises(UnreadableError, match="tailscaled is in state NeedsLogin; log it in"):
        list(Serve.parse({STATUS: "{}", NODE: logged_out}))


def test_a_digest_is_read() -> None:
    line = recorded("shasum/shasum.txt").splitlines()[0]
    (read,) = KeyFile.parse({"shasum /etc/keys": line, "stat /etc/keys": "501 600\n"})

    assert (read.content, read.permissions) == ("b6701d0bd547292d2a51541cefdb78589c4ebc65", "501 600")


def test_the_tailnet_name_is_the_mac_s_own() -> None:
    own, peer = recorded("tailscale/lab_status_json_self.txt"), recorded("tailscale/lab_status_json_from_peer.txt")
    name = "matiass-mac-studio.tail174e9b.ts.net"
    routes = recorded("tailscale/lab_serve_json.txt")

    assert Node.read(own).name == name
    assert Node.read(peer).name == "macbook.tail174e9b.ts.net"
    assert Node.read(own).userspace
    assert fields(list(Serve.parse({STATUS: routes, "tailscale status --json": own}))) == GOOD
    foreign = fields(list(Serve.parse({STATUS: routes, "tailscale status --json": peer})))
    assert set(foreign) == {f"{name}:443/", f"{name}:443/vllm"}


def test_another_form_of_stat_says_nothing() -> None:
    text = recorded("stat/stat_default.txt")

    assert list(launchctl.plists({"stat system": text})) == []
    assert [file.permissions for file in File.parse({"stat /etc/x": text})] == [None]


def line(name: str, output: bytes = b"", status: int = 0, errors: bytes = b"") -> Section:
    return Section(name, output, str(status).encode(), errors)


parse = partial(probe.parse, KINDS, mark=MARK)


def mac(kinds: dict[str, list[Section]]) -> list[str]:
    """Build a probe's output by hand."""
    common = {"user": b"me\n", "uid": b"501\n", "home": b"/Users/me", "sw_vers -productVersion": b"26.5.2\n"}
    common |= {"tailscale variant": b"open-source\n"}
    lines = [line(name, output) for name, output in common.items()]
    lines += [line("sudo", status=1), line("tailscale status --json", json.dumps({}).encode())]
    lines += [line(name, status=1) for name in ("owned", "user-owned")]
    lines += [line(f"{name}-sum", b"4294967295 0\n") for name in ("owned", "user-owned")]
    for kind in (kind for kind in KINDS if not kind.laptop):
        lines += [line(f"{PART}{kind.kind}"), *kinds.get(kind.kind, [])]
    return packed(lines)


CONTENTS = {
    "no UTF-8": b"\xff\xfe\x00 bytes \x80",
    "5 MB": b"x" * 5_000_000,
    "empty": b"",
    "lines": b"\n\n",
    "UTF-8": "äß\n".encode(),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_any_content_of_a_file_survives(content: bytes) -> None:
    path = '/etc/it\'s a "file"'
    actual = parse(mac({"file": [line(f"stat {path}", b"0 644\n"), line(f"cat {path}", content)]}))

    [file] = [resource for resource in actual.resources.values() if resource.kind == "file"]
    assert isinstance(file, File)
    assert (file.path, file.permissions) == (path, "0 644")
    assert (file.content or "").encode("utf-8", "surrogateescape") == content


def test_a_job_says_of_itself_alone_whether_it_is_loaded() -> None:
    """Its label may hold a blank, and its environment any text."""
    sentence = 'Could not find service "com.ollama.server" in domain for system'
    text = "gui/501/an agent = {\n\tstate = running\n\tenvironment = {\n\t\tX => " + f"1\n{sentence}\n\t}}\n}}\n"
    found = {job.key for job in Launchd.parse({f"{PRINT} gui/501/an agent": text, "stat gui/501": ""})}
    assert found == {"gui/501/an agent"}


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_plist_is_read_in_both_forms(form: plistlib.PlistFormat) -> None:
    plist = {"Label": "my job", "ProgramArguments": ["/bin/x", "a 'b' \"c\"", "ü"], "Data": b"\x00\xff"}
    path = "/Library/LaunchDaemons/my job.plist"
    replies = [
        line("launchctl print-disabled system", b"disabled services = {\n}\n"),
        line("stat system", f"0 644 {path}\n".encode()),
        line(f"cat {path}", plistlib.dumps(plist, fmt=form)),
        line("launchctl print system/my job", b"", 113, b"Could not find service"),
    ]

    job = parse(mac({"launchd": replies})).resources["launchd/system/my job"]

    plist["Data"] = "AP8="  # as XML spells it
    assert isinstance(job, Launchd)
    assert (job.file, job.permissions, job.enabled, job.loaded, job.running) == (plist, "0 644", True, {}, False)


def test_what_a_login_script_prints_is_passed_over() -> None:
    lines = [
        "Welcome to this Mac!",
        "",
        "last boot",  # of words that could be base64
        *mac({"power": [line(CUSTOM, recorded("pmset/custom_macmini_26.txt").encode())]}),
    ]

    assert MINI.items() <= parse(lines).resources["power/ac"].managed.items()


def test_an_output_without_its_end_is_refused() -> None:
    whole = "\n".join(mac({"power": [line(CUSTOM, recorded("pmset/custom_macmini_26.txt").encode())]}))
    replies(whole.split("\n"), MARK, 3)
    for end in range(len(whole)):
        with pytest.raises(IncompleteError, match="it ends in the middle"):
            replies(whole[:end].split("\n"), MARK, 3)


def test_what_is_not_understood_leaves_its_own_kind_unknown() -> None:
    odd = recorded("pmset/custom_macmini_26.txt").replace(" womp                 1", " womp                 2")
    assert odd != recorded("pmset/custom_macmini_26.txt")

    actual = parse(mac({"power": [line(CUSTOM, odd.encode())]}))

    assert [name for name in actual.resources if name.startswith("power/")] == []
    assert actual.unreadable == {
        "power/": "what `pmset -g custom` printed is not understood (womp: Input should be a valid boolean, unable to "
        "interpret input)"
    }


def test_a_failed_read_is_unknown_with_its_reason() -> None:
    actual = parse(mac({"serve": [line(STATUS, b"", 127, b"tailscale: not found")]}))

    assert actual.resources == {"tailscale/prefs": Tailscale()}
    assert actual.unreadable == {"serve/": f"`{STATUS}` ended with 127: tailscale: not found"}
