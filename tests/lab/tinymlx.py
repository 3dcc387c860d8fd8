"""A model of 0.4 MB that says nothing of sense, where Hugging Face's own would be: for an MLX without a hub.

It is run by the Python that has mlx_lm's packages: ``python tinymlx.py FOLDER NAME``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

EMBEDDING, HEADS, FORWARD, LAYERS, CONTEXT = 64, 4, 128, 2, 512
REVISION = 40 * "a"


def write(folder: Path) -> None:
    """Write weights, configuration and tokenizer: a token for each byte."""
    import numpy as np  # noqa: PLC0415 - of those packages
    from safetensors.numpy import save_file  # noqa: PLC0415 - the same
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - the same

    names = ["<unk>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = Tokenizer(models.BPE(vocab={name: index for index, name in enumerate(names)}, merges=[]))
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    words.add_special_tokens(names[:3])
    words.save(str(folder / "tokenizer.json"))
    chance = np.random.default_rng(7)

    def small(*shape: int) -> Any:
        return (chance.standard_normal(shape) * 0.02).astype(np.float32)

    ones = np.ones(EMBEDDING, np.float32)
    embedded = {name: small(len(names), EMBEDDING) for name in ("model.embed_tokens.weight", "lm_head.weight")}
    weights = {**embedded, "model.norm.weight": ones}
    for layer in range(LAYERS):
        index = f"model.layers.{layer}."
        weights |= {f"{index}self_attn.{letter}_proj.weight": small(EMBEDDING, EMBEDDING) for letter in "qkvo"}
        weights |= {f"{index}mlp.{name}_proj.weight": small(FORWARD, EMBEDDING) for name in ("gate", "up")}
        weights[f"{index}mlp.down_proj.weight"] = small(EMBEDDING, FORWARD)
        weights |= {f"{index}{name}_layernorm.weight": ones for name in ("input", "post_attention")}
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "mlx"})
    texts = {
        "model.safetensors.index.json": {"metadata": {}, "weight_map": dict.fromkeys(weights, "model.safetensors")},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **dict(zip(("unk_token", "bos_token", "eos_token"), names[:3], strict=True)),
            "chat_template": "{% for each in messages %}{{ each['content'] }}{% endfor %}",
        },
        "config.json": {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": EMBEDDING,
            "num_hidden_layers": LAYERS,
            "intermediate_size": FORWARD,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "rms_norm_eps": 1e-5,
            "vocab_size": len(names),
            "max_position_embeddings": CONTEXT,
            "tie_word_embeddings": False,
        },
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content))


if __name__ == "__main__":
    hub = Path(sys.argv[1]) / "hub" / f"models--{sys.argv[2].replace('/', '--')}"
    (hub / "refs").mkdir(parents=True)
    (hub / "refs/main").write_text(REVISION)
    (hub / "snapshots" / REVISION).mkdir(parents=True)
    write(hub / "snapshots" / REVISION)
