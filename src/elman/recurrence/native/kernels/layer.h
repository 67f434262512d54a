// The arguments of a kernel: a recurrent layer and a batch, as plain pointers, so that code compiled for one
// instruction set shares no inline function with code compiled for another.
//
// Axes: batch time feature hidden. A place is a step of a sequence, batch * time + t. `G` gates of `hidden` units:
//   Elman  1  h                       kept for the backward pass: nothing but ys
//   GRU    3  r z n                   kept, at each place: r, z, n and h U_n + b_rn
//   LSTM   4  i f g o                 kept, at each place: i, f, g, o, and apart from these c
//   reset before the product  3  r z n      kept: r, z, n, m = r h
//   LSTM with peepholes       4  i f g o    kept: i, f, g, o
//   projected LSTM            4  i f g o    kept: i, f, g, o, m = o tanh(c), each of `memory` units
// `extra` are weights that other cells do not have: b_rn [hidden] of a GRU; p_i, p_f, p_o [3 hidden] of an LSTM with
// peepholes; the projection [memory hidden].
#pragma once
#include "team.h"

namespace elman {

enum class Kind { kElmanTanh, kElmanRelu, kGru, kLstm, kPeephole, kResetTanh, kResetSigmoid, kResetRelu, kProjected };

constexpr int kMaxParts = 1024;

template <class T> struct Layer {
  Kind kind;
  long batch, time, features, hidden;
  long memory;  // units of a gate and of c; hidden, but for a projected LSTM

  // The schedule: the steps that are run, and their order. Rows are sequences in the order in which threads take them,
  // part by part, and within a part the longest first, so that the sequences still running at any step are the first
  // ones.
  int parts;               // number of independent slices of the batch
  bool split_hidden;       // one part; threads divide hidden units, with a barrier after every step
  bool few;                // one part of so few steps that a kernel is not worth packing for the forward pass
  long direction;          // +1, or -1 from the last step to the first
  const long* part_begin;  // [parts + 1] rows
  const long* row_batch;   // [batch] the sequence of a row
  const long* row_first;   // [batch] the place of its first step
  const long* row_count;   // [batch] its number of steps
  const long* part_place;  // [parts + 1] into `places`
  const long* places;      // every step that is run, part by part
  const long* in_order;    // every step that is run, sequence by sequence: the order of sums over the batch
  const long* row_order;   // [batch] the index in `in_order` of a row's first step

  const T *xs, *kernel, *recurrent_kernel, *bias, *extra;  // [batch time feature] [feature G*hidden] ...
  const T *h_first, *c_first;                                       // [batch hidden]
  const T *h_start, *c_start;                                       // [batch hidden], the state after a reset
  const unsigned char* resets;                                      // [batch time], or null

  // Zoneout: the share of its old value that each number of h and c keeps, rates from 0 to 1, or 1 and 0 where the masks
  // [batch time hidden] say so; null without masks.
  bool zones;
  const unsigned char *zone_h, *zone_c;
  T rate_h, rate_c;

  // [batch time hidden], [batch time kept * memory], [batch time memory]. Forward, `gates` and `cs` may be null: nothing
  // is kept for a backward pass. An Elman layer has neither.
  T *ys, *gates, *cs;
  T *h_last, *c_last;   // [batch hidden]

  // Backward only. `gates` holds the values kept by the forward pass, and is overwritten with the gradients with
  // respect to the pre-activations.
  const T *d_ys, *d_h_last, *d_c_last;
  T *d_xs, *d_kernel, *d_recurrent_kernel, *d_bias, *d_extra;
  T *d_h_first, *d_c_first, *d_h_start, *d_c_start;
};

constexpr bool has_two_products(Kind kind) { return kind >= Kind::kResetTanh; }
constexpr bool has_cell_state(Kind kind) {
  return kind == Kind::kLstm || kind == Kind::kPeephole || kind == Kind::kProjected;
}
constexpr int gate_count(Kind kind) {
  if (has_cell_state(kind)) return 4;
  return kind == Kind::kGru || has_two_products(kind) ? 3 : 1;
}
constexpr int kept_count(Kind kind) { return kind == Kind::kProjected ? 5 : gate_count(kind) == 1 ? 1 : 4; }

// One set of kernels for each instruction set; the binding chooses the best that the processor has. They return false
// when memory cannot be allocated. `forward` and `backward` call those of a pair for cells whose step is two products.
#define ELMAN_DECLARE_KERNELS(isa, real)               \
  namespace isa {                                      \
  bool forward(const Layer<real>&, int threads);       \
  bool backward(const Layer<real>&, int threads);      \
  bool forward_pair(const Layer<real>&, int threads);  \
  bool backward_pair(const Layer<real>&, int threads); \
  }
ELMAN_DECLARE_KERNELS(baseline, float)
ELMAN_DECLARE_KERNELS(baseline, double)
ELMAN_DECLARE_KERNELS(avx2, float)
ELMAN_DECLARE_KERNELS(avx512, float)

}  // namespace elman
