"""Keys: one that is not on this laptop, one that is made anew, and the proof that the gate has taken a change in."""

from __future__ import annotations

import re
import shutil
import time
from base64 import b64decode
from pathlib import Path

import pytest
from laptop import SHOWN, Laptop, Outcome, changes, open_to_others

from macstate.language import secrets
from macstate.review import plan_json

SPEC = """
macs: {macstudio: {hostname: matiass-mac-studio.tail174e9b.ts.net, user: mmirvois}}
gateway: {server: nginx, keys: {agents: generate}}
endpoints:
  one: {engine: openai, command: [/opt/one, --port, "{port}"], port: 8000, serve: /one}
"""
KEYS = "Library/macstate/etc/gateway.keys"
LACKS = "gateway.keys.agents: this laptop does not have the key that was made for this Mac; copy "


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    laptop = Laptop(tmp_path_factory.mktemp("keys"))
    outcome = laptop.run(SPEC)
    assert not outcome.failed, outcome.said
    return laptop


@pytest.fixture
def other(made: Laptop, tmp_path: Path) -> Laptop:
    """Another laptop, which has not the key that was made."""
    laptop = Laptop(tmp_path)
    laptop.mac().mkdir(parents=True)
    shutil.copytree(made.mac(), laptop.mac(), symlinks=True, dirs_exist_ok=True)
    forget()
    return laptop


@pytest.fixture
def laptop(other: Laptop, made: Laptop) -> Laptop:
    """The laptop that has it."""
    shutil.copytree(made.mac().parent / ".keys", other.mac().parent / ".keys")
    return other


def forget() -> None:
    """Be a new process."""
    secrets.resolve.cache_clear()
    secrets.MADE.clear()


def kept(laptop: Laptop) -> list[Path]:
    return sorted((laptop.mac().parent / ".keys").glob("*/*"))


def keys(laptop: Laptop) -> str:
    return (laptop.mac() / KEYS).read_text()


def notes(outcome: Outcome) -> dict[str, str]:
    return dict(outcome.shown[0].plan.notes)


@pytest.mark.slow
def test_a_key_of_another_laptop_stays(other: Laptop) -> None:
    before = keys(other)
    for dry in (True, False):
        outcome = other.run(SPEC, dry=dry)
        assert (outcome.failed, changes(outcome)) == (False, []), outcome.said
        (note,) = notes(outcome).values()
        assert note.startswith(f"stays as macstate wrote it: {LACKS}")
        assert note.endswith("or have a new one made, which makes the old one invalid: `--data allow=new-key`")
    assert keys(other) == before
    assert kept(other) == []


