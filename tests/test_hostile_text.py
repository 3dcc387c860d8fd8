"""Nothing that comes from outside is evaluated: hostile text in every answer that a script reads, under each shell."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_text import MARK, PAYLOADS, Mutation, Scene, Stage

from macstate import spec
from macstate.cli import logs
from macstate.endpoint import watchdog
from macstate.kernel import journal, probe, scripts
from macstate.kernel.steps import Aside, Check, Delete, HeadLine, Preserve, Prove, Run, Same, Write
from macstate.kinds import KINDS, log_rotation, model
from macstate.kinds.home_file import HomeFile
from macstate.language.facts import Facts, Laptop

Share = Callable[[int], int]

NEAREST = "bash-original-awk"
FEWER = 20
"""How many times fewer mutations the other shells try; the time of a run without the lab hangs on it."""

SETTINGS = {"NAME": "x", "TARGET": "system/macstate.x", "PLIST": "/x.plist", "PORT": "1", "HEALTH": "/v1/models"}
SETTINGS |= {"ASK": "1", "DEADLINE": "30", "READY": "600", "PATIENCE": "1800", "COOLDOWN": "300", "GIVE_UP": "2"}
SETTINGS |= {"EVERY": "60", "CONTEXT": "0", "STATE": "/state"}
JOB = "system/macstate.x = {\n\tpid = 4242\n\truns = 7\n\t\tpid = 9\n}\n"
SERVICES = "system = {\n\tservices = {\n\t\t    77      - \torg.example.held\n\t}\n}\n"
PS = "4242 1 4242 0:01.50\n4300 4242 4300 1-02:03:04\n"
WATCHED = r"(launchctl (print|kickstart( -k)?|bootout) system/macstate\.x|launchctl bootstrap system /x\.plist)"
MODEL = '{"models":[{"name":"qwen3:32b","expires_at":"2025-11-26T10:30:00.5+00:00","context_length":2048}]}\n200'
SHOW = '{"model_info":{"q.context_length":4096},"parameters":"stop \\"<x>\\"\\nnum_ctx    512"}\n200'
GENERATE = '{"response":"four","load_duration":20000000}\n200'
CHAT = '{"choices":[{"message":{"content":"four"}}]}\n200'
LIST = '{"object":"list","data":[{"id":"Qwen/Qwen3","object":"model"}]}\n200'
MEMORY = {"well": "4242 7\n", "reloads": "4242 7 other:1\n", "phase": "busy 4242 7 1764151000\n"}
KEYS = '"~^(?i:bearer) +key-1$" agents;\n'
JOURNAL = '{"run": "r0", "outcome": "applied"}\n'
DF = "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/disk1 994662584 1000 994662584 1% /\n"
PULLED = '{"status":"pulling 1","total":100,"completed":50}\n{"status":"success"}\n'
NETSTAT = "tcp4 0 0 127.0.0.1.11434 *.* LISTEN 131072 131072 ollama:9 00100 0\n"
LISTS: tuple[str, ...] = (
    "label\tmacstate.x",
    "file\t/etc/x.conf",
    "program\t/bin/sh",
    "folder\t/var/x",
    "port\t1",
    "path\t/bin/x",
)
LISTS += ("health\tx 1 /health system/macstate.x", "served\tx 1", "gateway\tnginx /usr/bin/id", "models\tollama 1")
LISTS += ("secret\tab12 /etc/key", "own\t/etc/x.conf")
LISTS += (
    "wanted\tollama big:1 http://127.0.0.1:1/v2/library/big/manifests/1",
    "place\t/var/x",
    "account\t_www",
    "login\tx",
)
TAGS = '{"models":[{"name":"old:1","model":"old:1","digest":"0123456789ab"}]}'
MANIFEST = json.dumps({"config": {"digest": f"sha256:{64 * 'b'}", "size": 20}})
QUEUE = ".local/state/macstate/pulls/ollama"
LINE = "small:1\t1000\twaiting\t1764151000\t0\t1764151100\t\n"
OWNED = "owned\tfile/etc/x.conf\tabc\nowned\tsecret/etc/key\tab12:cd\nset\tpower/ac\tsleep\n"
LSTART = "Wed Nov 26 10:00:00 2026\n"
RUNS = f"S    {LSTART}"
HOLDER = f"4242\t2026-11-26T09:00:00Z\t{LSTART.strip()}\tanna@macbook"


def watched(engine: str, answers: dict[str, str], **memory: str) -> Scene:
    """Watch a server that answers so."""
    return Scene(
        watchdog.program(),
        environment={**SETTINGS, "ENGINE": engine},
        answers={"launchctl": JOB, **answers},
        fixed={"ps": PS, "ps_etime": "01:00:00\n", "launchctl_again": JOB.replace("4242", "4243")},
        files={f"root/state/{name}": text for name, text in {**MEMORY, **memory}.items()},
        changes=r"root/state/(well|phase|asked|reloads|restarts|gave-up|out)",
        calls=WATCHED,
        cost=2 if "curl_api_show" in answers else 1,
    )


def applied(*steps: str, **more: object) -> Scene:
    """Carry some steps out as root."""
    lock = "lock /var/db/macstate 1 anna@macbook"
    lines = [
        "a password",
        "PAYLOAD",
        lock,
        "record pending file/etc/x.conf -",
        *steps,
        "record owned file/etc/x.conf abc",
    ]
    entry = b64encode(b'{"run": "r1", "done": []').decode()
    usual = {
        "root/var/db/macstate/owned": OWNED,
        "root/var/db/macstate/journal": '{"run": "r0", "outcome": "applied"}\n',
    }
    files = {**usual, **more.pop("files", {})}  # type: ignore[dict-item]
    return Scene(
        scripts.apply(),
        stdin="\n".join([*lines, f"journal r1 {entry} applied", "END"]) + "\n",
        files=files,
        changes=r"root/(x/(?s:.*)|Library/LaunchDaemons/other\.plist(\.before-macstate)?|var/db/macstate/(owned|journal|kept|lock/holder)|etc/x\.conf|etc/old\.conf(\.before-macstate)?|etc/key)",
        calls=r"sudo -n -u #[1-9]\d* -- rm -f /\S+ /\S+",
        **more,  # type: ignore[arg-type]
    )


WRITE = Write("/etc/x.conf", b"hello", owner="root:wheel", valid=("tool", "-t", "{}")).line
SCENES: dict[str, Scene] = {
    "watchdog, a model that is asked": watched(
        "ollama",
        {"curl_api_ps": MODEL, "curl_api_show": SHOW, "curl_api_generate": GENERATE},
        asked="1764153000 1764153000 -1 1800 qwen3:32b\n",
    ),
    "watchdog, a model that somebody has used": watched(
        "ollama",
        {"curl_api_ps": MODEL, "curl_api_show": SHOW, "curl_api_generate": GENERATE},
        asked="1764152000 1764152000 900 1800 qwen3:32b\n",
    ),
    "watchdog, no model": watched("ollama", {"curl_api_ps": '{"models":[]}\n200', "curl_api_tags": "{}\n200"}),
    "watchdog, a list of models": watched("openai", {"curl_v1_models": LIST, "curl_v1_chat_completions": CHAT}),
    "watchdog, silence": watched("openai", {"ps": PS}, restarts="1 1764150000\n"),
    "watchdog, silence that works": watched("openai", {"ps": PS, "ps_again": PS.replace("01.50", "31.50")}),
    "watchdog, a start": watched("openai", {"ps_etime": "00:20\n"}, well="1 1\n", phase="starting 4242 7 1764151000\n"),
    "watchdog, given up": watched("rest", {}, **{"gave-up": "4242 6\n", "restarts": "2 1764150000\n"}),
    "apply, a lock": applied(
        answers={"ps_lstart": RUNS},
        files={"root/var/db/macstate/lock/holder": HOLDER.replace("10:00:00", "09:00:00")},
    ),
    "apply, files": applied(
        "takes file/etc/old.conf",
        "takes launchd/system/x",
        "removes secret/etc/key ab12:cd",
        WRITE,
        Check(("tool", "-t"), (("x.conf", b"hello"),), "root:wheel").line,
        Preserve("/etc/key", "/var/db/macstate/kept").line,
        Delete("secret/etc/key", "/etc/key").line,
        Aside("file/etc/old.conf", "/etc/old.conf").line,
        Aside("launchd/system/x", "/Library/LaunchDaemons/other.plist").line,
        answers={"stat": "0 755\n", "tool": "syntax is ok\n"},
        tools={"wc": "5\n"},
        files={"root/etc/key": "hello", "root/etc/old.conf": "hello", "root/etc/x.conf": "old"}
        | {"root/Library/LaunchDaemons/other.plist": "<plist/>\n"},
    ),
    "apply, commands": applied(
        Same(("tool",), "syntax is ok\n", "it has changed").line,
        Run(("tool", "-v"), refusal=("is read only", "it is read only")).line,
        Prove("http://127.0.0.1:1/x", "mac.example.ts.net", "/etc/keys", "/var/db/macstate/kept", "abc").line,
        answers={"tool": "syntax is ok\n", "curl_x": "204 abc"},
        files={"root/etc/keys": KEYS, "root/var/db/macstate/kept": KEYS},
    ),
    "apply, a line": applied(
        HeadLine("/x/config", "Include a", "Include b").line,
        answers={},
        tools={"wc": "26\n", "readlink": "real/config\n"},
        files={"root/x/real/config": "# of mine\nInclude a\nHost b\n"},
        links={"root/x/config": "real/config"},
    ),
    "rotate": Scene(
        log_rotation.program(),
        words=("1000", "5", "/Library/Logs/x.log", "/Library/Logs/y.log"),
        answers={"id": "0\n"},
        tools={"wc": "2000\n", "stat": "0 755\n"},
        fixed={"stat": "0 755\n"},
        files={"root/Library/Logs/x.log": 2000 * "x", "root/Library/Logs/x.log.1.gz": "text"},
        links={"root/Library/Logs/y.log": "x.log"},
        changes=r"root/Library/Logs/x\.log(\.\d\.gz)?",
        calls=r"sudo -n -u #\d+ -- /\S+ 1000 5 /Library/Logs/x\.log",
    ),
    "pull, the queue": Scene(
        model.program(),
        words=("ollama", "1", "/models", "big:1"),
        answers={
            "curl_api_tags": TAGS,
            "curl_v2_library_big_manifests_1": f"{MANIFEST}\n200",
            "ps_lstart": RUNS,
        },
        tools={
            "du": "8\t/models/blobs/x-partial\n",
            "df": DF,
            "shasum": f"{64 * 'c'}  -\n",
            "readlink": f"9\t{LSTART}",
        },
        fixed={"df": DF, "sh": ""},
        files={f"home/{QUEUE}/small:1.pull": LINE, f"root/models/blobs/sha256-{64 * 'b'}-partial": "text"},
        links={f"home/{QUEUE}/worker": f"9\t{LSTART.strip()}"},
        names=(f"home/{QUEUE}/*.pull",),
        changes=rf"home/{QUEUE}/(big:1\.pull|worker)",
        cost=3,
    ),
    "pull, the worker": Scene(
        model.program(),
        words=("--work", "ollama", "1"),
        answers={"curl_api_pull": PULLED, "ps_lstart": RUNS},
        files={f"home/{QUEUE}/small:1.pull": LINE, f"home/{QUEUE}/other:1.pull": LINE.replace("small", "other")},
        names=(f"home/{QUEUE}/*.pull",),
        changes=rf"home/{QUEUE}/(?s:.+)",
        cost=2,
    ),
    "probe": Scene(
        probe.script(KINDS),
        stdin="".join(f"{line}\n" for line in LISTS),
        answers={
            **dict.fromkeys(("tailscale", "sysctl", "pmset", "defaults", "systemsetup", "scutil"), "x: 1\n"),
            "launchctl": f"{JOB}{SERVICES}",
            "netstat": NETSTAT,
            "ps": "9 9 ollama\n",
            "ps_etime": "01:00\n",
            "ps_lstart": RUNS,
            "curl_api_tags": TAGS,
            "curl_v2_library_big_manifests_1": f"{MANIFEST}\n200\n",
            "sysadminctl": "Automatic login is OFF\n",
            "curl_health": "ok\n200",
            "curl_v1_models": LIST,
            "stat": "0 644\n",
            "df": DF,
            "id": "501\n",
            "realpath": "/usr/bin/ollama\n",
        },
        tools={"readlink": f"9\t{LSTART}"},
        fixed=dict.fromkeys(("sw_vers", "fdesetup", "uname", "shasum"), "x\n"),
        files={
            "root/var/db/macstate/owned": OWNED,
            "home/.local/state/macstate/owned": "owned\thome_file/x\tabc\n",
            "root/etc/x.conf": "x\n",
            "root/etc/key": "x\n",
            "root/Library/LaunchDaemons/macstate.x.plist": "<plist/>\n",
            f"home/{QUEUE}/small:1.pull": LINE,
        },
        links={f"home/{QUEUE}/worker": f"9\t{LSTART.strip()}"},
        names=("root/Library/LaunchDaemons/*.plist", f"home/{QUEUE}/*.pull"),
        calls=r"(?s:launchctl .*)|sudo -k -n sh -c true",
        cost=25,
    ),
    "logs": Scene(
        logs.READ,
        words=("/x.log", "4", "50"),
        files={"root/x.log": "one\ntwo\n"},
        tools={"wc": "8\n"},
        answers={},
    ),
    "log": Scene(
        journal.READ, files={"root/var/db/macstate/journal": JOURNAL, "home/.local/state/macstate/journal": JOURNAL}
    ),
}


@pytest.fixture
def stage(tmp_path: Path, shell: Path) -> Stage:
    return Stage(tmp_path, shell)


def chosen(scene: Scene, name: str, share: Share) -> list[Mutation]:
    """Give the mutations to try, always the same ones: a tenth with the shell that is nearest to a Mac's, else few."""
    everything = scene.mutations()
    count = share(len(everything)) // scene.cost
    if count < len(everything) // scene.cost and not name.startswith(NEAREST):
        count //= FEWER
    return random.Random(name).sample(everything, max(count, 2))


