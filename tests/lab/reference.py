"""The reference spec on the lab's Mac: the real gateway, and a real Ollama whose models all say one sentence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lab import build, tinymodel
from lab.conftest import Lab, fresh
from lab.labmac import MODELS, USER
from lab.tailnet import listens, wait_for
from laptop import REFERENCE
from ports import free_port

SPECS = {
    "nginx": REFERENCE,
    "caddy": REFERENCE.replace("server: nginx", "server: caddy").replace("  rate_limit: {per_key: 60/m}\n", ""),
}


def deployed(lab: Lab, server: str, folder: Path) -> str:
    """Deploy it on a new Mac; give what was said. The folder gets ``tiny.gguf`` and ``endless.gguf``."""
    fresh(lab)
    lab.spec = SPECS[server]
    lab.mac.install_real("usr/local/bin/ollama", build.ollama())
    for name, endless in (("tiny", False), ("endless", True)):
        tinymodel.write(folder / f"{name}.gguf", tinymodel.SENTENCE, endless=endless)
    bring_models(lab, folder)
    code, said = lab.deploy()
    assert code == 0, said
    return said


def bring_models(lab: Lab, folder: Path) -> None:
    """Put the tiny model on the Mac's disk under every declared name: there is no registry to pull from here."""
    home, port = lab.mac.root / "Users/mmirvois/.ollama", free_port()
    environment = {"HOME": str(folder), "OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(folder / "models")}
    with subprocess.Popen(
        [build.ollama(), "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as ollama:
        wait_for(lambda: listens(port), "Ollama")
        for name in MODELS["ollama"]:
            tinymodel.create(port, name, folder / "tiny.gguf")
        ollama.terminate()
    shutil.copytree(folder / "models", home / "models")
    subprocess.run(["chown", "-R", f"{USER}:", home], check=True)


def key(lab: Lab) -> str:
    """Give the key that the laptop has made."""
    (file,) = (lab.home / ".config/macstate/keys/macstudio").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text().strip()
