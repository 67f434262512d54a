"""The operations of JAX that call a function and do nothing else: an export writes the function in their place."""

from __future__ import annotations

from typing import Any

CALLS = ("pjit", "jit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr",
         "remat", "checkpoint", "custom_lin")  # fmt: skip


def function_of(equation: Any) -> tuple[Any, list[Any]] | None:
    """The function that an operation calls, and its constants; None for an operation that is no call."""
    if equation.primitive.name not in CALLS:
        return None
    params = equation.params
    inner = params.get("jaxpr") or params.get("call_jaxpr") or params.get("fun_jaxpr")
    return (inner.jaxpr, inner.consts) if hasattr(inner, "jaxpr") else (inner, [])
