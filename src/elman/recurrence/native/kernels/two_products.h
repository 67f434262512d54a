// Cells whose step is two products, one after the other, each followed by an elementwise part: h U_1, from which `first`
// computes m, then m U_2, from which `second` computes the new h. Vectors are as in cells.h.
//
// At each place `at` has the sums over the inputs, gate by gate, which the forward pass replaces with the gates and the
// backward pass with the gradients with respect to the pre-activations. The last kept block has m.
#pragma once
#include "cells.h"

namespace {

using elman::Layer;

// A recurrent weight of a layer: some columns of a matrix.
template <class T> struct Weight {
  const T* at;
  T* gradient;
  long stride, rows, columns;
};

// r, z = sigmoid(x W + b + h U), n = phi(x W_n + b_n + (r h) U_n), h = (1 - z) n + z h
template <class T> struct ResetBefore {
  using V = Vector<T>;
  static constexpr int gates = 3, kept = 4, first_gates = 2;
  static constexpr bool has_cell_state = false;
  const Kind kind;

  static Weight<T> first_weight(const Layer<T>& layer) {
    return {layer.recurrent_kernel, layer.d_recurrent_kernel, 3 * layer.hidden, layer.hidden, 2 * layer.hidden};
  }
  static Weight<T> second_weight(const Layer<T>& layer) {
    const long columns = 2 * layer.hidden;
    return {layer.recurrent_kernel + columns, layer.d_recurrent_kernel ? layer.d_recurrent_kernel + columns : nullptr,
            3 * layer.hidden, layer.hidden, layer.hidden};
  }

  ELMAN_INLINE V first(const V* u, const Unit<T>& at, V h, V&) const {
    V r = sigmoid(u[0] + at.get(0)), z = sigmoid(u[1] + at.get(1));
    at.put(0, r), at.put(1, z);
    return r * h;
  }
  ELMAN_INLINE V second(V u, const Unit<T>& at, V h) const {
    V a = u + at.get(2), n, z = at.get(1);
    if (kind == Kind::kResetTanh) n = hyperbolic_tangent(a);
    else if (kind == Kind::kResetSigmoid) n = sigmoid(a);
    else n = a < 0 ? V{} : a;  // a NaN stays NaN
    at.put(2, n);
    return multiply_add(z, h, (1 - z) * n);  // n of a relu may be infinite
  }
  // The gradient with respect to m U_2.
  ELMAN_INLINE V second_backward(const Unit<T>& at, V dh, V h_before, V& d_state) const {
    V z = at.get(1), n = at.get(2), dn = dh * (1 - z);
    if (kind == Kind::kResetTanh) dn *= multiply_add(-n, n, fill<T>(1));
    else if (kind == Kind::kResetSigmoid) dn *= multiply_add(-n, n, n);
    else dn = n > 0 ? dn : V{};
    at.put(1, dh * (h_before - n) * multiply_add(-z, z, z)), at.put(2, dn);
    d_state = dh * z;
    return dn;
  }
  // The gradients with respect to h U_1, from that with respect to m.
  ELMAN_INLINE void first_backward(const Unit<T>& at, V dm, V h_before, V&, V, V, V* d, V& d_state) const {
    V r = at.get(0);
    d[0] = dm * h_before * multiply_add(-r, r, r), d[1] = at.get(1);
    at.put(0, d[0]);
    d_state = multiply_add(dm, r, d_state);
  }
};

// i, f, g, o, c as in an LSTM, of layer.memory units, h = (o tanh(c)) P
template <class T> struct Projected {
  using V = Vector<T>;
  static constexpr int gates = 4, kept = 5, first_gates = 4;
  static constexpr bool has_cell_state = true;
  const Kind kind;

  static Weight<T> first_weight(const Layer<T>& layer) {
    const long columns = 4 * layer.memory;
    return {layer.recurrent_kernel, layer.d_recurrent_kernel, columns, layer.hidden, columns};
  }
  static Weight<T> second_weight(const Layer<T>& layer) {
    return {layer.extra, layer.d_extra, layer.hidden, layer.memory, layer.hidden};
  }

  ELMAN_INLINE V first(const V* u, const Unit<T>& at, V, V& c) const {
    const V x[] = {at.get(0), at.get(1), at.get(2), at.get(3)};
    return Lstm<T>::forward(u, x, at, V{}, c, nullptr);
  }
  ELMAN_INLINE V second(V u, const Unit<T>&, V) const { return u; }
  ELMAN_INLINE V second_backward(const Unit<T>&, V dh, V, V& d_state) const {
    d_state = V{};
    return dh;
  }
  ELMAN_INLINE void first_backward(const Unit<T>& at, V dm, V, V& dc, V c, V c_before, V* d, V& d_state) const {
    Lstm<T>::backward(at, dm, dc, V{}, V{}, c, c_before, nullptr, d, d_state);
  }
};

}  // namespace
