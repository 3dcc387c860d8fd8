"""The simulated tools are held against recordings of the real ones."""

from __future__ import annotations

import csv
import plistlib
import re
import subprocess
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from macstate.rehearsal.mac import birth

RECORDINGS = Path(__file__).parent / "recordings"
with (RECORDINGS / "index.tsv").open() as index:
    INDEX = {row["file"]: row for row in csv.DictReader(index, delimiter="\t")}
NAME = "matiass-mac-studio.tail174e9b.ts.net"


class Case(NamedTuple):
    """How the state of a recording is built, and how what is printed is compared.

    ``exact``: byte for byte. ``sorted``: the same lines, for the real tool's order is not stable. ``masked``: line by
    line, without what is particular to one machine. ``excerpt``: the recording was cut; its lines come in this order.
    ``within``: the recording is the gist of a message, without the program's frame.
    """

    command: str
    state: str = ""
    how: Literal["exact", "sorted", "masked", "excerpt", "within"] = "exact"
    stream: Literal["stdout", "stderr"] = "stdout"
    files: dict[str, Any] = {}  # noqa: RUF012 - never written to
    user: str = "mmirvois"
    code: int | None = None


MASKS = [
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"\d{4}-\d\d-\d\d[ T][\d:.]+Z?|\d{4}/\d\d/\d\d [\d:]+|\d+/\d+/\d+ [\d:]+", "TIME"),
        (r"\w{3} [ \d]\d [\d:]{8} \d{4}|\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}", "TIME"),
        (r"nodekey:[0-9a-f]+|0x[0-9a-f]+|\b[0-9a-f]{40}\b", "KEY"),
        (r"(\d+\([\w.]+\),?)+", "GROUPS"),
        (r"https?://127[\d.:]+|https://controlplane\.tailscale\.com", "CONTROL"),
        (r"Intel\(R\).*|Apple M.*", "PROCESSOR"),
        (r"\b(linux|macOS)\b", "OS"),
        (r'"(TUN|CorpDNS|RunSSH)": \w+', r'"\1": BOOL'),
        (r"-ERR-BuildInfo", ""),
        (r"\b\d\d[A-Z]\d+\b", "BUILD"),
        (r"IPv[46]|\d+u\b", "IP"),
        (r"\d+", "N"),
        (r" +", " "),
    )
]
"""What is particular to one machine, in this order."""

