// The cells' arithmetic on vectors of hidden units: from the pre-activations of a step to its state, and the
// derivatives. In `backward`, dh and dc are the gradients with respect to the state after the step. The gradients with
// respect to the pre-activations are written to `d`, in the order of the gates. `d_state` is the gradient with respect
// to the state before the step, without the part that flows through the product with U. The biases' gradients are the
// sums of what `backward` leaves in `kept`. sigmoid' = s (1 - s), tanh' = 1 - t^2.
#pragma once
#include "layer.h"
#include "vector.h"

namespace {

using elman::Kind;

// The pointers of one row's step at some hidden units: `kept` points into `gates`, `n` is the number of valid lanes.
template <class T> struct Unit {
  T* kept;
  long hidden, n;
  bool relu;
  ELMAN_INLINE Vector<T> get(int block) const { return load(kept + block * hidden, n); }
  ELMAN_INLINE void put(int block, Vector<T> value) const { store(kept + block * hidden, value, n); }
};

// h = phi(x W + b + h U)
template <class T> struct Elman {
  using V = Vector<T>;
  static constexpr bool avx2 = kVectorBytes == 32;  // six rows of two vectors leave fewer units over than tiles of three
  static constexpr int gates = 1, kept = 1, units = avx2 ? 2 : kPanelVectors, rows = avx2 ? 6 : kTileRows;
  static constexpr bool has_cell_state = false;

  static ELMAN_INLINE V forward(const V* sums, const Unit<T>& at, V, V&, V) {
    V a = sums[0] + at.get(0);
    if (at.relu) return a < 0 ? V{} : a;  // a NaN stays NaN
    return hyperbolic_tangent(a);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V&, V h, V, V, V, V* d, V& d_state) {
    d[0] = dh * multiply_add(-h, h, fill<T>(1));
    if (at.relu) d[0] = h > 0 ? dh : V{};
    at.put(0, d[0]);
    d_state = V{};
  }
};

// r, z = sigmoid(x W + b + h U), n = tanh(x W_n + b_n + r q), q = h U_n + b_rn, h = (1 - z) n + z h
template <class T> struct Gru {
  using V = Vector<T>;
  static constexpr int gates = 3, kept = 4, units = 1, rows = kRegisters == 32 ? 8 : 4;
  static constexpr bool has_cell_state = false;

  static ELMAN_INLINE V forward(const V* sums, const Unit<T>& at, V h, V&, V recurrent_bias) {
    V r = sigmoid(sums[0] + at.get(0)), z = sigmoid(sums[1] + at.get(1)), q = sums[2] + recurrent_bias;
    V n = hyperbolic_tangent(multiply_add(r, q, at.get(2)));
    at.put(0, r), at.put(1, z), at.put(2, n), at.put(3, q);
    return multiply_add(z, h - n, n);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V&, V, V h_before, V, V, V* d, V& d_state) {
    V r = at.get(0), z = at.get(1), n = at.get(2), q = at.get(3);
    V dn = dh * (1 - z) * multiply_add(-n, n, fill<T>(1)), dz = dh * (h_before - n) * multiply_add(-z, z, z);
    V dr = dn * q * multiply_add(-r, r, r), dq = dn * r;
    at.put(0, dr), at.put(1, dz), at.put(2, dn), at.put(3, dq);
    d[0] = dr, d[1] = dz, d[2] = dq;
    d_state = dh * z;
  }
};

// i, f, o = sigmoid(x W + b + h U), g = tanh(...), c = f c + i g, h = o tanh(c)
template <class T> struct Lstm {
  using V = Vector<T>;
  static constexpr int gates = 4, kept = 4, units = 1, rows = kRegisters == 32 ? 6 : 3;
  static constexpr bool has_cell_state = true;

  static ELMAN_INLINE V forward(const V* sums, const Unit<T>& at, V, V& c, V) {
    V i = sigmoid(sums[0] + at.get(0)), f = sigmoid(sums[1] + at.get(1));
    V g = hyperbolic_tangent(sums[2] + at.get(2)), o = sigmoid(sums[3] + at.get(3));
    at.put(0, i), at.put(1, f), at.put(2, g), at.put(3, o);
    c = multiply_add(f, c, i * g);
    return o * hyperbolic_tangent(c);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V& dc, V, V, V c, V c_before, V* d, V& d_state) {
    V i = at.get(0), f = at.get(1), g = at.get(2), o = at.get(3), shown = hyperbolic_tangent(c);
    dc = multiply_add(dh * o, multiply_add(-shown, shown, fill<T>(1)), dc);
    d[0] = dc * g * multiply_add(-i, i, i), d[1] = dc * c_before * multiply_add(-f, f, f);
    d[2] = dc * i * multiply_add(-g, g, fill<T>(1)), d[3] = dh * shown * multiply_add(-o, o, o);
    ELMAN_UNROLL for (int gate = 0; gate < 4; gate++) at.put(gate, d[gate]);
    dc *= f;
    d_state = V{};
  }
};

}  // namespace
