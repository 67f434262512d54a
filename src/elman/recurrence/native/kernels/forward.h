// The forward pass over a layer.
#pragma once
#include "pass.h"

namespace {

// A part of so many rows sums its inputs within the tile of a step, from where the sums need not go to memory. For
// fewer, to read W at each step would take longer than the sums themselves: they are summed for many steps together.
constexpr long kRowsTogether = 4, kSumsAhead = 1 << 16;

// Where `gates` and `cs` are null, nothing is kept for a backward pass.
template <class T, class Cell> class Forward : Pass<T, Cell> {
  using Base = Pass<T, Cell>;
  using Base::columns, Base::features, Base::gates, Base::hidden, Base::lanes, Base::layer, Base::padded;
  using V = Vector<T>;
  static constexpr long panel = Cell::units * lanes;  // hidden units of a packed panel

 public:
  Forward(const Layer<T>& layer, int threads)
      : Base(layer),
        threads_(threads),
        panels_(ceil_div(hidden, panel)),
        depth_(features + hidden),
        stride_(padded + 16),
        width_(panels_ * panel * gates),
        ahead_(sums_ahead()),
        packed_(layer.few ? 0 : width_ * depth_),
        states_{Scratch<T>(layer.batch * stride_), Scratch<T>(layer.batch * stride_)},
        cells_(Cell::has_cell_state ? layer.batch * padded : 0),
        inputs_(layer.few ? layer.part_place[1] * columns : layer.batch * ahead_ * width_),
        sums_(layer.few ? layer.batch * columns : 0) {}

  bool run() {
    if (!packed_ || !states_[0] || !states_[1] || !cells_ || !inputs_ || !sums_) return false;
    elman::team_run(threads_, [](void* self, int id, int count) { static_cast<Forward*>(self)->work(id, count); }, this);
    return true;
  }

 private:
  // The number of steps whose inputs are summed together, before the first of them; 0 if each step sums its own.
  long sums_ahead() const {
    if (layer.few || layer.batch >= kRowsTogether * layer.parts) return 0;
    const long most = kSumsAhead / (layer.batch * width_);
    return most < 1 ? 1 : least(most, layer.time);
  }

  void work(int id, int count) {
    Range panels = share(panels_, id, count), rows = share(layer.batch, id, count);
    if (!layer.few) pack(panels);
    for (long row = rows.begin; row < rows.end; row++) start(row);
    barrier_.wait(count);
    if (layer.few) few_steps(id, count);
    else if (layer.split_hidden) steps(0, panels, count);
    else
      for (int part = id; part < layer.parts; part += count) steps(part, {0, panels_}, 1);
  }

  // Some panels of both kernels, W above U: for every k, the vectors of each unit's gates side by side.
  void pack(Range panels) {
    constexpr long together = 8;  // rows, so that neighbouring panels find their lines in the cache
    for (long first = 0; first < depth_; first += together)
      for (long p = panels.begin; p < panels.end; p++) {
        const long units = least(Cell::units, ceil_div(hidden - p * panel, lanes));
        T* to = packed_ + p * panel * gates * depth_ + first * units * gates * lanes;
        for (long k = first; k < least(depth_, first + together); k++) {
          const T* from = k < features ? layer.kernel + k * columns : layer.recurrent_kernel + (k - features) * columns;
          for (long unit = 0; unit < units; unit++)
            for (long gate = 0; gate < gates; gate++, to += lanes) {
              const long at = p * panel + unit * lanes;
              whole(to) = load(from + gate * hidden + at, hidden - at);
            }
        }
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

  void steps(int part, Range panels, int meeting) {
    long begin = layer.part_begin[part], running = layer.part_begin[part + 1];
    for (long step = 0; step < this->longest(part); step++) {
      running = this->still_running(part, step, running);
      if (ahead_ && step % ahead_ == 0)
        for (long row = begin; row < running; row++) sum_inputs(row, {step, least(layer.row_count[row], step + ahead_)}, panels);
      for_unit_tiles<Cell::rows, Cell::units, gates>(
          {begin, running}, panels, padded / lanes,
          [&]<int rows, int many, int units>(long row, long p) { tile<rows, many, units>(step, row, p * panel); });
      barrier_.wait(meeting);
    }
  }

  // Where the sums over the inputs of a step lie, of some hidden units on: in the order of the packed kernel.
  T* inputs_at(long row, long step, long first_unit) const {
    return inputs_ + (row * ahead_ + step % ahead_) * width_ + first_unit * gates;
  }

  // Sums the inputs of some steps of a row.
  void sum_inputs(long row, Range steps, Range panels) {
    for_unit_tiles<Cell::rows, Cell::units, gates>(
        steps, panels, padded / lanes, [&]<int many_steps, int many, int units>(long step, long p) {
          const Spaced<T> xs{layer.xs + this->place(row, step) * features, layer.direction * features, 1};
          input_tile<many_steps, many, units>(xs, p * panel, inputs_at(row, step, p * panel), width_);
        });
  }

  // to[m] = b + x[m] W for some hidden units.
  template <int rows, int panels, int units, class Factors>
  __attribute__((noinline)) void input_tile(const Factors x, long first_unit, T* to, long stride) {
    constexpr int vectors = units * gates;
    V sums[panels][rows][vectors];
    ELMAN_UNROLL for (int p = 0; p < panels; p++)
      ELMAN_UNROLL for (int v = 0; v < vectors; v++) {
        const long j = first_unit + p * panel + v / gates * lanes;
        const V bias = load(layer.bias + v % gates * hidden + j, hidden - j);
        ELMAN_UNROLL for (int m = 0; m < rows; m++) sums[p][m][v] = bias;
      }
    multiply_tile<panels, rows, vectors, T>(x, packed_ + first_unit * gates * depth_, panel * gates * depth_, features, sums);
    ELMAN_UNROLL for (int p = 0; p < panels; p++)
      ELMAN_UNROLL for (int m = 0; m < rows; m++)
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) whole(to + m * stride + (p * vectors + v) * lanes) = sums[p][m][v];
  }

  template <int rows, int panels, int units>
  __attribute__((noinline)) void tile(long step, long first_row, long first_unit) {
    constexpr long vectors = units * gates, width = panels * vectors * lanes;
    alignas(kVectorBytes) T own[rows * width];
    const T* inputs[rows];
    long places[rows];
    Scattered<T, rows> xs;
    for (int m = 0; m < rows; m++) {
      places[m] = this->place(first_row + m, step);
      xs.row[m] = layer.xs + places[m] * features;
      inputs[m] = ahead_ ? inputs_at(first_row + m, step, first_unit) : own + m * width;
      if constexpr (gates > 1)
        if (layer.gates)
          for (long gate = 0; gate < gates; gate++)
            for (int unit = 0; unit < panels * units; unit++)
              __builtin_prefetch(this->kept_at(places[m]) + gate * hidden + first_unit + unit * lanes, 1);
    }
    if (!ahead_) input_tile<rows, panels, units>(xs, first_unit, own, width);
    V sums[panels][rows][vectors] = {};
    const T* recurrent = packed_ + first_unit * gates * depth_ + features * vectors * lanes;
    multiply_tile<panels, rows, vectors, T>(Spaced<T>{states_[step & 1] + first_row * stride_, stride_, 1}, recurrent,
                                            panel * gates * depth_, hidden, sums);

    for (int p = 0; p < panels; p++)
      for (int unit = 0; unit < units; unit++) {
        const long j = first_unit + p * panel + unit * lanes;
        const auto extras = this->extras(j);
        ELMAN_UNROLL for (int m = 0; m < rows; m++) {
          V x[gates];
          for (int gate = 0; gate < gates; gate++) x[gate] = whole(inputs[m] + ((p * units + unit) * gates + gate) * lanes);
          finish(step, first_row + m, places[m], j, &sums[p][m][unit * gates], x, extras.of);
        }
      }
  }

  // Computes the state after the step from the sums over the state before it and over the inputs, for a row's hidden
  // units from j on.
  ELMAN_INLINE void finish(long step, long row, long place, long j, const V* u, const V* x, const V* extras) {
    const long n = hidden - j, sequence = layer.row_batch[row] * hidden + j, at = place * hidden + j;
    V c{};
    if constexpr (Cell::has_cell_state) c = whole(cells_ + row * padded + j);
    const V before = whole(states_[step & 1] + row * stride_ + j);
    const V c_before = c;
    V h = Cell::forward(u, x, this->unit(place, j), before, c, extras);
    if (layer.zones) {
      const V share = this->zone(layer.zone_h, layer.rate_h, at, n);
      h = share * before + (1 - share) * h;
      if constexpr (Cell::has_cell_state) {
        const V share_c = this->zone(layer.zone_c, layer.rate_c, at, n);
        c = share_c * c_before + (1 - share_c) * c;
      }
    }
    store(layer.ys + at, h, n);
    if constexpr (Cell::has_cell_state)
      if (layer.cs) store(layer.cs + at, c, n);
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
    const Rows<const T> states_of_rows[] = {{states_[0], stride_}, {states_[1], stride_}};
    add_product({layer.xs, features, layer.in_order}, layer.part_place[1], layer.kernel, features, some, layer.bias,
                {inputs_, columns});
    long running = layer.batch;
    for (long step = 0; step < this->longest(0); step++) {
      running = this->still_running(0, step, running);
      add_product(states_of_rows[step & 1], running, layer.recurrent_kernel, hidden, some, nullptr, {sums_, columns});
      barrier_.wait(count);
      for (long row = 0; row < running; row++)
        for (long j = units.begin * lanes; j < units.end * lanes; j += lanes) {
          V u[gates], x[gates];
          for (long gate = 0; gate < gates; gate++) {
            u[gate] = load(sums_ + row * columns + gate * hidden + j, hidden - j);
            x[gate] = load(inputs_ + (layer.row_order[row] + step) * columns + gate * hidden + j, hidden - j);
          }
          finish(step, row, this->place(row, step), j, u, x, this->extras(j).of);
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
  const long panels_, depth_, stride_, width_, ahead_;
  Scratch<T> packed_, states_[2], cells_, inputs_, sums_;
  Barrier barrier_;
};

}  // namespace