@pytest.mark.slow
def test_the_rest_can_be_changed_without_it(other: Laptop) -> None:
    """The gate takes a new configuration in, and its keys stay."""
    before = keys(other)
    outcome = other.run(SPEC.replace("serve: /one", "serve: /two"))
    assert not outcome.failed, outcome.said
    assert "~ launchd/system/macstate.gateway" in changes(outcome)
    assert [row for row in changes(outcome) if "secret/" in row] == []
    assert keys(other) == before
    assert other.run(SPEC.replace("serve: /one", "serve: /two")).rows == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "spec", "why"),
    [
        (f"echo >> {KEYS}", SPEC, "the Mac's key file was changed since macstate wrote it, and cannot be restored"),
        pytest.param(
            f"chmod 644 {KEYS}",
            SPEC,
            "the Mac's key file was changed since macstate wrote it, and cannot be restored",
            marks=pytest.mark.slow,
        ),
        (f"rm {KEYS}", SPEC, "there is no key file on the Mac that could stay"),
        ("true", SPEC.replace("generate}", "generate, phone: env:NO_SUCH_KEY}"), "made from other references"),
        pytest.param(
            "true",
            SPEC.replace("nginx", "caddy"),
            "the Mac's key file was made from other references",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_not_as_it_was_left_is_an_error(other: Laptop, command: str, spec: str, why: str) -> None:
    other.command(f'cd "$MACSTATE_ROOT"; sudo {command}')
    before = (other.mac() / KEYS).read_bytes() if (other.mac() / KEYS).exists() else None
    for dry in (True, False):
        outcome = other.run(spec, dry=dry)
        assert (outcome.failed, outcome.done) == (True, [])
        (line,) = (line for line in outcome.said if LACKS in line)
        assert why in line
    assert ((other.mac() / KEYS).read_bytes() if before else None) == before
    assert kept(other) == []


@pytest.mark.slow
def test_another_key_is_made_when_that_is_meant(other: Laptop) -> None:
    before = keys(other)
    outcome = other.run(SPEC, data={"allow": "new-key"})
    assert not outcome.failed, outcome.said
    assert changes(outcome) == [f"~ secret/{KEYS}", "~ launchd/system/macstate.gateway"]
    assert keys(other) != before
    (file,) = kept(other)
    assert re.escape(file.read_text().strip()) in keys(other)
    assert not (other.mac() / "var/db/macstate/gateway.keys.old").exists()
    assert other.run(SPEC).rows == []


@pytest.mark.slow
def test_a_further_key_is_made_beside_one_that_is_here(laptop: Laptop) -> None:
    more = SPEC.replace("generate}", "generate, phone: generate}")

    dry = laptop.run(more, dry=True)

    assert {f"~ secret/{KEYS}", "~ launchd/system/macstate.gateway"} <= set(changes(dry))  # and nothing was made
    assert [path.name for path in kept(laptop)] == ["gateway.keys.agents"]
    forget()
    outcome = laptop.run(more)
    assert not outcome.failed, outcome.said
    assert set(changes(outcome)) == set(changes(dry))
    assert [path.name for path in kept(laptop)] == ["gateway.keys.agents", "gateway.keys.phone"]
    assert laptop.run(more).rows == []


@pytest.mark.slow
def test_a_run_that_is_refused_makes_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved plan that is stale, a danger that nobody has named, a port that somebody holds."""
    laptop = Laptop(tmp_path)
    plain = SPEC.replace("gateway: {server: nginx, keys: {agents: generate}}\n", "")
    assert not laptop.run(plain).failed
    dry = laptop.run(SPEC, dry=True)
    (seen,) = dry.shown
    saved = tmp_path / "plan.json"
    saved.write_text(plan_json.as_json({seen.name: seen.plan}, seen.spec))
    laptop.command("sudo pmset -a womp 0; sudo launchctl bootout system/macstate.one")
    time.sleep(SHOWN)
    monkeypatch.setenv("MACSTATE_PLAN", str(saved))
    forget()
    refused = laptop.run(SPEC)
    assert (refused.failed, refused.commands) == (True, 1)
    assert "changed since this plan was made" in "".join(refused.said)
    assert kept(laptop) == []
    monkeypatch.delenv("MACSTATE_PLAN")

    laptop.command("rehearse listen 8080 /opt/other")
    forget()
    refused = laptop.run(SPEC)
    assert (refused.failed, "port 8080 is in use by" in "".join(refused.said)) == (True, True), refused.said
    assert kept(laptop) == []


@pytest.mark.slow
def test_what_is_put_back_is_taken_in_again(laptop: Laptop) -> None:
    """Whoever changed a file may have had the gateway read it."""
    for file, kind in ((KEYS, "secret"), ("Library/macstate/etc/nginx.conf", "file")):
        forget()
        laptop.command(f'cd "$MACSTATE_ROOT"; echo "# more" | sudo tee -a {file}')
        outcome = laptop.run(SPEC)
        assert not outcome.failed, outcome.said
        assert changes(outcome) == [f"~ {kind}/{file}", "~ launchd/system/macstate.gateway"]
        assert laptop.run(SPEC).rows == []


@pytest.mark.slow
def test_a_run_that_is_cut_off_forgets_no_key(laptop: Laptop) -> None:
    before = keys(laptop)
    more = SPEC.replace("generate}", "generate, phone: generate}")
    outcome = laptop.run(
        more, wire=lambda _, lines: [each.replace("/opt/homebrew/bin/nginx -e", "/usr/bin/false -e") for each in lines]
    )
    assert (outcome.failed, keys(laptop)) == (True, before)
    assert "refuses the new files, the old ones stay" in " ".join(outcome.said)

    shutil.rmtree(laptop.mac().parent / ".keys")  # another laptop
    forget()
    outcome = laptop.run(SPEC)
    assert outcome.failed
    assert LACKS in " ".join(outcome.said)
    assert keys(laptop) == before
    assert kept(laptop) == []


@pytest.mark.slow
def test_the_command_for_a_key_never_reaches_the_mac(tmp_path: Path) -> None:
    """Its text may hold a token: it is in nothing that is sent, and so in no process there; nor in what others read."""
    token, key = "a-token-of-the-tests-for-a-vault", "theKeyThatTheVaultHasKept0123"
    laptop, sent = Laptop(tmp_path), []  # type: tuple[Laptop, list[str]]

    def listen(_: int, stdin: list[str]) -> list[str]:
        sent.extend(stdin)
        return stdin

    forget()
    done = laptop.run(SPEC.replace("generate", f'"cmd:printf %s {key} # {token}"'), wire=listen)

    assert not done.failed, done.said
    words = [word.strip("'") for line in sent for word in line.split()]
    wire = "\n".join((*sent, *(decoded(word) for word in words)))
    assert key in wire
    assert token not in wire
    assert key in keys(laptop)
    assert open_to_others(laptop.mac().parent, key) == []
    assert open_to_others(laptop.mac().parent, token) == []
    assert token not in "\n".join(map(str, laptop.calls()))
    assert token not in "\n".join((*done.said, *(line for seen in done.shown for line in seen.text(steps=True))))


def decoded(word: str) -> str:
    try:
        return b64decode(word, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""
