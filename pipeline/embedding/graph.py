"""The ONNX graph of a BERT encoder with pooling, made from the model's own files.

Devlin et al. 2019 (arXiv:1810.04805) in the fused operators of ONNX Runtime ("com.microsoft"). The graph itself is a
few kilobytes and names tensors in the safetensors file by their place in it: nothing is exported, no second copy of the
weights lies on disk, torch is not needed, and processes on one machine share the mapped file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.embedding.files import Bert
from pipeline.errors import ModelError

FUSED = "com.microsoft"
OPSET, IR = 17, 8  # old enough for every ONNX Runtime that this project can be installed with
HEADER_BYTES = 100_000_000  # the limit that safetensors' own reader sets


def build(model: Bert) -> bytes:
    """The serialised graph: `ids`, `mask` (int32, texts by tokens; mask 1 where a token is, 0 for padding) and `padded`
    (bool, whether the mask holds any 0) to `vector` (float32, texts by width, not normalised).

    Without a mask attention runs in blocks that fit a core's cache, a fifth faster; that is for texts of one length.

    Its tensors are to be found beside `model.weights`. Raises ModelError when the weights are not those of a BERT model
    in float32.
    """
    graph = _Graph(model)
    return graph.finished()


class _Graph:
    def __init__(self, model: Bert) -> None:
        self._model = model
        self._tensors = _places(model)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def finished(self) -> bytes:
        """The whole graph. Rows of all texts lie in one matrix but for attention and pooling."""
        width = self._model.width
        hidden = self._embeddings()
        tokens = self._node("Shape", ["ids"])
        batched = self._node("Concat", [tokens, self._constant("width", [width])], axis=0)
        for layer in range(self._model.layers):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, batched)
        self._pool(self._node("Reshape", [hidden, batched]))
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"]) for name in ("ids", "mask")
        ]
        inputs.append(helper.make_tensor_value_info("padded", TensorProto.BOOL, []))
        output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["texts", width])
        graph = helper.make_graph(self._nodes, "bert", inputs, [output], initializer=list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=IR).SerializeToString())

    def _embeddings(self) -> str:
        """All tokens are of the first kind (`token_type` 0): that row is added by a segment of zeros."""
        zeros = self._node("Sub", ["ids", "ids"])
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        tables = [self._weight(f"embeddings.{name}.weight") for name in names]
        norm = [self._weight(f"embeddings.LayerNorm.{name}") for name in ("weight", "bias")]
        inputs = ["ids", zeros, *tables, *norm, "mask"]
        embedded = self._node("EmbedLayerNormalization", inputs, fused=True, spare=1, epsilon=self._model.epsilon)
        return self._node("Reshape", [embedded, self._constant("rows", [-1, self._model.width])])

    def _layer(self, prefix: str, hidden: str, batched: str) -> str:
        parts = [
            self._node("Reshape", [self._dense(f"{prefix}attention.self.{name}", hidden), batched])
            for name in ("query", "key", "value")
        ]
        branches = {
            "then_branch": self._attention(f"{prefix}masked", [*parts, "", "mask"]),
            "else_branch": self._attention(f"{prefix}all", parts),
        }
        attended = self._node("If", ["padded"], **branches)
        rows = self._node("Reshape", [attended, self._constant("rows", [-1, self._model.width])])
        seen = self._joined(f"{prefix}attention.output", hidden, rows)
        inner = self._node("Gelu", [self._dense(f"{prefix}intermediate.dense", seen)], fused=True)
        return self._joined(f"{prefix}output", seen, inner)

    def _attention(self, name: str, inputs: Sequence[str]) -> onnx.GraphProto:
        """A branch that attends over what the graph around it has made."""
        node = helper.make_node("MultiHeadAttention", inputs, [name], domain=FUSED, num_heads=self._model.heads)
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["texts", "tokens", self._model.width])
        return helper.make_graph([node], name, [], [output])

    def _joined(self, name: str, before: str, rows: str) -> str:
        """A dense layer, the residual connection around what led to it, and the norm of their sum.

        In two operators: `SkipLayerNormalization`, which is both, takes six times as long on a CPU.
        """
        norm = [self._weight(f"{name}.LayerNorm.{part}") for part in ("weight", "bias")]
        total = self._node("Add", [before, self._dense(f"{name}.dense", rows)])
        return self._node("LayerNormalization", [total, *norm], epsilon=self._model.epsilon)

    def _dense(self, name: str, rows: str) -> str:
        return self._node("Gemm", [rows, self._weight(f"{name}.weight"), self._weight(f"{name}.bias")], transB=1)

    def _pool(self, hidden: str) -> None:
        """The first token, or the sum over all: it differs from the mean by a factor, which normalising removes."""
        if self._model.first_only:
            first = self._constant("first", 0)
            self._node("Gather", [hidden, first], name="vector", axis=1)
            return
        weights = self._node("Cast", ["mask"], to=TensorProto.FLOAT)
        one = self._constant("one", [1])
        total = self._node("MatMul", [self._node("Unsqueeze", [weights, one]), hidden])
        self._node("Squeeze", [total, one], name="vector")

    def _node(
        self,
        kind: str,
        inputs: Sequence[str],
        *,
        name: str = "",
        fused: bool = False,
        spare: int = 0,
        **attributes: Any,
    ) -> str:
        """Add a node, and `spare` outputs that nobody reads; returns the name of the first."""
        name = name or f"{kind}_{len(self._nodes)}"
        outputs = [name, *(f"{name}_{number}" for number in range(spare))]
        domain = FUSED if fused else ""
        self._nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return name

    def _constant(self, name: str, value: int | list[int]) -> str:
        self._constants[name] = numpy_helper.from_array(np.array(value, np.int64), name)
        return name

    def _weight(self, name: str) -> str:
        if name not in self._tensors:
            raise ModelError(f"{self._model.weights} has no tensor {name} in float32")
        shape, start, end = self._tensors[name]
        tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self._model.weights.name), ("offset", start), ("length", end - start)):
            tensor.external_data.add(key=key, value=str(value))
        self._constants[name] = tensor
        return name


def _places(model: Bert) -> dict[str, tuple[list[int], int, int]]:
    """Shape and first and last byte in the file of each float32 tensor (format: safetensors, its README)."""
    path = model.weights
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > HEADER_BYTES:
                raise ModelError(f"{path} is no safetensors file")
            header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        return {
            name.removeprefix("bert."): (
                list(about["shape"]),
                8 + size + about["data_offsets"][0],
                8 + size + about["data_offsets"][1],
            )
            for name, about in header.items()
            if about["dtype"] == "F32"
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read ({type(error).__name__}: {error})") from error