IRON_LINK = {
    "Label": "org.iron-link.daemon",
    "ProgramArguments": ["/usr/local/bin/iron-link-daemon"],
    "RunAtLoad": True,
    "KeepAlive": True,
    "StandardOutPath": "/Users/administrator/Library/Application Support/iron-link/daemon.log",
    "StandardErrorPath": "/Users/administrator/Library/Application Support/iron-link/daemon.log",
    "EnvironmentVariables": {"IRON_LINK_CONFIG_DIR": "/Users/administrator/Library/Application Support/iron-link"},
}
IRON_LINK_FILE = {"/Library/LaunchDaemons/org.iron-link.daemon.plist": IRON_LINK}
IRON_LINK_LOG = "mkdir -p '/Users/administrator/Library/Application Support/iron-link'"
IRON_LINK_PROGRAM = "touch /usr/local/bin/iron-link-daemon; chmod +x /usr/local/bin/iron-link-daemon"
IRON_LINK_LOAD = "sudo launchctl bootstrap system /Library/LaunchDaemons/org.iron-link.daemon.plist"
IRON_LINK_PRINT = "launchctl print system/org.iron-link.daemon"
DICTATION = {
    "Label": "dictation-processor",
    "Program": "/usr/local/share/dotnet/dotnet",
    "ProgramArguments": ["/usr/local/share/dotnet/dotnet", "/opt/DictationProcessorSvc/DictationProcessorSvc.dll"],
    "KeepAlive": True,
    "StandardOutPath": "/Library/Logs/dictation-processor.log",
    "StandardErrorPath": "/Library/Logs/dictation-processor.log",
}
DICTATION_FILE = {"/Library/LaunchDaemons/dictation-processor.plist": DICTATION}
JENKINS = {
    "Label": "org.jenkins-ci",
    "Program": "/bin/bash",
    "ProgramArguments": ["/bin/bash", "/Library/Application Support/Jenkins/jenkins-runner.sh"],
    "KeepAlive": True,
    "SessionCreate": True,
    "TimeOut": 30,
    "StandardOutPath": "/var/log/jenkins/jenkins.log",
    "StandardErrorPath": "/var/log/jenkins/jenkins.log",
}
MPM = {"Label": "com.trusty.mpm", "Program": "/Users/user/.cargo/bin/trusty-mpm"}
AGENT_FILE = {"/Users/mmirvois/Library/LaunchAgents/x.plist": {"Label": "x", "Program": "/usr/bin/true"}}
AGENT = "~/Library/LaunchAgents/x.plist"
OLLAMA = {"Label": "com.ollama.server", "ProgramArguments": ["/usr/local/bin/ollama", "serve"], "RunAtLoad": True}
OLLAMA_FILE = {"/Library/LaunchDaemons/com.ollama.server.plist": {**OLLAMA, "UserName": "mmirvois"}}
OLLAMA_LOAD = "sudo launchctl bootstrap system /Library/LaunchDaemons/com.ollama.server.plist"
FIREWALL = '"$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw'
BUDDY = '"$MACSTATE_ROOT"/usr/libexec/PlistBuddy'
SERVE_443 = "sudo tailscale serve --bg --https=443 http://127.0.0.1:8080"
SERVE_PATH = "sudo tailscale serve --bg --https=443 --set-path=/vllm http://127.0.0.1:8080/vllm"
SERVE_PATH_TWICE = f"{SERVE_PATH}; sudo tailscale serve --bg --https=443 --set-path=/vllm/ http://127.0.0.1:8080/vllm"
FUNNEL_8443 = "sudo tailscale funnel --bg --https=8443 http://127.0.0.1:8080"
FUNNEL_443 = "sudo tailscale funnel --bg --https=443 http://127.0.0.1:8080"
CAPS = (
    "rehearse tailscale caps debug-disable-upnp funnel https https://tailscale.com/cap/file-sharing "
    "'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000' "
    "'https://tailscale.com/cap/funnel-ports?ports=8080,443' https://tailscale.com/cap/ssh"
)
BAD_DICT = "<plist><dict><key>a</key><string>b</string>{}<string>c</string></dict></plist>"
NO_VALUE = "<plist><dict>{}<key>a</key></dict></plist>"


def _overrides() -> str:
    """Give the commands that bring about the overrides of a recording."""
    text = (RECORDINGS / "launchctl/print-disabled_system_many-overrides.txt").read_text()
    words = [f"launchctl {word[:-1]} system/{label}" for label, word in re.findall(r'"(.*)" => (\w+)', text)]
    forget = "rehearse forget-override com.apple.screensharing; rehearse forget-override com.openssh.sshd"
    return f"{forget}; sudo sh -c '{'; '.join(words)}'"


