"""The Mac as a plain deploy of pyinfra's keeps it: its operations for files, and facts in front of commands."""

from __future__ import annotations

from facts import FirewallAllows, FirewallOn, Models, Overrides, Power, Served, TailscalePrefs
from pyinfra import host
from pyinfra.facts.launchd import LaunchdStatus
from pyinfra.operations import files, server

data = host.data
firewall = f"{data.root}/usr/libexec/ApplicationFirewall/socketfilterfw"
ours = f"{data.root}/Library/macstate"

# Power
power = host.get_fact(Power)
wanted = data.power
if any(power.get(name) != value for name, value in wanted.items()):
    words = " ".join(f"{name} {value}" for name, value in wanted.items())
    server.shell(name="Set power on AC", commands=[f"pmset -c {words}"], _sudo=True)
if power.get("SleepDisabled") != "1":
    server.shell(name="Disable sleep", commands=["pmset -a disablesleep 1"], _sudo=True)

# Firewall
for program in data.allowed:
    if program not in host.get_fact(FirewallAllows, tool=firewall):
        commands = [f"{firewall} --add {program}", f"{firewall} --unblockapp {program}"]
        server.shell(name=f"Let {program} through", commands=commands, _sudo=True)
if not host.get_fact(FirewallOn, tool=firewall):
    server.shell(name="Turn the firewall on", commands=[f"{firewall} --setglobalstate on"], _sudo=True)

# Screen sharing
if host.get_fact(Overrides).get("com.apple.screensharing") != "enabled":
    plist = "/System/Library/LaunchDaemons/com.apple.screensharing.plist"
    commands = [
        "launchctl enable system/com.apple.screensharing",
        "launchctl bootout system/com.apple.screensharing || true",
        f"launchctl bootstrap system {plist}",
    ]
    server.shell(name="Turn screen sharing on", commands=commands, _sudo=True)

# Files
keys = files.put(
    name="Write the gateway's keys",
    src="files/gateway.keys",
    dest=f"{ours}/etc/gateway.keys",
    user=data.user,
    group="staff",
    mode="600",
    _sudo=True,
)
for script in ("pull", "watchdog"):
    files.put(
        name=f"Write {script}",
        src=f"files/{script}",
        dest=f"{ours}/bin/{script}",
        user="root",
        group="wheel",
        mode="755",
        _sudo=True,
    )
for page in ("guide.md", "index.html", "llms.txt"):
    files.put(
        name=f"Write {page}",
        src=f"files/{page}",
        dest=f"{ours}/guide/{page}",
        user="root",
        group="wheel",
        mode="644",
        _sudo=True,
    )
configuration = files.template(
    name="Write nginx.conf",
    src="templates/nginx.conf.j2",
    dest=f"{ours}/etc/nginx.conf",
    user="root",
    group="wheel",
    mode="644",
    home=data.home,
    _sudo=True,
)

# Jobs
loaded = host.get_fact(LaunchdStatus, _sudo=True)
for label in data.jobs:
    plist = f"/Library/LaunchDaemons/{label}.plist"
    written = files.template(
        name=f"Write {label}.plist",
        src=f"templates/{label}.plist.j2",
        dest=f"{data.root}{plist}",
        user="root",
        group="wheel",
        mode="644",
        home=data.home,
        keep_alive=data.keep_alive,
        _sudo=True,
    )
    changed = [written, configuration, keys] if label == "macstate.gateway" else [written]
    server.shell(
        name=f"Load {label}",
        commands=[f"launchctl unload {plist} || true", f"launchctl load -w {plist}"],
        _sudo=True,
        _if=lambda label=label, changed=changed: label not in loaded or any(each.did_change() for each in changed),
    )

# Tailscale
served = host.get_fact(Served).get("Web", {})
for route in data.routes:
    port, path, target = route["port"], route["path"], route["target"]
    there = served.get(f"{data.tailnet_name}:{port}", {}).get("Handlers", {})
    if there.get(path, {}).get("Proxy") != target:
        command = f"tailscale {route['word']} --bg --yes --https={port} --set-path={path} {target}"
        server.shell(name=f"Serve {path} on {port}", commands=[command], _sudo=True)
if not host.get_fact(TailscalePrefs).get("RunSSH"):
    server.shell(name="Turn Tailscale SSH on", commands=["tailscale set --ssh --accept-risk=lose-ssh"], _sudo=True)

# Models
models = host.get_fact(Models)
for model in data.models:
    if model not in models:
        server.shell(name=f"Pull {model}", commands=[f"ollama pull {model}"])
