"""Timing by turns, and the machine's best matrix product."""

import importlib.util
import time

import jax
import jax.numpy as jnp
import numpy as np

TURN, PAUSE = 0.03, 0.005  # seconds: a turn's least length; a rest in which the last library's threads fall asleep
WARM, WARM_CALLS = 1.0, 3  # a turn begins untimed, for so many calls or seconds: sleeping threads wake slowly


def measure(calls, rounds):
    """Seconds a call: for each name one mean a turn."""
    repeats = {name: max(1, round(TURN / warm(call))) for name, call in calls.items()}
    seconds = {name: [] for name in calls}
    for turn in range(rounds):
        for name in list(calls)[:: 1 if turn % 2 else -1]:
            time.sleep(PAUSE)
            warm(calls[name])
            begun = time.perf_counter()
            for _ in range(repeats[name]):
                calls[name]()
            seconds[name].append((time.perf_counter() - begun) / repeats[name])
    return seconds


def warm(call):
    """Calls some times; the seconds of the quickest."""
    seconds = []
    while len(seconds) < WARM_CALLS and sum(seconds) < WARM:
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


class Peak:
    """The best float32 product of two square matrices so far, of PyTorch's (where it is), NumPy's and JAX's."""

    def __init__(self, peers, size=2048):
        a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
        on_jax, product = jax.device_put(a), jax.jit(jnp.matmul)
        self.products = [lambda: a @ a, lambda: product(on_jax, on_jax).block_until_ready()]
        if "torch" in peers:
            import torch

            on_torch = torch.tensor(a)
            self.products.append(lambda: on_torch @ on_torch)
        self.size, self.flops = size, 0.0
        self.measure(rounds=20)

    def measure(self, rounds=1):
        for product in self.products * rounds:
            begun = time.perf_counter()
            product()
            self.flops = max(self.flops, 2 * self.size**3 / (time.perf_counter() - begun))
        return self.flops


def present(peers):
    """The peers that are installed; says which are not."""
    needs = {"onnxruntime": ("onnxruntime", "onnx"), "scan": ()}  # plain JAX is always there
    missing = [peer for peer in peers if not all(map(importlib.util.find_spec, needs.get(peer, (peer,))))]
    for peer in missing:
        print(f"{peer} is not installed: left out")
    return [peer for peer in peers if peer not in missing]
