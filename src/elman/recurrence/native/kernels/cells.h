// The cells' arithmetic on vectors of hidden units: from the pre-activations of a step to its state, and the
// derivatives. In `backward`, dh and dc are the gradients with respect to the state after the step. The gradients with
// respect to the pre-activations are written to `d`, in the order of the gates. `d_state` is the gradient with respect
// to the state before the step, without the part that flows through the product with U. The biases' gradients are the
// sums of what `backward` leaves in `kept`. sigmoid' = s (1 - s), tanh' = 1 - t^2.
#pragma once
#include "layer.h"
#include "product.h"

namespace {

using elman::Kind;

// The pointers of one row's step at some hidden units: `kept` points into `gates`, `n` is the number of valid lanes.
template <class T> struct Unit {
  T* kept;
  long hidden, n;
  bool relu;
  ELMAN_INLINE Vector<T> get(int block) const { return load(kept + block * hidden, n); }
  ELMAN_INLINE void put(int block, Vector<T> value) const { store(kept + block * hidden, value, n); }
  ELMAN_INLINE void keep(int block, Vector<T> value) const {
    if (kept) put(block, value);
  }
};

// h = phi(x W + b + h U)
template <class T> struct Elman {
  using V = Vector<T>;
  static constexpr bool avx2 = kVectorBytes == 32;  // six rows of two vectors leave fewer units over than tiles of three
  static constexpr int gates = 1, kept = 1, extras = 0, units = avx2 ? 2 : kPanelVectors, rows = avx2 ? 6 : kTileRows;
  static constexpr bool has_cell_state = false;

  static ELMAN_INLINE V forward(const V* u, const V* x, const Unit<T>& at, V, V&, const V*) {
    V a = u[0] + x[0];
    if (at.relu) return a < 0 ? V{} : a;  // a NaN stays NaN
    return hyperbolic_tangent(a);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V&, V h, V, V, V, const V*, V* d, V& d_state) {
    d[0] = dh * multiply_add(-h, h, fill<T>(1));
    if (at.relu) d[0] = h > 0 ? dh : V{};
    at.put(0, d[0]);
    d_state = V{};
  }
};

// r, z = sigmoid(x W + b + h U), n = tanh(x W_n + b_n + r q), q = h U_n + b_rn, h = (1 - z) n + z h
template <class T> struct Gru {
  using V = Vector<T>;
  static constexpr int gates = 3, kept = 4, extras = 1, units = 1, rows = kRegisters == 32 ? 8 : 4;
  static constexpr bool has_cell_state = false;

  static ELMAN_INLINE V forward(const V* u, const V* x, const Unit<T>& at, V h, V&, const V* extra) {
    V r = sigmoid(u[0] + x[0]), z = sigmoid(u[1] + x[1]), q = u[2] + extra[0];
    V n = hyperbolic_tangent(multiply_add(r, q, x[2]));
    at.keep(0, r), at.keep(1, z), at.keep(2, n), at.keep(3, q);
    return multiply_add(z, h - n, n);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V&, V, V h_before, V, V, const V*, V* d, V& d_state) {
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
  static constexpr int gates = 4, kept = 4, extras = 0, units = 1, rows = kRegisters == 32 ? 6 : 3;
  static constexpr bool has_cell_state = true;

  static ELMAN_INLINE V forward(const V* u, const V* x, const Unit<T>& at, V, V& c, const V*) {
    V i = sigmoid(u[0] + x[0]), f = sigmoid(u[1] + x[1]), g = hyperbolic_tangent(u[2] + x[2]), o = sigmoid(u[3] + x[3]);
    at.keep(0, i), at.keep(1, f), at.keep(2, g), at.keep(3, o);
    c = multiply_add(f, c, i * g);
    return o * hyperbolic_tangent(c);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V& dc, V, V, V c, V c_before, const V*, V* d, V& d_state) {
    V i = at.get(0), f = at.get(1), g = at.get(2), o = at.get(3), shown = hyperbolic_tangent(c);
    dc = multiply_add(dh * o, multiply_add(-shown, shown, fill<T>(1)), dc);
    d[0] = dc * g * multiply_add(-i, i, i), d[1] = dc * c_before * multiply_add(-f, f, f);
    d[2] = dc * i * multiply_add(-g, g, fill<T>(1)), d[3] = dh * shown * multiply_add(-o, o, o);
    ELMAN_UNROLL for (int gate = 0; gate < 4; gate++) at.put(gate, d[gate]);
    dc *= f;
    d_state = V{};
  }
  // The state after a step, from that before it and the gates.
  static ELMAN_INLINE V cell_state(const Unit<T>& at, V c_before) {
    return multiply_add(at.get(1), c_before, at.get(0) * at.get(2));
  }
};

// i, f = sigmoid(x W + b + h U + p c), g = tanh(x W + b + h U), c' = f c + i g, o = sigmoid(x W + b + h U + p c'),
// h = o tanh(c')
template <class T> struct Peephole {
  using V = Vector<T>;
  static constexpr int gates = 4, kept = 4, extras = 3, units = 1, rows = Lstm<T>::rows;
  static constexpr bool has_cell_state = true;

  static ELMAN_INLINE V forward(const V* u, const V* x, const Unit<T>& at, V, V& c, const V* p) {
    V i = sigmoid(multiply_add(p[0], c, u[0] + x[0])), f = sigmoid(multiply_add(p[1], c, u[1] + x[1]));
    V g = hyperbolic_tangent(u[2] + x[2]);
    c = multiply_add(f, c, i * g);
    V o = sigmoid(multiply_add(p[2], c, u[3] + x[3]));
    at.keep(0, i), at.keep(1, f), at.keep(2, g), at.keep(3, o);
    return o * hyperbolic_tangent(c);
  }
  static ELMAN_INLINE void backward(const Unit<T>& at, V dh, V& dc, V, V, V c, V c_before, const V* p, V* d, V& d_state) {
    V i = at.get(0), f = at.get(1), g = at.get(2), o = at.get(3), shown = hyperbolic_tangent(c);
    d[3] = dh * shown * multiply_add(-o, o, o);
    dc = multiply_add(p[2], d[3], multiply_add(dh * o, multiply_add(-shown, shown, fill<T>(1)), dc));
    d[0] = dc * g * multiply_add(-i, i, i), d[1] = dc * c_before * multiply_add(-f, f, f);
    d[2] = dc * i * multiply_add(-g, g, fill<T>(1));
    ELMAN_UNROLL for (int gate = 0; gate < 4; gate++) at.put(gate, d[gate]);
    dc = multiply_add(p[0], d[0], multiply_add(p[1], d[1], dc * f));
    d_state = V{};
  }
  // The state after a step, from that before it and the gates.
  static ELMAN_INLINE V cell_state(const Unit<T>& at, V c_before) {
    return multiply_add(at.get(1), c_before, at.get(0) * at.get(2));
  }
  // Adds a step to the gradients of the peepholes, from what `backward` leaves in `kept`.
  static ELMAN_INLINE void add_extra(const Unit<T>& at, V c_before, V c, V* sums) {
    sums[0] = multiply_add(at.get(0), c_before, sums[0]), sums[1] = multiply_add(at.get(1), c_before, sums[1]);
    sums[2] = multiply_add(at.get(3), c, sums[2]);
  }
};

}  // namespace