@pytest.mark.parametrize("name", SCENES)
def test_nothing_from_outside_is_evaluated(
    stage: Stage, share: Share, name: str, request: pytest.FixtureRequest
) -> None:
    scene = SCENES[name]

    assert stage.play(scene) == []
    tried = chosen(scene, request.node.callspec.id, share)
    assert {mutation: wrong for mutation in tried if (wrong := stage.play(scene, mutation))} == {}


NAMED = (MODEL.index("qwen"), MODEL.index("qwen") + len("qwen3:32b"))
HUNG = (PS.index(" 4242 4300") + 1, PS.index(" 4242 4300") + 5)
SEEN = [
    ("watchdog, a model that is asked", Mutation("answers", "curl_api_ps", NAMED, f"x PORT[$(>{MARK})] 1")),
    ("watchdog, silence", Mutation("files", "root/state/restarts", (2, 12), f"PORT[$(>{MARK})]")),
    ("watchdog, a start", Mutation("files", "root/state/phase", (16, 26), f"PORT[$(>{MARK})]")),
    ("watchdog, silence", Mutation("answers", "ps", HUNG, "")),
    ("apply, files", Mutation("tools", "wc", (0, 1), f"PORT[$(>{MARK})]")),
    ("apply, a line", Mutation("tools", "wc", (0, 2), f"PORT[$(>{MARK})]")),
    ("rotate", Mutation("tools", "wc", (0, 4), f"PORT[$(>{MARK})]")),
    ("rotate", Mutation("tools", "stat", (0, 1), "1e99")),
    ("pull, the worker", Mutation("files", f"home/{QUEUE}/small:1.pull", (0, len(LINE)), "text\ntext\n")),
    ("probe", Mutation("answers", "id", (0, 3), f"1,,w {MARK}\n#")),
    ("logs", Mutation("tools", "wc", (0, 1), f"PORT[$(>{MARK})]")),
]
"""What was evaluated, or held a script for ever, or met arithmetic, before this test was there."""