CASES = {
    "defaults/read_missing_key.txt": Case("defaults read -g AppleInterfaceStyle", how="masked", stream="stderr"),
    "dscl/read_missing_user.txt": Case("dscl . -read /Users/nobody-here", stream="stderr"),
    "fdesetup/status_on.txt": Case("fdesetup status", "rehearse filevault on"),
    "fdesetup/supportsauthrestart.txt": Case("fdesetup supportsauthrestart"),
    "id/id_admin_user.txt": Case("id", how="masked", user="user"),
    "launchctl/bootout_by_plist_not_loaded.txt": Case(
        "sudo launchctl bootout system /Library/LaunchDaemons/org.iron-link.daemon.plist",
        files=IRON_LINK_FILE,
        stream="stderr",
    ),
    "launchctl/bootout_not_loaded.txt": Case("launchctl bootout gui/501/x", "rehearse login mmirvois", stream="stderr"),
    "launchctl/bootout_system_not_root.txt": Case("launchctl bootout system/com.tailscale.tailscaled", stream="stderr"),
    "launchctl/bootstrap_disabled.txt": Case(
        IRON_LINK_LOAD, "sudo launchctl disable system/org.iron-link.daemon", files=IRON_LINK_FILE, stream="stderr"
    ),
    "launchctl/bootstrap_gui_already_loaded.txt": Case(
        f"launchctl bootstrap gui/501 {AGENT}",
        f"rehearse login mmirvois; launchctl bootstrap gui/501 {AGENT}",
        files=AGENT_FILE,
        stream="stderr",
    ),
    "launchctl/bootstrap_gui_over_ssh_no_login.txt": Case(
        f"launchctl bootstrap gui/501 {AGENT}", files=AGENT_FILE, stream="stderr"
    ),
    "launchctl/bootstrap_requested_session.txt": Case(
        f"launchctl bootstrap gui/501 {AGENT}; launchctl bootstrap user/501 {AGENT}",
        files=AGENT_FILE,
        stream="stderr",
        code=134,
    ),
    "launchctl/bootstrap_system_eio_root.txt": Case(
        IRON_LINK_LOAD, IRON_LINK_LOAD, files=IRON_LINK_FILE, stream="stderr"
    ),
    "launchctl/list_label_daemon_running.txt": Case(
        "sudo launchctl list dictation-processor",
        'mkdir -p /usr/local/share/dotnet; cd "$MACSTATE_ROOT"/usr/local/share/dotnet; touch dotnet; chmod +x dotnet; '
        "sudo launchctl bootstrap system /Library/LaunchDaemons/dictation-processor.plist",
        files=DICTATION_FILE,
        how="masked",
    ),
    "launchctl/list_label_failed_exit78.txt": Case(
        "sudo launchctl list org.jenkins-ci",
        "sudo launchctl bootstrap system /Library/LaunchDaemons/org.jenkins-ci.plist",
        files={"/Library/LaunchDaemons/org.jenkins-ci.plist": JENKINS},
    ),
    "launchctl/list_label_running.txt": Case(
        "launchctl list com.trusty.mpm",
        "mkdir -p ~/.cargo/bin; touch ~/.cargo/bin/trusty-mpm; chmod +x ~/.cargo/bin/trusty-mpm; rehearse login user; "
        "launchctl bootstrap gui/501 ~/Library/LaunchAgents/com.trusty.mpm.plist; "
        "launchctl kickstart gui/501/com.trusty.mpm",
        files={"/Users/user/Library/LaunchAgents/com.trusty.mpm.plist": MPM},
        user="user",
        how="masked",
    ),
    "launchctl/load_bad_ownership.txt": Case(
        "sudo launchctl load /Library/LaunchDaemons/dictation-processor.plist",
        "sudo chown mmirvois /Library/LaunchDaemons/dictation-processor.plist",
        files=DICTATION_FILE,
        stream="stderr",
    ),
    "launchctl/load_eio_sudo_agent.txt": Case(f"sudo launchctl load {AGENT}", files=AGENT_FILE, stream="stderr"),
    "launchctl/load_eio_user.txt": Case(f"launchctl load {AGENT}", files=AGENT_FILE, stream="stderr"),
    "launchctl/print-disabled_system_many-overrides.txt": Case(
        "launchctl print-disabled system", _overrides(), how="sorted"
    ),
    "launchctl/print_gui_no_domain.txt": Case("launchctl print gui/99999/com.dharma.swarm", stream="stderr"),
    "launchctl/print_gui_not_loaded.txt": Case(
        "launchctl print gui/501/ai.openclaw.gateway", "rehearse login mmirvois", stream="stderr"
    ),
    "launchctl/print_system_disabled_fragment.txt": Case(
        "launchctl print system", "sudo launchctl disable system/com.example.watchdog", how="excerpt"
    ),
    "launchctl/print_system_not_loaded.txt": Case(IRON_LINK_PRINT, stream="stderr"),
    "launchctl/print_system_not_running_exit1.txt": Case(
        IRON_LINK_PRINT,
        f"{IRON_LINK_LOG}; {IRON_LINK_PROGRAM}; {IRON_LINK_LOAD}; rehearse crash org.iron-link.daemon",
        files=IRON_LINK_FILE,
        how="masked",
    ),
    "launchctl/print_system_running_keepalive.txt": Case(
        IRON_LINK_PRINT, f"{IRON_LINK_LOG}; {IRON_LINK_PROGRAM}; {IRON_LINK_LOAD}", files=IRON_LINK_FILE, how="masked"
    ),
    "launchctl/print_system_spawn_scheduled_ex_config.txt": Case(
        IRON_LINK_PRINT, f"{IRON_LINK_LOG}; {IRON_LINK_LOAD}", files=IRON_LINK_FILE, how="masked"
    ),
    "lsof/lsof_F_pcn_11434.txt": Case(
        "lsof -nP -iTCP:11434 -sTCP:LISTEN -Fpcn", OLLAMA_LOAD, files=OLLAMA_FILE, how="masked"
    ),
    "lsof/lsof_i_listen_ollama_app.txt": Case(
        "lsof -nP -iTCP -sTCP:LISTEN",
        "rehearse listen 49153 Ollama; rehearse listen 11434 ollama; rehearse listen 53953 app_inkwell; "
        "rehearse listen 3000 node '*'",
        user="user",
        how="excerpt",
    ),
    "lsof/lsof_tcp_listen_table.txt": Case(
        "lsof -nP -iTCP -sTCP:LISTEN",
        "rehearse listen 49276 rapportd '*'; rehearse listen 49276 rapportd '*'; "
        "rehearse listen 19292 AdobeResourceSynchronizer",
        user="alice",
        how="masked",
    ),
    "ollama/api_version.txt": Case(
        "curl -s http://localhost:11434/api/version", OLLAMA_LOAD, files=OLLAMA_FILE, code=0
    ),
    "ollama/cli_pull_unknown_model.txt": Case(
        "ollama pull no-such-model", OLLAMA_LOAD, files=OLLAMA_FILE, stream="stderr"
    ),
    "ollama/serve_port_in_use.txt": Case("ollama serve", OLLAMA_LOAD, files=OLLAMA_FILE, stream="stderr"),
    "plistbuddy/print_missing_entry.txt": Case(
        f"{BUDDY} -c 'Print :CFBundleIdentifier' x.plist", files={"/Users/mmirvois/x.plist": {"a": 1}}, stream="stderr"
    ),
    "plutil/convert_json_fails.txt": Case(
        "plutil -convert json -o p.json retain-release.m.objcpp.plist",
        files={"/Users/mmirvois/retain-release.m.objcpp.plist": BAD_DICT.format("\n" * 26356)},
        stream="stderr",
    ),
    "plutil/lint_bad_xml.txt": Case(
        "plutil -lint retain-release.m.objcpp.plist",
        files={"/Users/mmirvois/retain-release.m.objcpp.plist": BAD_DICT.format("\n" * 26356)},
    ),
    "plutil/lint_ok.txt": Case(
        "plutil -lint availability.plist", files={"/Users/mmirvois/availability.plist": {"a": 1}}
    ),
    "plutil/lint_value_missing.txt": Case(
        "plutil -lint wolph.supervisord.plist",
        files={"/Users/mmirvois/wolph.supervisord.plist": NO_VALUE.format("\n" * 23)},
    ),
    "pmset/custom_macmini_26.txt": Case(
        "pmset -g custom", "sudo pmset -c displaysleep 0 sleep 0 autorestart 1; pmset -g", how="sorted"
    ),
    "pmset/custom_macstudio_Mac14-13_26.5.2_reconstructed.txt": Case(
        "pmset -g custom", "sudo pmset -c displaysleep 90 autorestart 1; pmset -g", how="sorted"
    ),
    "pmset/g_batt_desktop.txt": Case("pmset -g batt"),
    "pmset/g_cap_applesilicon_partial.txt": Case("pmset -g cap", how="excerpt"),
    "pmset/g_desktop_26.5_sleepdisabled0.txt": Case(
        "pmset -g",
        "sudo pmset -a disablesleep 0 standby 1; rehearse holders powerd runningboardd; pmset -g",
        how="sorted",
    ),
    "pmset/g_sched_none.txt": Case("pmset -g sched"),
    "pmset/g_sched_repeat_and_oneshot.txt": Case(
        "pmset -g sched",
        "sudo pmset repeat wakeorpoweron MTWRF 08:25:00; sudo pmset schedule wakeorpoweron '09/06/26 19:55:00'",
        how="masked",
    ),
    "pmset/g_unknown_getter.txt": Case("pmset -g foo"),
    "pmset/ioreg_IOPMrootDomain_Yes.txt": Case("ioreg -r -c IOPMrootDomain -d 1", "sudo pmset disablesleep 1"),
    "pmset/repeat_bad.txt": Case("sudo pmset repeat wakeorpoweron MTWRF 25:00 2>&1"),
    "pmset/set_displaysleep_not_root.txt": Case("pmset displaysleep 5"),
    "pmset/set_inconsistent_timers_warning.txt": Case("sudo pmset -a sleep 10 disksleep 0", stream="stderr"),
    "pmset/set_system_value_failed.txt": Case("sudo pmset -a disablesleep 1", "rehearse pmset-refuse on"),
    "pmset/set_unknown_key.txt": Case("pmset -a totallybogussetting 1"),
    "screensharing/load_disabled.txt": Case(
        "sudo launchctl load /System/Library/LaunchDaemons/com.apple.screensharing.plist", stream="stderr"
    ),
    "scutil/get_hostname_unset.txt": Case("scutil --get HostName", stream="stderr"),
    "shasum/shasum.txt": Case(
        "shasum airport-I.json airport-I.out airport-s.json airport-s.out",
        "touch airport-I.json airport-I.out airport-s.json airport-s.out",
        how="masked",
    ),
    "socketfilterfw/getappblocked_not_listed.txt": Case(
        f"{FIREWALL} --getappblocked /Applications/X.app/Contents/MacOS/X"
    ),
    "socketfilterfw/getblockall_off.txt": Case(f"{FIREWALL} --getblockall"),
    "socketfilterfw/getglobalstate_on.txt": Case(
        f"{FIREWALL} --getglobalstate", f"sudo {FIREWALL} --setglobalstate on"
    ),
    "socketfilterfw/getstealthmode_on.txt": Case(
        f"{FIREWALL} --getstealthmode", f"sudo {FIREWALL} --setstealthmode on"
    ),
    "socketfilterfw/listapps_nixdarwin_vm_2026.txt": Case(f"sudo {FIREWALL} --listapps"),
    "socketfilterfw/unblockapp_not_listed.txt": Case(f"sudo {FIREWALL} --unblockapp /usr/libexec/bootpd"),
    "stat/stat_default.txt": Case(
        "stat airport-I.json airport-I.out airport-s.json",
        "touch airport-I.json airport-I.out airport-s.json; chmod 644 airport-*",
        user="user",
        how="masked",
    ),
    "sw_vers/sw_vers_14.2.1.txt": Case("sw_vers", "rehearse version 14.2.1 23C71"),
    "sysadminctl/autologin_set_over_ssh_fails.txt": Case(
        "sudo sysadminctl -autologin set -userName U -password -; sysadminctl -autologin status", stream="stderr"
    ),
    "sysctl/hw_model_memsize.txt": Case(
        "sysctl hw.model hw.memsize", "rehearse sysctl hw.model Mac14,12; rehearse sysctl hw.memsize 34359738368"
    ),
    "sysctl/iogpu_read_only.txt": Case(
        "sudo sysctl iogpu.wired_limit_mb=0", "rehearse sysctl iogpu.wired_limit_mb 0 read-only", stream="stderr"
    ),
    "sysctl/iogpu_wired_limit_default.txt": Case("sysctl iogpu.wired_limit_mb"),
    "sysctl/iogpu_wired_limit_set_at_boot.txt": Case("sudo sysctl iogpu.wired_limit_mb=114688"),
    "sysctl/sysctl_names_intel.txt": Case(
        "sysctl kern.hostname kern.boottime kern.osversion hw.ncpu hw.memsize machdep.cpu.brand_string",
        "rehearse sysctl kern.hostname mac",
        how="masked",
    ),
    "system_profiler/SPPowerDataType_desktop_with_ups.txt": Case(
        "system_profiler SPPowerDataType",
        "sudo pmset -c sleep 0 disksleep 0 displaysleep 60; rehearse ups on",
        how="excerpt",
    ),
    "systemsetup/getremotelogin_on.txt": Case(
        "sudo systemsetup -getremotelogin", "sudo launchctl enable system/com.openssh.sshd"
    ),
    "systemsetup/getrestartpowerfailure_on.txt": Case(
        "sudo systemsetup -getrestartpowerfailure", "sudo pmset -a autorestart 1"
    ),
    "systemsetup/no_admin.txt": Case("systemsetup -getremoteappleevents"),
    "systemsetup/setremotelogin_no_fda.txt": Case("sudo systemsetup -setremotelogin on"),
    "tailscale/serve_path_gui_build.txt": Case(
        "tailscale serve /absolute/path", "rehearse tailscale variant appstore", how="within", stream="stderr"
    ),
    "tailscale/set_ssh_standalone_macsys.txt": Case(
        "tailscale set --ssh", "rehearse tailscale variant macsys", stream="stderr"
    ),
    "tailscale/lab_set_ssh_off_over_ssh.txt": Case(
        "tailscale set --ssh=false 2>&1", "sudo tailscale set --ssh --accept-risk=lose-ssh"
    ),
    "tailscale/up_requires_all_flags.txt": Case(
        "tailscale up --ssh",
        "sudo tailscale set --hostname= --accept-routes --exit-node-allow-lan-access",
        how="excerpt",
        stream="stderr",
    ),
    "tailscale/up_ssh_gui_build.txt": Case(
        "tailscale up --ssh --reset", "rehearse tailscale variant appstore", how="masked", stream="stderr"
    ),
    "tailscale/lab_serve_status_empty.txt": Case("tailscale serve status"),
    "tailscale/lab_serve_status_empty_json.txt": Case("tailscale serve status --json"),
    "tailscale/lab_funnel_status_empty.txt": Case("tailscale funnel status"),
    "tailscale/lab_serve_443.txt": Case(SERVE_443),
    "tailscale/lab_serve_path.txt": Case(SERVE_PATH, SERVE_443),
    "tailscale/lab_serve_json.txt": Case("tailscale serve status --json", f"{SERVE_443}; {SERVE_PATH_TWICE}"),
    "tailscale/lab_funnel_8443.txt": Case(FUNNEL_8443, f"{SERVE_443}; {SERVE_PATH_TWICE}"),
    "tailscale/lab_funnel_443.txt": Case(FUNNEL_443, f"{SERVE_443}; {SERVE_PATH_TWICE}; {FUNNEL_8443}"),
    "tailscale/lab_status_after_funnel443.txt": Case(
        "tailscale serve status", f"{SERVE_443}; {SERVE_PATH_TWICE}; {FUNNEL_8443}; {FUNNEL_443}"
    ),
    "tailscale/lab_serve_443_again.txt": Case(
        f"{SERVE_443} 2>&1", f"{SERVE_443}; {SERVE_PATH_TWICE}; {FUNNEL_8443}; {FUNNEL_443}"
    ),
    "tailscale/lab_set_raw_bad.txt": Case("echo '{bad' | sudo tailscale serve set-raw", stream="stderr"),
    "tailscale/lab_up_ssh.txt": Case(
        "sudo tailscale up --ssh --login-server=http://127.0.0.1:9911",
        "sudo tailscale set --accept-dns=false --hostname=matiass-mac-studio",
        stream="stderr",
    ),
    "tailscale/lab_nonroot.txt": Case("tailscale serve --bg 9000", stream="stderr"),
    "tailscale/lab_nosock.txt": Case("tailscale serve status --json", "rehearse tailscale stop", stream="stderr"),
    "tailscale/lab_prefs.txt": Case("tailscale debug prefs", how="masked"),
    "tailscale/lab_serve_bad_https.txt": Case("tailscale serve --bg --https=/mypath 8000", stream="stderr"),
    "tailscale/lab_status_json_self.txt": Case("tailscale status --json", CAPS, how="masked"),
    "tailscale/lab_status.txt": Case("tailscale status", FUNNEL_8443, how="masked"),
    "tailscale/lab_serve_config_good.txt": Case(
        "tailscale serve status --json", f"{SERVE_443}; {SERVE_PATH_TWICE}; {FUNNEL_8443}"
    ),
}

