// What the passes over a layer have in common: its sizes, its rows, and the order of tiles.
#pragma once
#include <cstring>

#include "layer.h"
#include "product.h"
#include "cells.h"
#include "scratch.h"

namespace {

using elman::Barrier;
using elman::Layer;

// Calls tile(number), with the number as a compile-time constant from 1 to `most`; a larger number counts as `most`.
template <int most, class Tile> ELMAN_INLINE void with_number(long number, Tile&& tile) {
  if (number >= most) tile.template operator()<most>();
  else if constexpr (most > 1) with_number<most - 1>(number, tile);
}

// Calls tile(first row, first panel), with the numbers of rows, panels and units as compile-time constants, over the
// panels of the hidden units: each has `units` vectors, the last one may have fewer.
template <int most_rows, int units, int vectors_of_unit, class Tile>
ELMAN_INLINE void for_unit_tiles(Range rows, Range panels, long vectors, Tile&& tile) {
  const long whole = least(panels.end, vectors / units);
  for_tiles<most_rows, units * vectors_of_unit>(
      rows.begin, rows.end, panels.begin, whole,
      [&]<int r, int p>(long row, long panel) { tile.template operator()<r, p, units>(row, panel); });
  if constexpr (units > 1)
    if (whole < panels.end)
      with_number<units - 1>(vectors - whole * units, [&]<int rest>() {
        for_blocks<most_rows>(rows.begin, rows.end,
                              [&]<int r>(long row) { tile.template operator()<r, 1, rest>(row, whole); });
      });
}

// The rows of a layer: its sequences, in the order of the schedule.
template <class T> struct RowsOf {
  const Layer<T>& layer;

  long place(long row, long step) const { return layer.row_first[row] + step * layer.direction; }
  bool resets_at(long place) const { return layer.resets && layer.resets[place]; }
  long longest(int part) const {
    long row = layer.part_begin[part];
    return row < layer.part_begin[part + 1] ? layer.row_count[row] : 0;
  }
  // The rows of a part that run at `step` are its first ones; `running` is their number at an earlier step.
  long still_running(int part, long step, long running) const {
    while (running > layer.part_begin[part] && layer.row_count[running - 1] <= step) running--;
    return running;
  }
  // The state before a step; `states` is ys or cs, of so many units.
  const T* before(long row, long step, const T* first, const T* start, const T* states, long units) const {
    const long place = this->place(row, step), sequence = layer.row_batch[row] * units;
    if (resets_at(place)) return start + sequence;
    return step == 0 ? first + sequence : states + (place - layer.direction) * units;
  }
  void clear_padding(long row, T* array, long width) const {
    long sequence = layer.row_batch[row], count = layer.row_count[row], time = layer.time;
    T* from = array + sequence * time * width;
    long first = count ? layer.row_first[row] - sequence * time : 0;
    long begin = layer.direction > 0 || !count ? first : first - count + 1;
    memset(from, 0, begin * width * sizeof(T));
    memset(from + (begin + count) * width, 0, (time - begin - count) * width * sizeof(T));
  }
};

// The sizes of both passes.
template <class T, class Cell> struct Pass : RowsOf<T> {
  using V = Vector<T>;
  using RowsOf<T>::layer;
  static constexpr long lanes = kLanes<T>, gates = Cell::gates, kept = Cell::kept;

  explicit Pass(const Layer<T>& whole) : RowsOf<T>{whole} {}

  const long hidden = layer.hidden, features = layer.features, columns = gates * hidden;
  const long padded = ceil_div(hidden, lanes) * lanes;

  T* kept_at(long place) const { return layer.gates + place * kept * hidden; }
  Unit<T> unit(long place, long j) const {
    return {layer.gates ? kept_at(place) + j : nullptr, hidden, hidden - j, layer.kind == Kind::kElmanRelu};
  }
  // The share of its old value that each of some numbers keeps, at `at` in [batch time hidden].
  V zone(const unsigned char* mask, T rate, long at, long n) const {
    T shares[lanes];
    for (long lane = 0; lane < lanes; lane++) shares[lane] = !mask ? rate : lane < n ? static_cast<T>(mask[at + lane]) : 0;
    return *reinterpret_cast<const typename Lanes<T>::unaligned*>(shares);
  }
  // The extra weights of the hidden units from j on.
  struct Extras {
    V of[Cell::extras + 1];
  };
  Extras extras(long j) const {
    Extras some{};
    for (int i = 0; i < Cell::extras; i++) some.of[i] = load(layer.extra + i * hidden + j, hidden - j);
    return some;
  }
};

}  // namespace
