// A layer with its weights, inputs and the gradients by its outputs, and a run of the kernels over it.
#pragma once
#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "layer.h"
#include "schedule.h"

namespace {

using elman::Kind;
using elman::Layer;

// The units of a gate.
inline long memory_of(Kind kind, long hidden) { return kind == Kind::kProjected ? 2 * hidden + 1 : hidden; }

inline long extra_count(Kind kind, long hidden) {
  if (kind == Kind::kProjected) return memory_of(kind, hidden) * hidden;
  return kind == Kind::kPeephole ? 3 * hidden : kind == Kind::kGru ? hidden : 0;
}

struct Size {
  long batch, time, features, hidden;
};

// An array that begins one element after an aligned address, with guards on both sides left to the sanitizer.
template <class T> struct Odd {
  std::vector<T> memory;
  explicit Odd(long count = 0) : memory(count + 1) {}
  T* at() { return memory.data() + 1; }
  const T* at() const { return memory.data() + 1; }
  long size() const { return static_cast<long>(memory.size()) - 1; }
};

// The weights of outputs in the loss whose gradients are computed.
inline double weight(long i) { return std::cos(static_cast<double>(i)); }

template <class T> struct Case {
  Kind kind;
  Size size;
  bool pad_left, reverse;
  std::vector<int32_t> lengths;
  std::vector<unsigned char> resets, zone_h;  // the masks of zoneout, or nothing; c then has a rate
  static constexpr double rate_c = 0.25;
  Odd<T> xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start;
  Odd<T> d_ys, d_h_last, d_c_last;

  Case(Kind kind, Size size, int mix, unsigned seed)
      : kind(kind), size(size), pad_left(mix & 1), reverse(mix & 2), lengths(size.batch), resets(size.batch * size.time) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const long columns = elman::gate_count(kind) * memory_of(kind, size.hidden);
    const long state = size.batch * size.hidden, cells = size.batch * memory_of(kind, size.hidden);
    auto draw = [&](long count, double scale) {
      Odd<T> array(count);
      for (long i = 0; i < count; i++) array.at()[i] = static_cast<T>(scale * normal(random));
      return array;
    };
    xs = draw(size.batch * size.time * size.features, 1);
    kernel = draw(size.features * columns, 0.5);
    recurrent_kernel = draw(size.hidden * columns, 0.5 / std::sqrt(size.hidden));
    bias = draw(columns, 0.3), extra = draw(extra_count(kind, size.hidden), 0.3);
    h = draw(state, 0.5), c = draw(cells, 0.5), h_start = draw(state, 0.5), c_start = draw(cells, 0.5);
    auto weights = [](long count, long first) {
      Odd<T> array(count);
      for (long i = 0; i < count; i++) array.at()[i] = static_cast<T>(weight(first + i));
      return array;
    };
    d_ys = weights(size.batch * size.time * size.hidden, 0), d_h_last = weights(state, 1), d_c_last = weights(cells, 2);
    for (auto& length : lengths) length = mix & 4 ? static_cast<int32_t>(random() % (size.time + 1)) : size.time;
    for (auto& reset : resets) reset = mix & 8 ? random() % 3 == 0 : 0;
    if ((mix & 4) && kind <= Kind::kLstm)
      for (long i = 0; i < size.batch * size.time * size.hidden; i++) zone_h.push_back(random() % 4 == 0);
  }
};

template <class T> struct Results {
  Odd<T> ys, gates, cs, h_last, c_last;
  Odd<T> only_ys, only_h_last, only_c_last;  // of a forward pass that keeps nothing for a backward pass
  Odd<T> d_xs, d_kernel, d_recurrent_kernel, d_bias, d_extra, d_h, d_c, d_h_start, d_c_start;
};

// Runs the kernels with so many threads, which may be more than the schedule would ask for.
template <class T> Results<T> run(const Case<T>& in, int threads) {
  const auto [batch, time, features, hidden] = in.size;
  const long steps = batch * time, state = batch * hidden, memory = memory_of(in.kind, hidden), cells = batch * memory;
  const bool single = elman::gate_count(in.kind) == 1;
  Results<T> out;
  out.ys = Odd<T>(steps * hidden), out.cs = Odd<T>(steps * memory);
  out.gates = Odd<T>(steps * memory * elman::kept_count(in.kind));
  out.h_last = Odd<T>(state), out.c_last = Odd<T>(cells);
  Layer<T> layer{};
  layer.kind = in.kind;
  layer.batch = batch, layer.time = time, layer.features = features, layer.hidden = hidden, layer.memory = memory;
  layer.direction = in.reverse ? -1 : 1;
  layer.xs = in.xs.at(), layer.kernel = in.kernel.at(), layer.recurrent_kernel = in.recurrent_kernel.at();
  layer.bias = in.bias.at(), layer.extra = in.extra.at();
  layer.h_first = in.h.at(), layer.c_first = in.c.at();
  layer.h_start = in.h_start.at(), layer.c_start = in.c_start.at(), layer.resets = in.resets.data();
  layer.zones = !in.zone_h.empty(), layer.zone_h = in.zone_h.data(), layer.rate_c = static_cast<T>(in.rate_c);
  elman::Schedule schedule = elman::plan(layer, in.lengths.data(), in.pad_left, threads);
  schedule.give(layer);
  out.only_ys = Odd<T>(steps * hidden), out.only_h_last = Odd<T>(state), out.only_c_last = Odd<T>(cells);
  layer.ys = out.only_ys.at(), layer.h_last = out.only_h_last.at(), layer.c_last = out.only_c_last.at();
  if (!elman::ELMAN_TESTED::forward(layer, threads)) std::abort();
  layer.ys = out.ys.at(), layer.h_last = out.h_last.at(), layer.c_last = out.c_last.at();
  layer.gates = single ? nullptr : out.gates.at(), layer.cs = out.cs.at();
  if (!elman::ELMAN_TESTED::forward(layer, threads)) std::abort();

  Odd<T> d_ys = in.d_ys;
  layer.d_ys = d_ys.at(), layer.d_h_last = in.d_h_last.at(), layer.d_c_last = in.d_c_last.at();
  if (single) layer.gates = d_ys.at();
  out.d_xs = Odd<T>(in.xs.size()), out.d_kernel = Odd<T>(in.kernel.size());
  out.d_recurrent_kernel = Odd<T>(in.recurrent_kernel.size()), out.d_bias = Odd<T>(in.bias.size());
  out.d_extra = Odd<T>(in.extra.size()), out.d_h = Odd<T>(state), out.d_c = Odd<T>(cells);
  out.d_h_start = Odd<T>(state), out.d_c_start = Odd<T>(cells);
  layer.d_xs = out.d_xs.at(), layer.d_kernel = out.d_kernel.at(), layer.d_recurrent_kernel = out.d_recurrent_kernel.at();
  layer.d_bias = out.d_bias.at(), layer.d_extra = out.d_extra.at();
  layer.d_h_first = out.d_h.at(), layer.d_c_first = out.d_c.at();
  layer.d_h_start = out.d_h_start.at(), layer.d_c_start = out.d_c_start.at();
  if (!elman::ELMAN_TESTED::backward(layer, threads)) std::abort();
  return out;
}

}  // namespace
