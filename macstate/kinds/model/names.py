"""Names of models as Ollama writes them: ``[HOST/][NAMESPACE/]MODEL[:TAG]``."""

from __future__ import annotations

import re
from difflib import get_close_matches

SHAPE = re.compile(r"(?:[\w.:-]+/)?(?:[\w.-]+/)?[\w][\w.-]*(?::[\w][\w.-]*)?")
TAG = re.compile(r"latest|e?\d+(?:\.\d+)?[bm](?:-[\w.-]+)?|q\d_\w+|fp16|bf16|\d+x\d+b", re.IGNORECASE)
"""Texts that are a model's tag, and would be odd as a description of it."""
LIBRARY = (  # ollama.com/library, 2026
    *("all-minilm", "codegemma", "codellama", "command-r", "deepseek-coder", "deepseek-r1", "deepseek-v3", "devstral"),
    *("gemma2", "gemma3", "gpt-oss", "granite3.3", "llama3", "llama3.1", "llama3.2", "llama3.2-vision", "llama3.3"),
    *("llama4", "llava", "magistral", "mistral", "mistral-nemo", "mistral-small", "mixtral", "mxbai-embed-large"),
    *("nomic-embed-text", "phi3", "phi4", "phi4-mini", "qwen2", "qwen2.5", "qwen2.5-coder", "qwen2.5vl", "qwen3"),
    *("qwen3-coder", "qwq", "smollm2", "starcoder2", "tinyllama"),
)
"""Some models of the official library, enough to notice a misspelt one; a name that is not here is not wrong."""


def full(name: str) -> str:
    """Return a name as the server lists it: with its tag, and without the prefix of the official library."""
    name = re.sub(r"^registry\.ollama\.ai/(?=[^/]+/)", "", name)
    name = re.sub(r"^library/(?=[^/]+$)", "", name)
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def manifest(name: str) -> str:
    """Return the URL of a model's manifest in its registry."""
    host, path, tag = "registry.ollama.ai", *full(name).rpartition(":")[::2]
    if path.count("/") > 1:
        host, _, path = path.partition("/")
    elif "/" not in path:
        path = f"library/{path}"
    return f"https://{host}/v2/{path}/manifests/{tag}"


def meant(name: str) -> str:
    """Return the library's spelling of a name that differs from it only in dots, dashes or case; otherwise empty."""
    bare, colon, tag = name.partition(":")
    by_letters = {_letters(known): known for known in LIBRARY}
    known = by_letters.get(_letters(bare), bare)
    return f"{known}{colon}{tag}" if known != bare else ""


def near(name: str) -> str:
    """Return similar names of the library, joined by "or" for a question; empty if there is none."""
    bare, colon, tag = name.partition(":")
    found = get_close_matches(bare, LIBRARY, n=3, cutoff=0.7)
    tagged = [f"{known}{colon}{tag}" if tag != "latest" and known != bare else known for known in found]
    return " or ".join(tagged)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9/]", "", name.lower())
