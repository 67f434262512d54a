"""Networks from and to PyTorch, proven by running both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elman._errors import ConfigError, ConversionError
from elman.interop.chains import chain_of
from elman.interop.proof import Proof, Show, outputs_of, trials
from elman.interop.torch_layers import torch_layers, torch_name
from elman.layers.chain import Chain, Skip
from elman.layers.graph import Graphed
from elman.tasks.fitted import Fitted

if TYPE_CHECKING:
    import torch


def to_torch(network: Any, *, show: Show | None = None) -> torch.nn.Module:
    """A `torch.nn.Module` that computes as a trained model, a network or a layer of elman does.

    Its layers are PyTorch's own, with the names that the weights have in elman. Called with tokens (batch, time) or
    features (batch, time, feature), it returns the outputs and the last state; `lengths` are those of sequences that
    are padded on the right, `state` is one to go on from.

    Args:
        network: a trained model, a network, a `Stack`, a cell, a `Bidirectional` or another layer.
        show: takes the lines of the proof, such as `print`.

    Raises:
        ConversionError: a part that PyTorch does not have, or outputs that differ.
        ConfigError: PyTorch is not installed, or ONNX for a network whose layers are in no row.

    >>> import jax
    >>> module = to_torch(elman.LSTM(3, 4, key=jax.random.key(0)))    # doctest: +SKIP
    >>> outputs, state = module(torch.zeros(2, 5, 3))                 # doctest: +SKIP
    """
    torch = need_torch()
    from elman.interop.torch_network import Network  # imports PyTorch

    try:
        chain = chain_of(network)
        parts = torch_layers(chain)
    except (ConfigError, ConversionError):
        from elman.interop.torch_graph import torch_graphs

        model = network.model if isinstance(network, Fitted) else network
        if not isinstance(model, Graphed):
            raise
        return torch_graphs(model, show=show)
    module = Network(parts.layers, parts.skips, parts.tied)
    tied = {f"{second}.weight" for _, second in parts.tied}
    state = {name: torch.tensor(array) for name, array in parts.state.items() if name not in tied}
    module.load_state_dict(
        state | {name: state[f"{first}.weight"] for first, second in parts.tied for name in [f"{second}.weight"]}
    )
    module.eval()
    proof = Proof("PyTorch beside elman")
    for trial in trials(chain):
        ours, mask = outputs_of(chain, trial)
        xs = torch.tensor(trial.xs)
        lengths = None if trial.lengths is None else torch.tensor(trial.lengths, dtype=torch.int64)
        with torch.no_grad():
            outputs, _ = module.run(xs.long() if xs.dtype == torch.int32 else xs, lengths)
        theirs = {
            name: outputs[_torch_names(name, part)].numpy() for name, part in zip(chain.names, chain.parts, strict=True)
        }
        proof.compare(ours, theirs, mask)
    proof.check(show)
    return module


def from_torch(
    network: torch.nn.Module | Mapping[str, Any],
    *,
    call: Callable[[Any, Any], Any] | None = None,
    order: Sequence[str] = (),
    nonlinearity: str = "tanh",
    show: Show | None = None,
) -> Chain:
    """The layers of a PyTorch module, or of a state dict, as a chain of elman's.

    A module is run, and what it computes between its layers (an activation, the last step, a mean or a maximum over
    time) becomes parts too. A state dict holds weights alone: its layers are ordered by their sizes, and what is
    between them is unknown; `order` names them.

    Args:
        network: a module, or a dict of tensors or arrays by name; also one inside a checkpoint.
        call: `call(module, inputs)` gives the module's outputs, where it needs more than its inputs.
        order: the layers of a state dict from the input to the output, and names of activations between them.
        nonlinearity: that of nn.RNN in a state dict, which does not tell it: tanh or relu.
        show: takes the lines of the proof, such as `print`.

    Raises:
        ConversionError: a layer that elman does not have, by its path; outputs that differ; a module that computes
            something else between its layers.
    """
    if isinstance(network, Mapping):
        from elman.interop.state_dict import chain_from_state_dict

        return chain_from_state_dict(network, order=tuple(order), nonlinearity=nonlinearity, show=show)
    need_torch()
    from elman.interop.torch_trace import chain_from_module  # imports PyTorch

    return chain_from_module(network, call=call, show=show)


def need_torch() -> Any:
    """PyTorch.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise ConfigError("PyTorch is not installed; install it with pip install torch") from None
    return torch


def _torch_names(name: str, part: Any) -> str:
    return torch_name(part.chain.names[-1] if isinstance(part, Skip) else name)


def tensor_arrays(tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Tensors of any floating type as NumPy arrays of float32, or of float64 where they are that."""
    return {str(name): array_of(tensor) for name, tensor in tensors.items() if hasattr(tensor, "shape")}


def array_of(tensor: Any) -> np.ndarray:
    """A tensor or an array as an array of float32, or of float64 where it is that."""
    if not isinstance(tensor, np.ndarray):
        tensor = tensor.detach().cpu()
        tensor = (tensor if str(tensor.dtype) == "torch.float64" else tensor.float()).numpy()
    return tensor if tensor.dtype == np.float64 else tensor.astype(np.float32)
