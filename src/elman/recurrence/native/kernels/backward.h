// The backward pass over a layer, through time, and the weights' gradients.
#pragma once
#include <array>

#include "pass.h"

namespace {

// The weights' gradients are sums over the places of a batch. Usually this is one sum, and the threads divide the rows
// of the weights or, where there are many, the columns. Small weights have too few of both: their places are divided
// into kPieces pieces, whose sums are added in order.
constexpr long kSmallWeights = 1 << 14, kPieces = 8, kFewColumns = 512;

template <class T, class Cell> class Backward : Pass<T, Cell> {
  using Base = Pass<T, Cell>;
  using Base::columns, Base::features, Base::gates, Base::hidden, Base::kept, Base::lanes, Base::layer, Base::padded;
  using V = Vector<T>;
  static constexpr long panel = kPanel<T>;
  static constexpr bool kPeepholes = Cell::has_cell_state && Cell::extras > 0;

 public:
  Backward(const Layer<T>& layer, int threads)
      : Base(layer),
        threads_(threads),
        panels_(ceil_div(hidden, panel)),
        depth_(gates * padded),
        stride_(depth_ + 16),
        sizes_{features * columns, hidden * columns, columns, Cell::extras * hidden},
        weights_(sizes_[0] + sizes_[1] + sizes_[2] + sizes_[3]),
        small_(weights_ <= kSmallWeights),
        packed_(panels_ * panel * depth_),
        gradients_{Scratch<T>(layer.batch * stride_), Scratch<T>(layer.batch * stride_)},
        d_state_(layer.batch * padded),
        d_cell_(Cell::has_cell_state ? layer.batch * padded : 0),
        d_weights_(small_ ? kPieces * weights_ : 0),
        before_(layer.part_place[layer.parts]),
        cell_before_(kPeepholes ? layer.part_place[layer.parts] : 0),
        product_(threads * kProductScratch<T>) {}

  bool run() {
    if (!packed_ || !gradients_[0] || !gradients_[1] || !d_state_ || !d_cell_ || !d_weights_ || !before_ || !cell_before_ || !product_)
      return false;
    elman::team_run(threads_, [](void* self, int id, int count) { static_cast<Backward*>(self)->work(id, count); }, this);
    return true;
  }

 private:
  void work(int id, int count) {
    T* product = product_ + id * kProductScratch<T>;
    const long places = layer.part_place[layer.parts];
    Range panels = share(panels_, id, count), rows = share(layer.batch, id, count);
    for (long p = panels.begin; p < panels.end; p++) pack(p);
    for (long row = rows.begin; row < rows.end; row++) start(row);
    barrier_.wait(count);
    if (layer.split_hidden) {
      steps(0, panels, count);
      input_gradient(share(places, id, count), product);
    } else {
      for (int part = id; part < layer.parts; part += count) {
        steps(part, {0, panels_}, 1);
        input_gradient({layer.part_place[part], layer.part_place[part + 1]}, product);
      }
      barrier_.wait(count);
    }
    if (small_) {
      for (long piece = id; piece < kPieces; piece += count) {
        weight_gradients(d_weights_ + piece * weights_, {0, features + hidden}, {0, columns},
                         share(places, piece, kPieces), product);
        peephole_gradients(d_weights_ + piece * weights_, {0, padded / lanes}, share(places, piece, kPieces));
      }
      barrier_.wait(count);
      add_pieces(share(weights_, id, count));
    } else {
      const bool by_rows = columns <= kFewColumns;
      const Range shared = share(ceil_div(columns, panel), id, count);
      const Range some{least(columns, shared.begin * panel), least(columns, shared.end * panel)};
      if (by_rows) weight_gradients(nullptr, share(features + hidden, id, count), {0, columns}, {0, places}, product);
      else weight_gradients(nullptr, {0, features + hidden}, some, {0, places}, product);
      peephole_gradients(nullptr, share(padded / lanes, id, count), {0, places});
    }
  }

  // Panel p of the transposed recurrent kernel: its rows are the gates' units, gate after gate, padded with zeros.
  void pack(long p) {
    long first = p * panel, vectors = least(kPanelVectors, ceil_div(hidden - first, lanes)), width = vectors * lanes;
    long valid = least(width, hidden - first);
    T* to = packed_ + first * depth_;
    memset(to, 0, width * depth_ * sizeof(T));
    for (long gate = 0; gate < gates; gate++) {
      T* block = to + gate * padded * width;
      long c = 0;
      for (; c + 16 <= valid; c += 16) {
        const T* sources[16];
        for (int i = 0; i < 16; i++) sources[i] = layer.recurrent_kernel + (first + c + i) * columns + gate * hidden;
        long k = 0;
        for (; k + 16 <= hidden; k += 16) transpose_16(sources, k, block + k * width + c, width);
        for (; k < hidden; k++)
          for (int i = 0; i < 16; i++) block[k * width + c + i] = sources[i][k];
      }
      for (; c < valid; c++) {
        const T* source = layer.recurrent_kernel + (first + c) * columns + gate * hidden;
        for (long k = 0; k < hidden; k++) block[k * width + c] = source[k];
      }
    }
  }

  void start(long row) {
    long sequence = layer.row_batch[row] * hidden;
    memset(gradients_[0] + row * stride_, 0, stride_ * sizeof(T));
    memset(gradients_[1] + row * stride_, 0, stride_ * sizeof(T));
    memcpy(d_state_ + row * padded, layer.d_h_last + sequence, hidden * sizeof(T));
    memset(d_state_ + row * padded + hidden, 0, (padded - hidden) * sizeof(T));
    memset(layer.d_h_start + sequence, 0, hidden * sizeof(T));
    if constexpr (Cell::has_cell_state) {
      memcpy(d_cell_ + row * padded, layer.d_c_last + sequence, hidden * sizeof(T));
      memset(d_cell_ + row * padded + hidden, 0, (padded - hidden) * sizeof(T));
      memset(layer.d_c_start + sequence, 0, hidden * sizeof(T));
    }
    this->clear_padding(row, layer.d_xs, features);
    for (long step = 0; step < layer.row_count[row]; step++) {
      const long at = layer.row_order[row] + step;
      before_[at] = this->before(row, step, layer.h_first, layer.h_start, layer.ys, hidden);
      if constexpr (kPeepholes) cell_before_[at] = this->before(row, step, layer.c_first, layer.c_start, layer.cs, hidden);
    }
  }

  void steps(int part, Range panels, int meeting) {
    const long begin = layer.part_begin[part], end = layer.part_begin[part + 1], longest = this->longest(part);
    long running = begin;
    for (long step = longest - 1; step >= -1; step--) {
      while (running < end && layer.row_count[running] > step) running++;
      for_unit_tiles<kTileRows, kPanelVectors, 1>(
          {begin, running}, panels, padded / lanes, [&]<int rows, int many, int vectors>(long row, long p) {
            tile<rows, many, vectors>(step, row, p * panel, step + 1 < longest);
          });
      barrier_.wait(meeting);
    }
  }

  // Computes the gradient with respect to the state after `step`, then to that step's gates; for step -1, with respect
  // to the initial state.
  template <int rows, int panels, int vectors>
  __attribute__((noinline)) void tile(long step, long first_row, long first_unit, bool followed) {
    const T* from = gradients_[(step + 1) & 1] + first_row * stride_;
    long places[rows];
    for (int m = 0; m < rows; m++) {
      places[m] = this->place(first_row + m, step);
      if (step < 0) continue;
      for (int v = 0; v < panels * vectors; v++) {
        __builtin_prefetch(layer.d_ys + places[m] * hidden + first_unit + v * lanes);
        if constexpr (kept > 1)
          for (long i = 0; i < kept; i++)
            __builtin_prefetch(this->kept_at(places[m]) + i * hidden + first_unit + v * lanes);
      }
    }
    V sums[panels][rows][vectors] = {};
    if (followed)
      multiply_tile<panels, rows, vectors, T>(Spaced<T>{from, stride_, 1}, packed_ + first_unit * depth_, panel * depth_,
                                              depth_, sums);

    for (int p = 0; p < panels; p++)
      for (int v = 0; v < vectors; v++)
        for (int m = 0; m < rows; m++)
          finish(step, first_row + m, places[m], first_unit + p * panel + v * lanes, sums[p][m][v]);
  }

  // Computes the gradients with respect to the pre-activations from the gradient through U, for a row's hidden units
  // from j on.
  ELMAN_INLINE void finish(long step, long row, long place, long j, V through) {
    const long n = hidden - j, sequence = layer.row_batch[row] * hidden + j;
    V& d_state = whole(d_state_ + row * padded + j);
    V dh = through + d_state, dc{};
    if constexpr (Cell::has_cell_state) dc = whole(d_cell_ + row * padded + j);
    if (step + 1 < layer.row_count[row] && this->resets_at(place + layer.direction)) {
      store(layer.d_h_start + sequence, load(layer.d_h_start + sequence, n) + dh, n);
      dh = V{};
      if constexpr (Cell::has_cell_state) {
        store(layer.d_c_start + sequence, load(layer.d_c_start + sequence, n) + dc, n);
        dc = V{};
      }
    }
    if (step < 0) {
      store(layer.d_h_first + sequence, dh, n);
      if constexpr (Cell::has_cell_state) store(layer.d_c_first + sequence, dc, n);
      return;
    }
    const long at = place * hidden + j;
    V h = load(layer.ys + at, n), h_before{}, c{}, c_before{};
    if constexpr (kept > 1 && !Cell::has_cell_state)
      h_before = load(this->before(row, step, layer.h_first, layer.h_start, layer.ys, hidden) + j, n);
    if constexpr (Cell::has_cell_state) {
      c = load(layer.cs + at, n);
      c_before = load(this->before(row, step, layer.c_first, layer.c_start, layer.cs, hidden) + j, n);
    }
    V d[gates], kept_h{}, kept_c{};
    dh += load(layer.d_ys + at, n);
    if (layer.zones) {  // h and c before their old values were mixed in, and the gradients with respect to these
      const V share = this->zone(layer.zone_h, layer.rate_h, at, n), fresh = 1 - share;
      if constexpr (kept == 1) {
        h_before = load(this->before(row, step, layer.h_first, layer.h_start, layer.ys, hidden) + j, n);
        h = fresh > 0 ? (h - share * h_before) / fresh : h;
      }
      kept_h = share * dh, dh *= fresh;
      if constexpr (Cell::has_cell_state) {
        const V share_c = this->zone(layer.zone_c, layer.rate_c, at, n);
        kept_c = share_c * dc, dc *= 1 - share_c;
        c = Cell::cell_state(this->unit(place, j), c_before);
      }
    }
    Cell::backward(this->unit(place, j), dh, dc, h, h_before, c, c_before, this->extras(j).of, d, d_state);
    if (layer.zones) d_state += kept_h, dc += kept_c;
    if constexpr (Cell::has_cell_state) whole(d_cell_ + row * padded + j) = dc;
    T* to = gradients_[step & 1] + row * stride_ + j;
    for (long gate = 0; gate < gates; gate++) whole(to + gate * padded) = d[gate];
  }

  void input_gradient(Range places, T* product) {
    multiply<Sum::kChain, false, true, T>({layer.gates, kept * hidden, layer.places}, {layer.kernel, columns},
                                          {layer.d_xs, features, layer.places}, places, {0, features}, {0, columns},
                                          nullptr, product);
  }

  // The destinations of the gradients of W, U, the bias and the recurrent bias: one after the other in `memory`, or the
  // layer's outputs if it is null.
  std::array<T*, 4> targets(T* memory) const {
    if (!memory) return {layer.d_kernel, layer.d_recurrent_kernel, layer.d_bias, layer.d_extra};
    std::array<T*, 4> to;
    for (size_t i = 0; i < 4; memory += sizes_[i++]) to[i] = memory;
    return to;
  }

  // dW = sum x^T d, dU = sum h_before^T d, db = sum d over some steps, for some rows of W and U, one below the other,
  // and some columns; the thread with the first row of a kernel also sums its bias. For a GRU's candidate, dU and the
  // recurrent bias take the gradient with respect to h U_n + b_rn, stored in block 3.
  void weight_gradients(T* memory, Range rows, Range some, Range places, T* product) {
    const auto [d_kernel, d_recurrent_kernel, d_bias, d_extra] = targets(memory);
    const Rows<const T> xs{layer.xs, features, layer.in_order}, states{nullptr, 0, nullptr, before_};
    Rows<const T> d_gates{layer.gates, kept * hidden, layer.in_order};
    if (rows.begin < features)
      multiply<Sum::kRuns, true, false, T>(xs, d_gates, {d_kernel, columns}, {rows.begin, least(rows.end, features)}, some,
                                           places, rows.begin == 0 ? d_bias : nullptr, product);
    if (rows.end <= features) return;
    const Range units{rows.begin > features ? rows.begin - features : 0, rows.end - features};
    const long own = kept > gates ? (gates - 1) * hidden : columns;
    multiply<Sum::kRuns, true, false, T>(states, d_gates, {d_recurrent_kernel, columns}, units,
                                         {some.begin, least(own, some.end)}, places, nullptr, product);
    if constexpr (kept > gates) {
      d_gates.base += hidden;
      multiply<Sum::kRuns, true, false, T>(states, d_gates, {d_recurrent_kernel, columns}, units,
                                           {some.begin > own ? some.begin : own, some.end}, places,
                                           units.begin == 0 ? d_extra - own : nullptr, product);
    }
  }

  // The gradients of an LSTM's peepholes over some steps, for some vectors of units, in the order of Sum::kRuns.
  void peephole_gradients([[maybe_unused]] T* memory, [[maybe_unused]] Range vectors, [[maybe_unused]] Range places) {
    if constexpr (kPeepholes)
      for (long j = vectors.begin * lanes; j < vectors.end * lanes; j += lanes) {
        const long n = hidden - j;
        V sums[Cell::extras] = {};
        for (long begin = places.begin; begin < places.end; begin += kBlockDepth) {
          V run[Cell::extras] = {};
          for (long at = begin; at < least(places.end, begin + kBlockDepth); at++) {
            const long place = layer.in_order[at];
            Cell::add_extra(this->unit(place, j), load(cell_before_[at] + j, n), load(layer.cs + place * hidden + j, n), run);
          }
          for (int i = 0; i < Cell::extras; i++) sums[i] += run[i];
        }
        for (int i = 0; i < Cell::extras; i++) store(targets(memory)[3] + i * hidden + j, sums[i], n);
      }
  }

  void add_pieces(Range some) {
    const auto to = targets(nullptr);
    for (long first = 0, i = 0; i < 4; first += sizes_[i++])
      for (long at = least(some.end, first > some.begin ? first : some.begin); at < least(some.end, first + sizes_[i]); at++) {
        T sum = d_weights_[at];
        for (long piece = 1; piece < kPieces; piece++) sum += d_weights_[piece * weights_ + at];
        to[i][at - first] = sum;
      }
  }

  const int threads_;
  const long panels_, depth_, stride_;
  const std::array<long, 4> sizes_;
  const long weights_;
  const bool small_;
  Scratch<T> packed_, gradients_[2], d_state_, d_cell_, d_weights_;
  Scratch<const T*> before_, cell_before_;
  Scratch<T> product_;
  Barrier barrier_;
};

}  // namespace