@pytest.mark.parametrize(("name", "mutation"), SEEN, ids=lambda value: value if isinstance(value, str) else value.key)
def test_what_was_evaluated_once_is_not_any_more(stage: Stage, name: str, mutation: Mutation) -> None:
    assert stage.play(SCENES[name], mutation) == []


@pytest.mark.parametrize("said", ["", "abc 755\n", "0\n", "0 755\nabc 755\n", "1e0 755\n"])
def test_root_works_in_no_folder_whose_owner_is_not_told(stage: Stage, said: str) -> None:
    scene = applied(WRITE, fixed={"stat": said, "tool": ""})

    assert stage.play(scene) == []
    assert (stage.code, "users other than root can change the folders above it" in stage.said) == (1, True)


def test_an_outcome_with_control_characters_is_a_line_that_can_be_read(stage: Stage) -> None:
    entry = b64encode(b'{"run": "r2", "done": []').decode()

    assert stage.play(applied(f"journal r2 {entry} 'failed: \x1b[2J\ra\tb\x01'")) == []
    lines = (stage.world / "root/var/db/macstate/journal").read_text().split("\n")
    assert [json.loads(line)["outcome"] for line in lines if line] == ["applied", "failed:  [2J a b ", "applied"]


@pytest.mark.parametrize(
    ("script", "sign"),
    [
        ("x=$(cat ../root/x)\necho $((x + 1)) || exit", "it says"),
        ('echo "$(cat ../root/x)" | while read -r a; do eval "echo $a"; done', "executed"),
        ('echo >"$(cat ../root/x)"', "was made or changed"),
        ('sudo -u "$(cat ../root/x)" true', "it called sudo"),
        ('while [ "$(cat ../root/x)" = "" ]; do :; done', "did not end"),
    ],
)
def test_what_is_evaluated_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch, script: str, sign: str) -> None:
    monkeypatch.setattr("hostile_text.TIMEOUT", 1)
    scene = Scene(script, files={"root/x": "1\n"}, calls="sudo -u 1 true", changes="cwd/1")
    mutations = [Mutation("files", "root/x", (0, 1), payload) for payload in (PAYLOADS[0], PAYLOADS[3], "", "--")]

    assert stage.play(scene) == []
    wrong = [each for mutation in mutations for each in stage.play(scene, mutation)]

    assert [each for each in wrong if sign in each]
    if "bash" in str((stage.shell / "sh").resolve()) and sign == "it says":
        assert "the payload was executed" in wrong


def test_a_name_in_the_tailnet_is_no_program_in_the_laptops_shells(stage: Stage) -> None:
    text = "macs: {mac: {hostname: mac, user: anna}}\nclients: {local: {}}\nendpoints:\n"
    text += "  x: {engine: openai, command: [/x], port: 9001, serve: /x, models: {m: ''}}\n"
    for payload in PAYLOADS:
        host = f"mac.{payload.replace(MARK, str(stage.mark))}"
        facts = Facts(user="anna", home="/home/anna", laptop=Laptop(host_keys={host: ("ssh-ed25519 AAAA",)}))
        wishes = spec.parse(text, "macs.yml").for_laptop().expand(facts)
        (file,) = (each for key, each in wishes.items() if key.endswith("/shell.sh"))
        assert isinstance(file, HomeFile)

        stage.play(Scene(f'{file.content}\nprintf "%s" "$OPENAI_BASE_URL"'))

        assert stage.said == f"https://{host}/x/v1"
        assert not stage.mark.exists()
