"""A model of half a megabyte that says one sentence, whatever it is asked: for an Ollama without a hub."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

from lab import build

EMBEDDING, HEADS, FORWARD, LAYERS, CONTEXT = 64, 4, 128, 2, 512
SENTENCE = "The quick brown fox jumps over the lazy dog"


def write(file: Path, sentence: str, *, endless: bool = False) -> None:
    """Write the model: each word's row of the output matrix answers to the word before it."""
    build.use_packages()
    import gguf  # noqa: PLC0415 - the lab's own package
    import numpy as np  # noqa: PLC0415 - the same

    words = [f"\u2581{word}" for word in sentence.split()]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(words)
    first = len(tokens) - len(words)
    chance = np.random.default_rng(7)

    def small(*shape: int) -> Any:
        return (chance.standard_normal(shape) * 0.01).astype(np.float32)

    embedding, output = small(len(tokens), EMBEDDING), np.zeros((len(tokens), EMBEDDING), np.float32)
    embedding[:, 0], output[:, 0] = 2.0, -20.0
    output[first, 0] = 0.0
    for number in range(len(words)):
        embedding[first + number, 1 + number] = 4.0
        output[first, 1 + number] = -20.0
        last = number == len(words) - 1
        follower = (first if endless else 2) if last else first + number + 1
        output[follower, 1 + number] = 40.0
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(EMBEDDING, np.float32))
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", small(EMBEDDING, EMBEDDING))
        writer.add_tensor(f"blk.{layer}.ffn_gate.weight", small(FORWARD, EMBEDDING))
        writer.add_tensor(f"blk.{layer}.ffn_up.weight", small(FORWARD, EMBEDDING))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight", small(EMBEDDING, FORWARD))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(EMBEDDING, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def create(port: int, name: str, file: Path, num_ctx: int | None = CONTEXT) -> None:
    """Put a model into a running Ollama, over its own API; None leaves its context to the server."""
    content = file.read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _post(port, f"/api/blobs/{digest}", content)
    wanted = {"model": name, "files": {"tiny.gguf": digest}, "template": "{{ .Prompt }}", "stream": False}
    parameters = {"num_ctx": num_ctx} if num_ctx else {}
    _post(port, "/api/create", json.dumps({**wanted, "parameters": parameters}).encode())


def _post(port: int, path: str, body: bytes) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - the same
