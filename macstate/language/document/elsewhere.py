"""The names that other tools' files use, and what to type here instead."""

from __future__ import annotations

SYNONYMS: dict[str, tuple[str, ...]] = {
    "about": ("description", "desc", "comment", "title", "label"),
    "command": ("cmd", "entrypoint", "exec", "run", "start", "program_arguments", "ProgramArguments"),
    "environment": ("env", "envs", "environment_variables", "EnvironmentVariables"),
    "keep_alive": ("restart", "autorestart", "KeepAlive", "respawn"),
    "working_directory": ("working_dir", "workdir", "cwd", "chdir", "WorkingDirectory"),
    "hostname": ("host", "ip", "url", "address", "ssh_host", "ansible_host", "fqdn", "dns"),
    "user": ("username", "ssh_user", "ansible_user", "run_as", "UserName"),
    "identity_file": ("key_file", "ssh_key", "identity", "IdentityFile", "private_key"),
    "via": ("connection", "connector", "transport"),
    "port": ("ports", "listen", "listen_port", "expose"),
    "serve": ("route", "path", "mount", "location", "prefix", "api_base", "base_url", "url"),
    "funnel": ("public", "internet"),
    "models": ("model_list",),
    "engine": ("type", "kind", "backend", "provider"),
    "health": ("healthcheck", "health_check", "healthz", "health_path"),
    "log": ("logs", "logfile", "log_file", "stdout", "StandardOutPath"),
    "error_log": ("stderr", "StandardErrorPath"),
    "schedule": ("cron", "calendar", "StartCalendarInterval"),
    "interval": ("every", "StartInterval"),
    "throttle": ("restart_sec", "RestartSec", "ThrottleInterval"),
    "require_key": ("auth", "require_auth", "api_key_required", "authentication"),
    "keys": ("api_keys", "api_key", "tokens", "secrets", "master_key"),
    "server": ("type", "kind", "engine", "name"),
    "enabled": ("enable", "on", "active", "state"),
    "allow": ("allowed", "apps", "applications", "programs"),
    "wired_limit_mb": ("limit", "size", "wired_limit", "mb", "iogpu.wired_limit_mb"),
    "size": ("max_size", "maxsize", "max-size"),
    "keep": ("count", "copies", "max_files", "rotate", "max-file"),
    "content": ("text", "body", "data"),
    "mode": ("permissions", "chmod"),
    "macs": ("hosts", "machines", "mac", "nodes", "inventory"),
    "endpoints": ("services", "servers", "apps", "containers", "processes"),
    "at": ("time", "when"),
    "https": ("port", "https_port"),
    "every": ("interval", "period"),
    "per_key": ("rate", "limit", "requests"),
}
"""The other tools' words for each of our fields."""
NOWHERE = {
    "image": "no container reaches a Mac's GPU; take it out",
    "build": "no container reaches a Mac's GPU; take it out",
    "version": "nothing here has a version; take it out",
    "volumes": "a server reads the Mac's own folders; take it out",
    "depends_on": "launchd starts each by itself, and again until it runs; take it out",
    "networks": "every server stays on loopback; take it out",
    "container_name": "the name is the key above; take it out",
    "name": "the name is the key above; take it out",
    "host": "every server stays on loopback, and `serve` leads there; take it out",
    "bind": "every server stays on loopback, and `serve` leads there; take it out",
    "enabled": "what stands here is on; take this out, or the whole entry to have it off",
    "api_key": "the gateway has the keys, and `require_key` asks for one; take it out",
}
"""Words that have no counterpart here, and the reason."""
SPEAKS = dict.fromkeys(("vllm", "llama.cpp", "llamacpp", "llama-server", "litellm", "sglang"), "openai")
SPEAKS |= dict.fromkeys(("mlx_lm", "mlx-lm", "mlx_lm.server"), "mlx")
SPEAKS |= dict.fromkeys(("a1111", "comfyui", "open-webui"), "rest")
"""The engine to type for the name of a server program."""


def meant(word: str, known: list[str]) -> str:
    """Return the field of ``known`` that another tool's word means; empty if there is none."""
    return next((field for field in known if word in SYNONYMS.get(field, ())), "")
