"""How pyinfra reaches a Mac."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def data(mac: Any) -> dict[str, Any]:  # noqa: ANN401 - the model is made in spec.py
    """Give pyinfra's host data for one of the spec's Macs. A host key that is not known yet is refused."""
    key = {"ssh_key": str(Path(mac.identity_file).expanduser())} if mac.identity_file else {}
    return {"ssh_hostname": mac.hostname, "ssh_user": mac.user, "ssh_strict_host_key_checking": "yes", **key}