PORTABLE = "a portable's or an Intel machine's keys; the rehearsal Mac is a Mac Studio"
NOT_COVERED = {
    "launchctl/bootstrap_in_progress.txt": "no captured session; measured in this state: exit 5, as simulated",
    "launchctl/brew_services_over_ssh_warning.txt": "Homebrew is not on the rehearsal Mac",
    "launchctl/print_system_alf_old_format_excerpt.txt": "the layout of macOS 10.12 to 10.15",
    "ollama/ps_2026.txt": "no model runs in a rehearsal",
    "pmset/custom_macstudio_Mac14-13_26.5.2_flattened.txt": "no lines; the reconstructed one holds its values",
    "pmset/g_assertions_2020.txt": "an Intel laptop's assertions, cut",
    "pmset/g_batt_macbook.txt": PORTABLE,
    "pmset/g_hackintosh_macmini8-1_sonoma.txt": PORTABLE,
    "pmset/g_macbook_on_ac.txt": PORTABLE,
    "pmset/g_macbook_sleepdisabled1.txt": PORTABLE,
    "pmset/g_macmini_sonoma_annotated.txt": "annotated by its author, not what pmset prints",
    "pmset/g_sched_2023_flattened.txt": "white space collapsed by its author; the form is held in another recording",
    "pmset/set_inconsistent_timers_warning_real_cut.txt": PORTABLE,
    "screensharing/kickstart_warning_mojave.txt": "ARDAgent's kickstart is not simulated",
    "screensharing/kickstart_warnings_modern.txt": "ARDAgent's kickstart is not simulated",
    "tailscale/lab_status_json_from_peer.txt": "printed on another node",
    "who/who_a.txt": "one machine's terminals; a rehearsal has a console only",
}
"""The recordings that no case covers, and why."""


