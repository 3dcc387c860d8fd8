"""`id`, `whoami`, `who`, `dscl` and `sysadminctl`: the users, and who is at the console."""

from __future__ import annotations

import time

from .machine import Failure, Mac, err, out

GROUPS = (
    "20(staff),12(everyone),61(localaccounts),79(_appserverusr),80(admin),81(_appserveradm),98(_lpadmin),33(_appstore),"
    "100(_lpoperator),204(_developer),250(_analyticsusers),395(com.apple.access_ftp),398(com.apple.access_screensharing),"
    "399(com.apple.access_ssh),701(com.apple.sharepoint.group.1)"
)
ROOT_GROUPS = (
    "0(wheel),1(daemon),2(kmem),3(sys),4(tty),5(operator),8(procview),9(procmod),12(everyone),20(staff),80(admin)"
)


def main(mac: Mac, tool: str, words: list[str]) -> int:
    """Play the tool."""
    return {"id": _id, "whoami": _whoami, "who": _who, "dscl": _dscl, "sysadminctl": _sysadminctl}[tool](mac, words)


def _id(mac: Mac, words: list[str]) -> int:
    names = [word for word in words if not word.startswith("-")]
    name = names[0] if names else mac.user
    accounts = {"root": (0, 0, "wheel", ROOT_GROUPS), mac.state["user"]: (mac.state["uid"], 20, "staff", GROUPS)}
    if name not in accounts:
        raise Failure(1, f"id: {name}: no such user")
    uid, gid, group, groups = accounts[name]
    options = "".join(sorted(letter for word in words if word.startswith("-") for letter in word[1:]))
    numbers = " ".join(part.partition("(")[0] for part in groups.split(","))
    group_names = " ".join(part.partition("(")[2].rstrip(")") for part in groups.split(","))
    answers = {
        "": f"uid={uid}({name}) gid={gid}({group}) groups={groups}",
        "u": str(uid),
        "nu": name,
        "g": str(gid),
        "gn": group,
        "G": numbers,
        "Gn": group_names,
    }
    if options not in answers:
        raise Failure(
            1, "usage: id [user]\n       id -G [-n] [user]\n       id -g [-nr] [user]\n       id -u [-nr] [user]"
        )
    out(answers[options])
    return 0


def _whoami(mac: Mac, _words: list[str]) -> int:
    out(mac.user)
    return 0


def _who(mac: Mac, words: list[str]) -> int:
    since = time.strftime("%b %e %H:%M", time.localtime(mac.state["born"]))
    everything = "-a" in words
    if everything:
        out("USER     LINE     WHEN         IDLE  \t   PID\tCOMMENT")
        out(f"reboot   ~        {since}   .   \t     1")
    if mac.state["console"]:
        out(f"{mac.state['console']}  console  {since}" + ("  old  \t   105" if everything else ""))
    if everything:
        out("   .       run-level 3")
    return 0


def _dscl(mac: Mac, words: list[str]) -> int:
    place, verb, path, *keys = [*words, "", "", ""][: max(len(words), 3)]
    if place not in {".", "/Local/Default"} or verb.lstrip("-") != "read":
        raise Failure(64, "usage: dscl [options] [<datasource> [<command>]]")  # no recording
    name = path.removeprefix("/Users/")
    if name not in {mac.state["user"], "root"}:
        raise Failure(56, "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)")
    root = name == "root"
    record = {
        "NFSHomeDirectory": "/var/root" if root else f"/Users/{name}",
        "PrimaryGroupID": "0" if root else "20",
        "RealName": "System Administrator" if root else name,
        "RecordName": name,
        "UniqueID": "0" if root else str(mac.state["uid"]),
        "UserShell": "/bin/sh" if root else "/bin/zsh",
    }
    for key in keys or record:
        out(f"{key}: {record[key]}" if key in record else f"No such key: {key}")
    return 0


def _sysadminctl(mac: Mac, words: list[str]) -> int:
    # it prints everything on standard error (measured)
    if words[:2] == ["-autologin", "set"]:
        err("SACSetAutoLoginPassword error:22")  # over SSH (measured)
    elif words[:2] == ["-autologin", "off"]:
        mac.state["autologin"] = None
    elif words[:2] == ["-autologin", "status"]:
        user = mac.state["autologin"]
        err(f"Automatic login user: {user}" if user else "Automatic login is OFF.")
    else:
        err("Usage: sysadminctl")
        return 1
    return 0
