"""Memory and time of convert and quantize on synthetic checkpoints, against `mlx_lm.convert`.

    python benchmarks/convert.py [--gigabytes 1 2] [--runs 5] [--folder build/benchmark]

Targets: peak RSS at most 0.4 of the peer's for a copy and 0.75 for 4 bits at 1 GB, no growth from 1 GB to 2 GB, and no
more time than the peer takes.
"""

import argparse
import json
import shutil
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mlx.core as mx
from side_by_side import in_turn, keep, ratio, summary
from tokenizers import Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel

TARGETS = {"copy": 0.4, "4bit": 0.75}
HIDDEN, MIDDLE, VOCABULARY, HEADS, KEYS, HEAD = 1024, 3072, 32_000, 16, 8, 64
LAYER = HIDDEN * (HEADS * HEAD * 2 + KEYS * HEAD * 2 + MIDDLE * 3)


def synthetic(folder: Path, gigabytes: float) -> None:
    """Write a random bfloat16 checkpoint in Qwen3's shape, of about that size, in one file."""
    layers = round((gigabytes * 1e9 / 2 - VOCABULARY * HIDDEN) / LAYER)
    folder.mkdir(parents=True)
    config = {
        "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"],
        "hidden_size": HIDDEN,
        "num_hidden_layers": layers,
        "intermediate_size": MIDDLE,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEYS,
        "head_dim": HEAD,
        "rms_norm_eps": 1e-6,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 4096,
        "rope_theta": 1e6,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "eos_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    weights = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        weights |= {
            f"{prefix}.self_attn.q_proj.weight": (HEADS * HEAD, HIDDEN),
            f"{prefix}.self_attn.k_proj.weight": (KEYS * HEAD, HIDDEN),
            f"{prefix}.self_attn.v_proj.weight": (KEYS * HEAD, HIDDEN),
            f"{prefix}.self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD),
            f"{prefix}.self_attn.q_norm.weight": (HEAD,),
            f"{prefix}.self_attn.k_norm.weight": (HEAD,),
            f"{prefix}.mlp.gate_proj.weight": (MIDDLE, HIDDEN),
            f"{prefix}.mlp.up_proj.weight": (MIDDLE, HIDDEN),
            f"{prefix}.mlp.down_proj.weight": (HIDDEN, MIDDLE),
            f"{prefix}.input_layernorm.weight": (HIDDEN,),
            f"{prefix}.post_attention_layernorm.weight": (HIDDEN,),
        }
    mx.random.seed(0)
    arrays = {name: _random(shape) for name, shape in weights.items()}
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "mlx"})
    _tokenizer(folder)


def _random(shape: tuple[int, ...]) -> mx.array:
    values = mx.ones(shape) if len(shape) == 1 else mx.random.normal(shape) * 0.02
    return values.astype(mx.bfloat16)


def _tokenizer(folder: Path) -> None:
    vocabulary = {character: index for index, character in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Random weights\n")


def compare(source: Path, out: Path, runs: int) -> dict[str, Any]:
    """Run both programs on one source and return their figures and ratios, per job."""

    def clear() -> None:
        shutil.rmtree(out, ignore_errors=True)

    ours, theirs = [sys.executable, "-m", "mlxkit"], [sys.executable, "-m", "mlx_lm", "convert"]
    jobs = {
        "copy": (["convert", str(source), str(out)], []),
        "4bit": (["quantize", str(source), str(out), "--scheme", "4bit"], ["-q"]),
    }
    figures: dict[str, Any] = {}
    for job, (words, extra) in jobs.items():
        commands = {
            "mlxkit": [*ours, *words],
            "mlx_lm": [*theirs, "--hf-path", str(source), "--mlx-path", str(out), *extra],
        }
        found = in_turn(commands, runs, clear)
        clear()
        ratios = {
            field: ratio(found["mlxkit"], found["mlx_lm"], field)
            for field in ("wall_seconds", "cpu_seconds", "peak_rss_bytes")
        }
        figures[job] = {"ratios": ratios, **{name: summary(runs) for name, runs in found.items()}}
    return figures


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark"))
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    for gigabytes in asked.gigabytes:
        source = asked.folder / f"synthetic-{gigabytes:g}GB"
        shutil.rmtree(source, ignore_errors=True)
        # In a process of its own: Linux counts the memory of whoever starts a command as that command's.
        maker = get_context("spawn").Process(target=synthetic, args=(source, gigabytes))
        maker.start()
        maker.join()
        figures[f"{gigabytes:g} GB"] = compare(source, asked.folder / "out", asked.runs)
        shutil.rmtree(source)
        for job, found in figures[f"{gigabytes:g} GB"].items():
            told = ", ".join(f"{field} {value:.2f}" for field, value in found["ratios"].items())
            megabytes = found["mlxkit"]["peak_rss_bytes"]["median"] / 1e6
            print(f"{gigabytes:g} GB {job}: mlxkit / mlx_lm {told}; mlxkit's peak {megabytes:.0f} MB")
    print(keep("convert", {"target_rss_ratio": TARGETS, "sizes": figures}))


if __name__ == "__main__":
    main()
