// A whole recurrent layer, forward and backward through time: the input projection, the steps, the weights' gradients.
// Compiled once for each instruction set ELMAN_ISA and number type ELMAN_REAL.
//
// A thread takes its slice of the batch through all steps, independently of the others. Only where the recurrent kernel
// is large and rows are few do the threads divide the hidden units instead, with a barrier after each step. The
// recurrent kernel is packed so that the gates of the same hidden units lie side by side: a tile's sums are all that
// the non-linearity needs, and the gates are written from registers to memory once.
#include "layer.h"

#include <array>
#include <cstring>

#include "product.h"
#include "cells.h"
#include "scratch.h"

namespace {

using elman::Barrier;
using elman::Layer;

template <class T> class Scratch {
 public:
  explicit Scratch(long count) : at_(static_cast<T*>(elman::scratch_take(static_cast<size_t>(count) * sizeof(T)))) {}
  ~Scratch() { elman::scratch_give(const_cast<void*>(static_cast<const void*>(at_))); }
  Scratch(const Scratch&) = delete;
  operator T*() const { return at_; }

 private:
  T* at_;
};

ELMAN_INLINE Range share(long total, int id, int count) { return {total * id / count, total * (id + 1) / count}; }

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

// The sizes and the rows of both passes.
template <class T, class Cell> struct Pass {
  using V = Vector<T>;
  static constexpr long lanes = kLanes<T>, gates = Cell::gates, kept = Cell::kept;

  const Layer<T>& layer;
  const long hidden = layer.hidden, features = layer.features, columns = gates * hidden;
  const long padded = ceil_div(hidden, lanes) * lanes;

  T* kept_at(long place) const { return layer.gates + place * kept * hidden; }
  Rows<const T> inputs() const { return {layer.xs, features, layer.places}; }
  Rows<T> all_kept() const { return {layer.gates, kept * hidden, layer.places}; }
  Unit<T> unit(long place, long j) const {
    return {kept_at(place) + j, hidden, hidden - j, layer.kind == Kind::kElmanRelu};
  }
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
  void clear_padding(long row, T* array, long width) const {
    long sequence = layer.row_batch[row], count = layer.row_count[row], time = layer.time;
    T* from = array + sequence * time * width;
    long first = count ? layer.row_first[row] - sequence * time : 0;
    long begin = layer.direction > 0 || !count ? first : first - count + 1;
    memset(from, 0, begin * width * sizeof(T));
    memset(from + (begin + count) * width, 0, (time - begin - count) * width * sizeof(T));
  }
};

// Forward ---------------------------------------------------------------------------------------------------------------

template <class T, class Cell> class Forward : Pass<T, Cell> {
  using Base = Pass<T, Cell>;
  using Base::columns, Base::features, Base::gates, Base::hidden, Base::kept, Base::lanes, Base::layer, Base::padded;
  using V = Vector<T>;
  static constexpr long panel = Cell::units * lanes;  // hidden units of a packed panel

 public:
  Forward(const Layer<T>& layer, int threads)
      : Base{layer},
        threads_(threads),
        panels_(ceil_div(hidden, panel)),
        stride_(padded + 16),
        packed_(layer.few ? 0 : panels_ * panel * gates * hidden),
        states_{Scratch<T>(layer.batch * stride_), Scratch<T>(layer.batch * stride_)},
        cells_(Cell::has_cell_state ? layer.batch * padded : 0),
        sums_(layer.few ? layer.batch * columns : 0),
        product_(layer.few ? 0 : threads * kProductScratch<T>) {}

  bool run() {
    if (!packed_ || !states_[0] || !states_[1] || !cells_ || !sums_ || !product_) return false;
    elman::team_run(threads_, [](void* self, int id, int count) { static_cast<Forward*>(self)->work(id, count); }, this);
    return true;
  }

 private:
  void work(int id, int count) {
    Range panels = share(panels_, id, count), rows = share(layer.batch, id, count);
    for (long p = panels.begin; p < panels.end && !layer.few; p++) pack(p);
    for (long row = rows.begin; row < rows.end; row++) start(row);
    barrier_.wait(count);
    if (layer.few) {
      few_steps(id, count);
    } else if (layer.split_hidden) {
      long begin = panels.begin * panel, end = least(hidden, panels.end * panel);
      for (long gate = 0; gate < gates && begin < end; gate++) project(0, {gate * hidden + begin, gate * hidden + end}, id);
      steps(0, panels, count);
    } else {
      for (int part = id; part < layer.parts; part += count) {
        project(part, {0, columns}, id);
        steps(part, {0, panels_}, 1);
      }
    }
  }

  // Panel p of the recurrent kernel: for every k, the vectors of each unit's gates side by side.
  void pack(long p) {
    long first = p * panel, units = least(Cell::units, ceil_div(hidden - first, lanes));
    T* to = packed_ + first * gates * hidden;
    for (long k = 0; k < hidden; k++)
      for (long unit = 0; unit < units; unit++)
        for (long gate = 0; gate < gates; gate++, to += lanes) {
          long at = first + unit * lanes;
          whole(to) = load(layer.recurrent_kernel + k * columns + gate * hidden + at, hidden - at);
        }
  }

  void start(long row) {
    long sequence = layer.row_batch[row], count = layer.row_count[row];
    bool resets = count && this->resets_at(this->place(row, 0));
    copy((resets ? layer.h_start : layer.h_first) + sequence * hidden, states_[0] + row * stride_);
    if (!count) memcpy(layer.h_last + sequence * hidden, layer.h_first + sequence * hidden, hidden * sizeof(T));
    if constexpr (Cell::has_cell_state) {
      copy((resets ? layer.c_start : layer.c_first) + sequence * hidden, cells_ + row * padded);
      if (!count) memcpy(layer.c_last + sequence * hidden, layer.c_first + sequence * hidden, hidden * sizeof(T));
    }
    this->clear_padding(row, layer.ys, hidden);
  }

  void copy(const T* from, T* to) {
    memcpy(to, from, hidden * sizeof(T));
    memset(to + hidden, 0, (padded - hidden) * sizeof(T));
  }

  // Writes x W + b of a part's steps to the places of the gates.
  void project(int part, Range some, int id) {
    multiply<Sum::kChain, false, false, T>(this->inputs(), {layer.kernel, columns}, this->all_kept(),
                                           {layer.part_place[part], layer.part_place[part + 1]}, some, {0, features},
                                           layer.bias, nullptr, product_ + id * kProductScratch<T>);
  }

  void steps(int part, Range panels, int meeting) {
    long begin = layer.part_begin[part], running = layer.part_begin[part + 1];
    for (long step = 0; step < this->longest(part); step++) {
      running = this->still_running(part, step, running);
      for_unit_tiles<Cell::rows, Cell::units, gates>(
          {begin, running}, panels, padded / lanes,
          [&]<int rows, int many, int units>(long row, long p) { tile<rows, many, units>(step, row, p * panel); });
      barrier_.wait(meeting);
    }
  }

  template <int rows, int panels, int units>
  __attribute__((noinline)) void tile(long step, long first_row, long first_unit) {
    const T* before = states_[step & 1] + first_row * stride_;
    long places[rows];
    for (int m = 0; m < rows; m++) {
      places[m] = this->place(first_row + m, step);
      for (long gate = 0; gate < gates; gate++)
        for (int unit = 0; unit < panels * units; unit++)
          __builtin_prefetch(this->kept_at(places[m]) + gate * hidden + first_unit + unit * lanes);
    }
    V sums[panels][rows][units * gates] = {};
    multiply_tile<panels, rows, units * gates, T>(before, stride_, 1, packed_ + first_unit * gates * hidden,
                                                  panel * gates * hidden, hidden, sums);

    for (int p = 0; p < panels; p++)
      for (int unit = 0; unit < units; unit++) {
        const long j = first_unit + p * panel + unit * lanes;
        V recurrent_bias = this->recurrent_bias(j);
        ELMAN_UNROLL for (int m = 0; m < rows; m++)
          finish(step, first_row + m, places[m], j, &sums[p][m][unit * gates], recurrent_bias);
      }
  }

  V recurrent_bias(long j) const {
    if constexpr (Cell::kept > Cell::gates) return load(layer.recurrent_bias + j, hidden - j);
    else return V{};
  }

  // Computes the state after the step from the sums of the product with U, for a row's hidden units from j on.
  ELMAN_INLINE void finish(long step, long row, long place, long j, const V* sums, V recurrent_bias) {
    const long n = hidden - j, sequence = layer.row_batch[row] * hidden + j, at = place * hidden + j;
    V c{};
    if constexpr (Cell::has_cell_state) c = whole(cells_ + row * padded + j);
    V h = Cell::forward(sums, this->unit(place, j), whole(states_[step & 1] + row * stride_ + j), c, recurrent_bias);
    store(layer.ys + at, h, n);
    if constexpr (Cell::has_cell_state) store(layer.cs + at, c, n);
    if (step + 1 == layer.row_count[row]) {
      store(layer.h_last + sequence, h, n);
      if constexpr (Cell::has_cell_state) store(layer.c_last + sequence, c, n);
    } else if (this->resets_at(place + layer.direction)) {
      h = load(layer.h_start + sequence, n);
      if constexpr (Cell::has_cell_state) c = load(layer.c_start + sequence, n);
    }
    whole(states_[(step + 1) & 1] + row * stride_ + j) = h;
    if constexpr (Cell::has_cell_state) whole(cells_ + row * padded + j) = c;
  }

  // Runs all steps with unpacked kernels; the threads divide the columns, then the hidden units.
  void few_steps(int id, int count) {
    const Range vectors = share(ceil_div(columns, lanes), id, count), units = share(padded / lanes, id, count);
    const Range some{vectors.begin * lanes, least(columns, vectors.end * lanes)};
    const Rows<const T> xs = this->inputs(), states_of_rows[] = {{states_[0], stride_}, {states_[1], stride_}};
    add_product(xs, layer.part_place[1], layer.kernel, features, some, layer.bias, this->all_kept());
    long running = layer.batch;
    for (long step = 0; step < this->longest(0); step++) {
      running = this->still_running(0, step, running);
      add_product(states_of_rows[step & 1], running, layer.recurrent_kernel, hidden, some, nullptr, {sums_, columns});
      barrier_.wait(count);
      for (long row = 0; row < running; row++)
        for (long j = units.begin * lanes; j < units.end * lanes; j += lanes) {
          V sums[gates];
          for (long gate = 0; gate < gates; gate++)
            sums[gate] = load(sums_ + row * columns + gate * hidden + j, hidden - j);
          finish(step, row, this->place(row, step), j, sums, recurrent_bias(j));
        }
      barrier_.wait(count);
    }
  }

  // to[m] = start + a[m] matrix, for the first `rows` rows and some columns.
  void add_product(Rows<const T> a, long rows, const T* matrix, long depth, Range some, const T* start, Rows<T> to) {
    for_blocks<kTileRows>(0, rows, [&]<int count>(long first) {
      const T* from[count];
      T* sums[count];
      for (int m = 0; m < count; m++) from[m] = a(first + m), sums[m] = to(first + m);
      multiply_rows<count, T>(from, matrix, depth, columns, some, start, sums);
    });
  }

  const int threads_;
  const long panels_, stride_;
  Scratch<T> packed_, states_[2], cells_, sums_, product_;
  Barrier barrier_;
};

// Backward --------------------------------------------------------------------------------------------------------------

// The weights' gradients are sums over the places of a batch. Usually this is one sum, and the threads divide the rows
// of the weights or, where there are many, the columns. Small weights have too few of both: their places are divided
// into kPieces pieces, whose sums are added in order.
constexpr long kSmallWeights = 1 << 14, kPieces = 8, kFewColumns = 512;

template <class T, class Cell> class Backward : Pass<T, Cell> {
  using Base = Pass<T, Cell>;
  using Base::columns, Base::features, Base::gates, Base::hidden, Base::kept, Base::lanes, Base::layer, Base::padded;
  using V = Vector<T>;
  static constexpr long panel = kPanel<T>;

 public:
  Backward(const Layer<T>& layer, int threads)
      : Base{layer},
        threads_(threads),
        panels_(ceil_div(hidden, panel)),
        depth_(gates * padded),
        stride_(depth_ + 16),
        sizes_{features * columns, hidden * columns, columns, kept > gates ? hidden : 0},
        weights_(sizes_[0] + sizes_[1] + sizes_[2] + sizes_[3]),
        small_(weights_ <= kSmallWeights),
        packed_(panels_ * panel * depth_),
        gradients_{Scratch<T>(layer.batch * stride_), Scratch<T>(layer.batch * stride_)},
        d_state_(layer.batch * padded),
        d_cell_(Cell::has_cell_state ? layer.batch * padded : 0),
        d_weights_(small_ ? kPieces * weights_ : 0),
        before_(layer.part_place[layer.parts]),
        product_(threads * kProductScratch<T>) {}

  bool run() {
    if (!packed_ || !gradients_[0] || !gradients_[1] || !d_state_ || !d_cell_ || !d_weights_ || !before_ || !product_)
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
      for (long piece = id; piece < kPieces; piece += count)
        weight_gradients(d_weights_ + piece * weights_, {0, features + hidden}, {0, columns},
                         share(places, piece, kPieces), product);
      barrier_.wait(count);
      add_pieces(share(weights_, id, count));
    } else {
      const bool by_rows = columns <= kFewColumns;
      const Range shared = share(ceil_div(columns, panel), id, count);
      const Range some{least(columns, shared.begin * panel), least(columns, shared.end * panel)};
      if (by_rows) weight_gradients(nullptr, share(features + hidden, id, count), {0, columns}, {0, places}, product);
      else weight_gradients(nullptr, {0, features + hidden}, some, {0, places}, product);
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
    for (long step = 0; step < layer.row_count[row]; step++)
      before_[layer.row_order[row] + step] = before(row, step, layer.h_first, layer.h_start, layer.ys);
  }

  // The state before a step; `states` is ys or cs.
  const T* before(long row, long step, const T* first, const T* start, const T* states) const {
    long place = this->place(row, step), sequence = layer.row_batch[row] * hidden;
    if (this->resets_at(place)) return start + sequence;
    return step == 0 ? first + sequence : states + (place - layer.direction) * hidden;
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
      multiply_tile<panels, rows, vectors, T>(from, stride_, 1, packed_ + first_unit * depth_, panel * depth_, depth_, sums);

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
      h_before = load(before(row, step, layer.h_first, layer.h_start, layer.ys) + j, n);
    if constexpr (Cell::has_cell_state) {
      c = load(layer.cs + at, n);
      c_before = load(before(row, step, layer.c_first, layer.c_start, layer.cs) + j, n);
    }
    V d[gates];
    Cell::backward(this->unit(place, j), dh + load(layer.d_ys + at, n), dc, h, h_before, c, c_before, d, d_state);
    if constexpr (Cell::has_cell_state) whole(d_cell_ + row * padded + j) = dc;
    T* to = gradients_[step & 1] + row * stride_ + j;
    for (long gate = 0; gate < gates; gate++) whole(to + gate * padded) = d[gate];
  }

  void input_gradient(Range places, T* product) {
    Rows<T> d_gates = this->all_kept();
    multiply<Sum::kChain, false, true, T>({d_gates.base, d_gates.stride, d_gates.places}, {layer.kernel, columns},
                                          {layer.d_xs, features, layer.places}, places, {0, features}, {0, columns},
                                          nullptr, nullptr, product);
  }

  // The destinations of the gradients of W, U, the bias and the recurrent bias: one after the other in `memory`, or the
  // layer's outputs if it is null.
  std::array<T*, 4> targets(T* memory) const {
    if (!memory) return {layer.d_kernel, layer.d_recurrent_kernel, layer.d_bias, layer.d_recurrent_bias};
    std::array<T*, 4> to;
    for (size_t i = 0; i < 4; memory += sizes_[i++]) to[i] = memory;
    return to;
  }

  // dW = sum x^T d, dU = sum h_before^T d, db = sum d over some steps, for some rows of W and U, one below the other,
  // and some columns; the thread with the first row of a kernel also sums its bias. For a GRU's candidate, dU and the
  // recurrent bias take the gradient with respect to h U_n + b_rn, stored in block 3.
  void weight_gradients(T* memory, Range rows, Range some, Range places, T* product) {
    const auto [d_kernel, d_recurrent_kernel, d_bias, d_recurrent_bias] = targets(memory);
    const Rows<const T> xs{layer.xs, features, layer.in_order}, states{nullptr, 0, nullptr, before_};
    Rows<const T> d_gates{layer.gates, kept * hidden, layer.in_order};
    if (rows.begin < features)
      multiply<Sum::kRuns, true, false, T>(xs, d_gates, {d_kernel, columns}, {rows.begin, least(rows.end, features)}, some,
                                           places, nullptr, rows.begin == 0 ? d_bias : nullptr, product);
    if (rows.end <= features) return;
    const Range units{rows.begin > features ? rows.begin - features : 0, rows.end - features};
    const long own = kept > gates ? (gates - 1) * hidden : columns;
    multiply<Sum::kRuns, true, false, T>(states, d_gates, {d_recurrent_kernel, columns}, units,
                                         {some.begin, least(own, some.end)}, places, nullptr, nullptr, product);
    if constexpr (kept > gates) {
      d_gates.base += hidden;
      multiply<Sum::kRuns, true, false, T>(states, d_gates, {d_recurrent_kernel, columns}, units,
                                           {some.begin > own ? some.begin : own, some.end}, places, nullptr,
                                           units.begin == 0 ? d_recurrent_bias - own : nullptr, product);
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
  Scratch<const T*> before_;
  Scratch<T> product_;
  Barrier barrier_;
};

template <template <class, class> class PassOf, class T> bool run(const Layer<T>& layer, int threads) {
  switch (layer.kind) {
    case Kind::kGru: return PassOf<T, Gru<T>>(layer, threads).run();
    case Kind::kLstm: return PassOf<T, Lstm<T>>(layer, threads).run();
    default: return PassOf<T, Elman<T>>(layer, threads).run();
  }
}

}  // namespace

namespace elman::ELMAN_ISA {

bool forward(const Layer<ELMAN_REAL>& layer, int threads) { return run<Forward>(layer, threads); }
bool backward(const Layer<ELMAN_REAL>& layer, int threads) { return run<Backward>(layer, threads); }

}  // namespace elman::ELMAN_ISA
