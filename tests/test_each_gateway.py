"""Every server that can be the gateway, taken through all that is made of it.

Its cases lie in `tests/gateways/NAME.yml`:

`about`              what its program says of itself where it will do, `asked` by these words; `refused`: what a program
                     says that will not do where it is to limit requests, and why it is refused
`config`             the file name of its configuration, which `says` this for both audiences, and with a `limit` that
`rule`, `open`       how it says there that methods (with `between_methods`) pass, and that a path is open
`key`                how its key file names a key
`command`, `check`   what follows the program to run it, and to try a configuration ({}); `signal`: to read it again
`logs`               what macstate rotates; `log`: lines of its access log, and what is counted of each
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from macstate import render, spec
from macstate.errors import MacstateError
from macstate.gateway.answers import ERRORS, REFUSALS
from macstate.gateway.heads import heads
from macstate.gateway.servers import SERVERS
from macstate.kernel import scripts
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Check, Write
from macstate.kinds.file import File
from macstate.kinds.key_file import KeyFile
from macstate.kinds.launchd import Launchd
from macstate.language.facts import Facts, Node
from macstate.language.secrets import Secret
from macstate.review import health
from macstate.review.health import usage
from macstate.review.preflight.capacity import BREW
from macstate.spec.declared import Declared

CASES = Path(__file__).with_name("gateways")
HOST = "studio.tail1.ts.net"
CAPABILITIES = frozenset({"https", "funnel", "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"})
KEY = "a-key-that-is-long-enough"
ETC = "/Library/macstate/etc"


def case(server: str) -> dict[str, Any]:
    file = CASES / f"{server}.yml"
    assert file.exists(), f"write tests/gateways/{server}.yml, as the beginning of tests/test_each_gateway.py says"
    read: dict[str, Any] = yaml.safe_load(file.read_text())
    return read


def wishes(server: str, **more: Any) -> Declared:
    data = {
        "macs": {"studio": {"hostname": HOST, "user": "anna"}},
        "gateway": {"server": server, "keys": {"agents": "generate"}, **more},
        "endpoints": {
            "coder": {"engine": "mlx", "model": "org/small", "serve": "/coder", "funnel": {"https": 8443}},
            "web": {"engine": "rest", "command": ["/opt/web"], "port": 7000, "serve": "/web", "open": ["/x"]},
        },
    }
    return spec.parse(yaml.safe_dump(data), "macs.yml").for_host("studio")


def expand(server: str, about: str | None, **more: Any) -> dict[str, Resource]:
    programs = {} if about is None else {SERVERS[server].program: about}
    node = Node(name=HOST, capabilities=CAPABILITIES)
    facts = Facts(user="anna", home="/Users/anna", node=node, programs=programs)
    return dict(wishes(server, **more).expand(facts, lambda *_: Secret(KEY)))


def config(server: str, **more: Any) -> str:
    file = expand(server, case(server)["about"], **more)[f"file{ETC}/{case(server)['config']}"]
    assert isinstance(file, File)
    return file.content or ""


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_they_stand_in_an_order_of_their_own() -> None:
    assert [*SERVERS][:2] == ["nginx", "caddy"]


def test_no_cases_are_of_a_server_that_is_not_there() -> None:
    assert {file.stem for file in CASES.iterdir()} <= {*SERVERS}


def test_its_configuration_serves_both_audiences(server: str) -> None:
    own, text = case(server), config(server)
    assert [part for part in own["says"] if part not in text] == []
    assert own["limit"] not in text
    assert own["limit"] in config(server, rate_limit={"per_key": "60/m"})
    read = heads(text)
    assert read.doors == {"tailnet/443": "8080", "funnel/8443": "8081"}
    assert {route: behind.name for route, behind in read.routes.items()} == {
        ("tailnet", "443/coder"): "coder",
        ("tailnet", "443/web"): "web",
        ("funnel", "8443/"): "coder",
    }
    for audience, way in (("tailnet", "/coder"), ("funnel", "")):
        values = {
            "audience": audience,
            "way": "coder",
            "methods": own["between_methods"].join(("GET", "HEAD", "OPTIONS")),
        }
        rule = own["rule"].format(**values, paths=rf"{way}(?:/v1/models|/v1/models/.*)")
        assert rule in text
    assert own["open"].format(audience="tailnet", way="web", paths="/web(?:/x)") in text
    for message in (*(text for _, text in ERRORS.values()), *(text for _, text in REFUSALS.values())):
        assert message in text.replace("\\u0027", "'")
    assert KEY not in text.replace("\\", "")


def test_its_job_its_keys_and_its_check(server: str) -> None:
    own, found = case(server), expand(server, case(server)["about"])
    program, conf = SERVERS[server].program, f"{ETC}/{own['config']}"
    job, keys, file = (
        found[name] for name in ("launchd/system/macstate.gateway", f"secret{ETC}/gateway.keys", f"file{conf}")
    )
    assert isinstance(job, Launchd)
    assert isinstance(keys, KeyFile)
    assert isinstance(file, File)

    assert (job.file or {})["ProgramArguments"] == [program, *own["command"]]
    assert job.refresh == ("launchctl", "kill", own["signal"], "system/macstate.gateway")
    assert [*job.logs] == own["logs"]
    assert (job.ports, job.files) == ((8080, 8081), (file.id, keys.id))
    assert job.proof[-1]
    assert job.proof[-1] in config(server)

    as_user = ("sudo", "-H", "-u", "anna", "--", program)
    assert file.valid == (*as_user, *own["check"])
    check, write = (next(step for step in keys.converge(None) if isinstance(step, kind)) for kind in (Check, Write))
    assert isinstance(check, Check)
    assert isinstance(write, Write)
    tried = f"/var/db/macstate/check/{own['config']}"
    assert check.command == (*as_user, *(word.replace("{}", tried) for word in own["check"]))
    assert [name for name, _ in check.files] == [own["config"], "gateway.keys"]
    assert own["key"] in keys.text
    assert own["key"] in write.content.decode()
    assert "\n" in render.template(f"{server}.keys", keys=[])
    assert (write.secret, write.mode, write.owner) == (True, "0600", "anna:staff")


def test_a_program_that_is_not_there_or_will_not_do_is_refused(server: str) -> None:
    with pytest.raises(MacstateError) as refused:
        expand(server, None)
    formula = BREW[server]
    said = f"{SERVERS[server].program} cannot be run on this Mac; type `brew install {formula}` there, or name another"
    assert said in refused.value.message
    for about, why in case(server)["refused"].items():
        with pytest.raises(MacstateError, match=why) as refused:
            expand(server, about, rate_limit={"per_key": "60/m"})
        assert "\n" not in refused.value.message
        assert "; type `" in refused.value.message


def test_its_program_is_asked_about_itself_and_may_say_it_on_standard_error(server: str, tmp_path: Path) -> None:
    asked = dict(wishes(server).lists)["gateway"]
    assert asked == f"{','.join(case(server)['asked'])} {SERVERS[server].program}"
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "said $#: $*"\necho "told $1" >&2\n')
    program.chmod(0o755)
    function = scripts.bare("probe_mac.sh").partition("about() {")[2].partition("\n}\n")[0]
    script = f'about() {{{function}\n}}\nabout "$1" "$2"'
    words = ["sh", "-c", script, "sh", asked.partition(" ")[0], str(program)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [line for word in case(server)["asked"] for line in (f"said 1: {word}", f"told {word}")]
    program.write_text("#!/bin/sh\nexit 3\n")
    assert subprocess.run(words, check=False).returncode == 3


def test_its_requests_are_counted_whichever_servers_lines_the_log_has(server: str, tmp_path: Path) -> None:
    lines: dict[str, str] = case(server)["log"]
    log = tmp_path / "access.log"
    log.write_text("".join(f"{line}\n{line}\n" for line in lines))
    lists = [*health.lists(wishes(server), usage=True)]
    assert ("requests", "macstate.gateway") in lists
    how = [value for name, value in lists if name == "counted"]
    assert len(how) == len(SERVERS)
    script = f'{scripts.whole("requests.sh")}\nrequests "$1" "$2"'
    words = ["sh", "-c", script, "sh", str(log), "\n".join(how)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()

    assert [line.split(maxsplit=1) for line in said] == [["2", counted] for counted in lines.values() if counted]
    assert any(lines.values())
    assert "" in lines.values(), "a line of its log that tells of a refusal is not counted"
    for line in said:
        match = usage.COUNTED.fullmatch(line)
        assert match
        assert usage.moment(match[2])
