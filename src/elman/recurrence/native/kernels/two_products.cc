// A whole recurrent layer of a cell whose step is two products (two_products.h), forward and backward through time.
// Compiled once for each instruction set ELMAN_ISA and number type ELMAN_REAL.
//
// As in layer.cc, a thread takes its slice of the batch through all steps; only where weights are large and rows are few do
// the threads divide the columns of each product, with a barrier after it. Sums go to memory between a product and its
// elementwise part, since the second product needs all units of the first.
#include "two_products.h"

#include "panels.h"
#include "pass.h"

namespace {

// Of so many steps the inputs are summed together, or of more while the sums are few.
constexpr long kStepsAhead = 8, kInputSums = 1 << 16;

template <class T, class Cell> class Pair : protected RowsOf<T> {
 protected:
  using V = Vector<T>;
  using RowsOf<T>::layer;
  static constexpr long lanes = kLanes<T>, gates = Cell::gates, kept = Cell::kept, first_gates = Cell::first_gates;

  explicit Pair(const Layer<T>& whole) : RowsOf<T>{whole} {}

  const Cell cell{layer.kind};
  const long hidden = layer.hidden, memory = layer.memory, features = layer.features, columns = gates * memory;
  const Weight<T> first = Cell::first_weight(layer), second = Cell::second_weight(layer);

  T* kept_at(long place) const { return layer.gates + place * kept * memory; }
  Unit<T> unit(T* at, long j) const { return {at + j, memory, memory - j, false}; }
  T* row_of(T* array, long row, long units) const { return array + layer.row_batch[row] * units; }
  const T* row_of(const T* array, long row, long units) const { return array + layer.row_batch[row] * units; }

  // Calls visit(row, j) for the vectors of some units of some rows.
  template <class Visit> ELMAN_INLINE void for_units(Range rows, long units, int id, int count, Visit&& visit) const {
    const Range some = share(ceil_div(units, lanes), id, count);
    for (long row = rows.begin; row < rows.end; row++)
      for (long j = some.begin * lanes; j < some.end * lanes; j += lanes) visit(row, j);
  }
};

// Forward ---------------------------------------------------------------------------------------------------------------

template <class T, class Cell> class ForwardPair : Pair<T, Cell> {
  using Base = Pair<T, Cell>;
  using Base::cell, Base::columns, Base::features, Base::first, Base::first_gates, Base::gates, Base::hidden, Base::kept,
      Base::layer, Base::memory, Base::second;
  using V = Vector<T>;

 public:
  ForwardPair(const Layer<T>& whole, int threads)
      : Base(whole),
        threads_(threads),
        ahead_(steps_ahead()),
        width_(first.columns > second.columns ? first.columns : second.columns),
        inputs_(layer.kernel, columns, features, columns, !layer.few),
        first_(first.at, first.stride, first.rows, first.columns, !layer.few),
        second_(second.at, second.stride, second.rows, second.columns, !layer.few),
        window_(layer.gates ? 0 : layer.batch * ahead_ * columns),
        states_(layer.batch * hidden),
        cells_(Cell::has_cell_state ? layer.batch * memory : 0),
        middle_(layer.batch * memory),
        sums_(layer.batch * width_) {}

  bool run() {
    if (!inputs_ || !first_ || !second_ || !window_ || !states_ || !cells_ || !middle_ || !sums_) return false;
    elman::team_run(threads_, [](void* self, int id, int count) { static_cast<ForwardPair*>(self)->work(id, count); }, this);
    return true;
  }

 private:
  void work(int id, int count) {
    inputs_.pack(inputs_.share_of(id, count));
    first_.pack(first_.share_of(id, count));
    second_.pack(second_.share_of(id, count));
    const Range rows = share(layer.batch, id, count);
    for (long row = rows.begin; row < rows.end; row++) start(row);
    barrier_.wait(count);
    if (layer.split_hidden) steps(0, id, count);
    else
      for (int part = id; part < layer.parts; part += count) steps(part, 0, 1);
  }

  void start(long row) {
    memcpy(states_ + row * hidden, this->row_of(layer.h_first, row, hidden), hidden * sizeof(T));
    this->clear_padding(row, layer.ys, hidden);
    if (!layer.row_count[row])
      memcpy(this->row_of(layer.h_last, row, hidden), states_ + row * hidden, hidden * sizeof(T));
    else if (this->resets_at(layer.row_first[row]))
      memcpy(states_ + row * hidden, this->row_of(layer.h_start, row, hidden), hidden * sizeof(T));
    if constexpr (Cell::has_cell_state) {
      const bool resets = layer.row_count[row] && this->resets_at(layer.row_first[row]);
      memcpy(cells_ + row * memory, this->row_of(resets ? layer.c_start : layer.c_first, row, memory), memory * sizeof(T));
      if (!layer.row_count[row])
        memcpy(this->row_of(layer.c_last, row, memory), cells_ + row * memory, memory * sizeof(T));
    }
  }

  long steps_ahead() const {
    const long fit = kInputSums / (layer.batch * columns);
    return least(layer.time, fit > kStepsAhead ? fit : kStepsAhead);
  }

  // Runs a part; `count` threads divide the columns.
  void steps(int part, int id, int count) {
    long begin = layer.part_begin[part], running = layer.part_begin[part + 1];
    for (long step = 0; step < this->longest(part); step++) {
      running = this->still_running(part, step, running);
      const Range rows{begin, running};
      if (step % ahead_ == 0)
        for (long row = begin; row < running; row++) sum_inputs(row, step, inputs_.share_of(id, count));
      first_.multiply(states_ + begin * hidden, hidden, running - begin, nullptr, sums_ + begin * width_, width_,
                      first_.share_of(id, count));
      barrier_.wait(count);
      this->for_units(rows, memory, id, count, [&](long row, long j) { finish_first(row, step, j); });
      barrier_.wait(count);
      second_.multiply(middle_ + begin * memory, memory, running - begin, nullptr, sums_ + begin * width_, width_,
                       second_.share_of(id, count));
      barrier_.wait(count);
      this->for_units(rows, hidden, id, count, [&](long row, long j) { finish_second(row, step, j); });
      barrier_.wait(count);
    }
  }

  // The sums over a step's inputs, then its gates.
  T* at(long row, long step) const {
    if (layer.gates) return this->kept_at(this->place(row, step));
    return window_ + (row * ahead_ + step % ahead_) * columns;
  }

  void sum_inputs(long row, long step, Range panels) {
    const long place = this->place(row, step), many = least(ahead_, layer.row_count[row] - step);
    const long apart = layer.gates ? layer.direction * kept * memory : columns;
    inputs_.multiply(layer.xs + place * features, layer.direction * features, many, layer.bias, at(row, step), apart, panels);
  }

  ELMAN_INLINE void finish_first(long row, long step, long j) {
    const long n = memory - j;
    const auto unit = this->unit(at(row, step), j);
    V u[first_gates], h{}, c{};
    for (long gate = 0; gate < first_gates; gate++) u[gate] = load(sums_ + row * width_ + gate * memory + j, n);
    if constexpr (Cell::has_cell_state) c = load(cells_ + row * memory + j, n);
    else h = load(states_ + row * hidden + j, n);
    const V m = cell.first(u, unit, h, c);
    store(middle_ + row * memory + j, m, n);
    if (layer.gates) unit.put(kept - 1, m);
    if constexpr (Cell::has_cell_state) {
      if (layer.cs) store(layer.cs + this->place(row, step) * memory + j, c, n);
      go_on(row, step, j, memory, c, layer.c_last, layer.c_start, cells_);
    }
  }

  ELMAN_INLINE void finish_second(long row, long step, long j) {
    const long n = hidden - j;
    const V u = load(sums_ + row * width_ + j, n);
    const V h = cell.second(u, this->unit(at(row, step), j), load(states_ + row * hidden + j, n));
    store(layer.ys + this->place(row, step) * hidden + j, h, n);
    go_on(row, step, j, hidden, h, layer.h_last, layer.h_start, states_);
  }

  // Leaves the state after a step, or that after a reset, for the next.
  ELMAN_INLINE void go_on(long row, long step, long j, long units, V state, T* last, const T* start, T* to) const {
    const long n = units - j;
    if (step + 1 == layer.row_count[row]) store(this->row_of(last, row, units) + j, state, n);
    else if (this->resets_at(this->place(row, step + 1))) state = load(this->row_of(start, row, units) + j, n);
    store(to + row * units + j, state, n);
  }

  const int threads_;
  const long ahead_, width_;
  Panels<T> inputs_, first_, second_;
  Scratch<T> window_, states_, cells_, middle_, sums_;
  Barrier barrier_;
};

// Backward --------------------------------------------------------------------------------------------------------------

template <class T, class Cell> class BackwardPair : Pair<T, Cell> {
  using Base = Pair<T, Cell>;
  using Base::cell, Base::columns, Base::features, Base::first, Base::first_gates, Base::hidden, Base::kept, Base::layer,
      Base::memory, Base::second;
  using V = Vector<T>;
  static constexpr long kFewColumns = 512;

 public:
  BackwardPair(const Layer<T>& whole, int threads)
      : Base(whole),
        threads_(threads),
        first_(first.at, first.stride, first.columns, first.rows, true),
        second_(second.at, second.stride, second.columns, second.rows, true),
        d_first_(layer.batch * first.columns),
        d_second_(layer.batch * hidden),
        d_middle_(layer.batch * memory),
        through_(layer.batch * hidden),
        d_state_(layer.batch * hidden),
        d_cell_(Cell::has_cell_state ? layer.batch * memory : 0),
        d_outputs_(Cell::has_cell_state ? layer.batch * layer.time * hidden : 0),
        before_(layer.part_place[layer.parts]),
        product_(threads * kProductScratch<T>) {}

  bool run() {
    if (!first_ || !second_ || !d_first_ || !d_second_ || !d_middle_ || !through_ || !d_state_ || !d_cell_ || !d_outputs_ ||
        !before_ || !product_)
      return false;
    elman::team_run(threads_, [](void* self, int id, int count) { static_cast<BackwardPair*>(self)->work(id, count); }, this);
    return true;
  }

 private:
  void work(int id, int count) {
    T* product = product_ + id * kProductScratch<T>;
    first_.template pack<true>(first_.share_of(id, count));
    second_.template pack<true>(second_.share_of(id, count));
    const Range rows = share(layer.batch, id, count);
    const long places = layer.part_place[layer.parts];
    for (long row = rows.begin; row < rows.end; row++) start(row);
    barrier_.wait(count);
    if (layer.split_hidden) {
      steps(0, id, count);
      input_gradient(share(places, id, count), product);
    } else {
      for (int part = id; part < layer.parts; part += count) {
        steps(part, 0, 1);
        input_gradient({layer.part_place[part], layer.part_place[part + 1]}, product);
      }
      barrier_.wait(count);
    }
    weight_gradients({0, places}, id, count, product);
  }

  void start(long row) {
    memset(through_ + row * hidden, 0, hidden * sizeof(T));
    memcpy(d_state_ + row * hidden, this->row_of(layer.d_h_last, row, hidden), hidden * sizeof(T));
    memset(this->row_of(layer.d_h_start, row, hidden), 0, hidden * sizeof(T));
    if constexpr (Cell::has_cell_state) {
      memcpy(d_cell_ + row * memory, this->row_of(layer.d_c_last, row, memory), memory * sizeof(T));
      memset(this->row_of(layer.d_c_start, row, memory), 0, memory * sizeof(T));
    }
    this->clear_padding(row, layer.d_xs, features);
    for (long step = 0; step < layer.row_count[row]; step++) before_[layer.row_order[row] + step] = h_before(row, step);
  }

  const T* h_before(long row, long step) const {
    return this->before(row, step, layer.h_first, layer.h_start, layer.ys, hidden);
  }

  // Runs a part from its last step; step -1 is the initial state.
  void steps(int part, int id, int count) {
    const long begin = layer.part_begin[part], end = layer.part_begin[part + 1];
    long running = begin;
    for (long step = this->longest(part) - 1; step >= -1; step--) {
      while (running < end && layer.row_count[running] > step) running++;
      const Range rows{begin, running};
      this->for_units(rows, hidden, id, count, [&](long row, long j) { begin_second(row, step, j); });
      barrier_.wait(count);
      if (step >= 0)
        second_.multiply(d_second_ + begin * hidden, hidden, running - begin, nullptr, d_middle_ + begin * memory, memory,
                         second_.share_of(id, count));
      barrier_.wait(count);
      this->for_units(rows, memory, id, count, [&](long row, long j) { begin_first(row, step, j); });
      barrier_.wait(count);
      if (step >= 0)
        first_.multiply(d_first_ + begin * first.columns, first.columns, running - begin, nullptr, through_ + begin * hidden,
                        hidden, first_.share_of(id, count));
      barrier_.wait(count);
    }
  }

  // The gradient with respect to the state after a step goes to the start state where a reset follows, and to the first
  // one before all steps; true if there is a step to go on with.
  ELMAN_INLINE bool go_on(long row, long step, long j, long units, V& d, T* d_start, T* d_first) const {
    const long n = units - j;
    if (step + 1 < layer.row_count[row] && this->resets_at(this->place(row, step + 1))) {
      T* to = this->row_of(d_start, row, units) + j;
      store(to, load(to, n) + d, n);
      d = V{};
    }
    if (step < 0) store(this->row_of(d_first, row, units) + j, d, n);
    return step >= 0;
  }

  ELMAN_INLINE void begin_second(long row, long step, long j) {
    const long n = hidden - j;
    T* const state = d_state_ + row * hidden + j;
    V dh = load(through_ + row * hidden + j, n) + load(state, n), d_state;
    if (!go_on(row, step, j, hidden, dh, layer.d_h_start, layer.d_h_first)) return;
    const long place = this->place(row, step);
    dh += load(layer.d_ys + place * hidden + j, n);
    V before{};
    if constexpr (!Cell::has_cell_state) before = load(h_before(row, step) + j, n);
    const V d = cell.second_backward(this->unit(this->kept_at(place), j), dh, before, d_state);
    store(d_second_ + row * hidden + j, d, n), store(state, d_state, n);
    if constexpr (Cell::has_cell_state) store(d_outputs_ + place * hidden + j, d, n);
  }

  ELMAN_INLINE void begin_first(long row, long step, long j) {
    const long n = memory - j, place = this->place(row, step), at = place * memory + j;
    V d[first_gates], dc{}, c{}, c_before{}, before{}, d_state{};
    if constexpr (Cell::has_cell_state) {
      dc = load(d_cell_ + row * memory + j, n);
      if (!go_on(row, step, j, memory, dc, layer.d_c_start, layer.d_c_first)) return;
      c = load(layer.cs + at, n);
      c_before = load(this->before(row, step, layer.c_first, layer.c_start, layer.cs, memory) + j, n);
    } else {
      if (step < 0) return;
      before = load(h_before(row, step) + j, n);
      d_state = load(d_state_ + row * hidden + j, n);
    }
    const V dm = load(d_middle_ + row * memory + j, n);
    cell.first_backward(this->unit(this->kept_at(place), j), dm, before, dc, c, c_before, d, d_state);
    if constexpr (Cell::has_cell_state) store(d_cell_ + row * memory + j, dc, n);
    else store(d_state_ + row * hidden + j, d_state, n);
    for (long gate = 0; gate < first_gates; gate++) store(d_first_ + row * first.columns + gate * memory + j, d[gate], n);
  }

  void input_gradient(Range places, T* product) {
    multiply<Sum::kChain, false, true, T>({layer.gates, kept * memory, layer.places}, {layer.kernel, columns},
                                          {layer.d_xs, features, layer.places}, places, {0, features}, {0, columns},
                                          nullptr, product);
  }

  // dW = sum x^T d, dU_1 = sum h_before^T d, dU_2 = sum m^T d, db = sum d; the threads divide each.
  void weight_gradients(Range places, int id, int count, T* product) {
    const Rows<const T> d_gates{layer.gates, kept * memory, layer.in_order}, states{nullptr, 0, nullptr, before_};
    const auto sum = [&](Rows<const T> a, long rows, Rows<const T> d, long width, Rows<T> to, T* bias) {
      const bool by_rows = width <= kFewColumns;
      const Range panels = share(ceil_div(width, kPanel<T>), id, count), all{0, width};
      const Range own = by_rows ? share(rows, id, count) : Range{0, rows};
      const Range some = by_rows ? all : Range{least(width, panels.begin * kPanel<T>), least(width, panels.end * kPanel<T>)};
      if (own.begin == own.end) return;
      multiply<Sum::kRuns, true, false, T>(a, d, to, own, some, places, own.begin == 0 ? bias : nullptr, product);
    };
    sum({layer.xs, features, layer.in_order}, features, d_gates, columns, {layer.d_kernel, columns}, layer.d_bias);
    sum(states, hidden, d_gates, first.columns, {first.gradient, first.stride}, nullptr);
    Rows<const T> middle = d_gates, d_second{d_outputs_, hidden, layer.in_order};
    middle.base += (kept - 1) * memory;
    if constexpr (!Cell::has_cell_state) d_second = d_gates, d_second.base += first.columns;
    sum(middle, memory, d_second, hidden, {second.gradient, second.stride}, nullptr);
  }

  const int threads_;
  Panels<T> first_, second_;
  Scratch<T> d_first_, d_second_, d_middle_, through_, d_state_, d_cell_, d_outputs_;
  Scratch<const T*> before_;
  Scratch<T> product_;
  Barrier barrier_;
};

template <template <class, class> class PassOf, class T> bool run(const Layer<T>& layer, int threads) {
  if (layer.kind == Kind::kProjected) return PassOf<T, Projected<T>>(layer, threads).run();
  return PassOf<T, ResetBefore<T>>(layer, threads).run();
}

}  // namespace

namespace elman::ELMAN_ISA {

bool forward_pair(const Layer<ELMAN_REAL>& layer, int threads) { return run<ForwardPair>(layer, threads); }
bool backward_pair(const Layer<ELMAN_REAL>& layer, int threads) { return run<BackwardPair>(layer, threads); }

}  // namespace elman::ELMAN_ISA
