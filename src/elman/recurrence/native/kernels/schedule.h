// The schedule of a call: the steps that each thread runs, of which sequences.
#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "layer.h"

namespace elman {

// Packing a recurrent kernel costs as much as this many steps, counted over all sequences; fewer are run with the
// unpacked kernel.
constexpr long kFewSteps = 15;

struct Schedule {
  int threads = 1;
  bool split_hidden = false, few = false;
  std::vector<long> part_begin, row_batch, row_first, row_count, part_place, places, in_order, row_order;

  template <class T> void give(Layer<T>& layer) const {
    layer.parts = static_cast<int>(part_begin.size()) - 1;
    layer.split_hidden = split_hidden;
    layer.few = few;
    layer.part_begin = part_begin.data();
    layer.row_batch = row_batch.data();
    layer.row_first = row_first.data();
    layer.row_count = row_count.data();
    layer.part_place = part_place.data();
    layer.places = places.data();
    layer.in_order = in_order.data();
    layer.row_order = row_order.data();
  }
};

// `lengths` null means that all `time` steps of each sequence run. Padding is on the left or on the right. `threads` 0
// chooses the number of threads that are worth waking.
template <class T> Schedule plan(const Layer<T>& layer, const int32_t* lengths, bool pad_left, int threads = 0) {
  const long batch = layer.batch, time = layer.time, hidden = layer.hidden, gates = gate_count(layer.kind);
  std::vector<long> count(batch, time), order(batch);
  if (lengths)
    for (long b = 0; b < batch; b++) count[b] = std::clamp<long>(lengths[b], 0, time);
  std::iota(order.begin(), order.end(), 0L);
  std::stable_sort(order.begin(), order.end(), [&](long a, long b) { return count[a] > count[b]; });
  const long steps = std::accumulate(count.begin(), count.end(), 0L);

  // A thread is worth waking for a megaflop or so, and for a megabyte and a half of weights to read.
  Schedule plan;
  const double weights = static_cast<double>(gates * hidden) * static_cast<double>(layer.features + hidden);
  const double worth = std::max(static_cast<double>(steps) * weights / 1e6, weights / 4e5);
  plan.threads = threads ? threads : static_cast<int>(std::clamp<double>(worth, 1, team_size()));
  const double rows = static_cast<double>(batch) / plan.threads, kernel_bytes = 4.0 * gates * hidden * hidden;
  plan.few = steps <= kFewSteps;
  plan.split_hidden =
      plan.threads > 1 && (plan.few || (kernel_bytes >= 4e6 && rows <= 16) || (kernel_bytes >= 4e5 && rows < 2));
  const long parts = plan.split_hidden || plan.few ? 1 : std::min<long>(plan.threads, batch);

  const auto first_place = [&](long b) {
    long begin = b * time + (pad_left ? time - count[b] : 0);
    return layer.direction > 0 ? begin : begin + count[b] - 1;
  };
  const auto add_steps = [&](long b, std::vector<long>& to) {
    for (long s = 0; s < count[b]; s++) to.push_back(first_place(b) + s * layer.direction);
  };
  std::vector<long> order_begin(batch);
  plan.in_order.reserve(steps);
  for (long b = 0; b < batch; b++) {
    order_begin[b] = static_cast<long>(plan.in_order.size());
    add_steps(b, plan.in_order);
  }

  // The longest sequence to the first part, the next to the second, and so on, then back again.
  std::vector<std::vector<long>> dealt(parts);
  for (long i = 0; i < batch; i++) {
    long turn = i / parts, part = i % parts;
    dealt[turn % 2 ? parts - 1 - part : part].push_back(order[i]);
  }
  plan.part_begin = plan.part_place = {0};
  plan.places.reserve(steps);
  for (const auto& rows_of_part : dealt) {
    for (long b : rows_of_part) {
      plan.row_batch.push_back(b);
      plan.row_first.push_back(first_place(b));
      plan.row_count.push_back(count[b]);
      plan.row_order.push_back(order_begin[b]);
      add_steps(b, plan.places);
    }
    plan.part_begin.push_back(static_cast<long>(plan.row_batch.size()));
    plan.part_place.push_back(static_cast<long>(plan.places.size()));
  }
  return plan;
}

}  // namespace elman