def masked(text: str) -> list[str]:
    """Take out what is particular to one machine."""
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return [line.rstrip() for line in text.splitlines()]


def in_order(excerpt: list[str], lines: list[str]) -> bool:
    """Say whether the lines of an excerpt come in this order."""
    rest = iter(line.strip() for line in lines)
    return all(line.strip() in rest for line in excerpt)


def test_every_recording_is_covered_or_has_its_reason() -> None:
    stored = {str(path.relative_to(RECORDINGS)) for path in RECORDINGS.rglob("*.txt")}

    assert stored == set(INDEX)
    assert stored == set(CASES) | set(NOT_COVERED)
    assert not set(CASES) & set(NOT_COVERED)
    assert len(CASES) >= 45


@pytest.mark.parametrize("recording", CASES)
def test_the_simulated_tool_answers_as_recorded(recording: str, tmp_path: Path) -> None:
    case = CASES[recording]
    root = tmp_path / "mac"
    birth.create(root, user=case.user, dns_name=NAME, programs=["/usr/local/bin/ollama"])
    for path, content in case.files.items():
        file = Path(f"{root}{path}")
        file.write_bytes(content.encode() if isinstance(content, str) else plistlib.dumps(content))
    environment = birth.environment(root)
    home = environment["HOME"]
    subprocess.run(["/bin/sh", "-c", case.state], env=environment, cwd=home, capture_output=True, check=False)

    done = subprocess.run(["/bin/sh", "-c", case.command], env=environment, cwd=home, capture_output=True, check=False)

    recorded = (RECORDINGS / recording).read_bytes()
    found, other = (done.stdout, done.stderr) if case.stream == "stdout" else (done.stderr, done.stdout)
    status = INDEX[recording]["exit status"].split(" ")[0]
    if case.code is not None or status.isdigit():
        assert done.returncode == (int(status) if case.code is None else case.code)
    assert other == b""
    if case.how == "exact":
        assert found == recorded
    elif case.how == "sorted":
        assert sorted(found.splitlines()) == sorted(recorded.splitlines())
    elif case.how == "masked":
        assert masked(found.decode()) == masked(recorded.decode())
    elif case.how == "within":
        assert recorded.decode().strip() in found.decode()
    else:
        assert in_order(masked(recorded.decode()), masked(found.decode())), found.decode()
