// Steps with packed weights, for few sequences at once: a network step by step, with or without a choice of the next
// token in between, and one layer over sequences. Compiled once for each instruction set ELMAN_ISA.
//
// Each weight is read once in a step, from memory that lies as it is read, so small numbers for weights are fast: they
// become float32 in registers. The order of sums is that of layer.cc: for each unit the bias and the features, and
// apart from these the hidden units. Sums with int8 weights begin at zero; scale and bias come last, and digits.h takes
// whole numbers where the processor does.
#include <time.h>

#include <cstring>

#include "packed.h"
#include "product.h"
#include "cells.h"
#include "digits.h"
#include "scratch.h"

namespace {

using elman::Barrier;
using elman::Format;
using elman::PackedLayer;

using V = Vector<float>;
constexpr long kWidth = kLanes<float>;
constexpr int kVectors = 4;       // of a panel
constexpr int kBlockVectors = 16;  // the most that a block of units has
constexpr int kMostRows = kRegisters == 32 ? 6 : 3;

#if defined(__AVX512VNNI__)
using Int8 = uint8_t;
constexpr long kRowsTogether = kGroup;
#else
using Int8 = int8_t;
constexpr long kRowsTogether = 1;
#endif

// A dense layer is a cell without a recurrent kernel.
struct Affine {
  static constexpr int gates = 1, kept = 1, extras = 0;
  static constexpr bool has_cell_state = false;
  static ELMAN_INLINE V forward(const V* u, const V* x, const Unit<float>&, V, V&, const V*) { return u[0] + x[0]; }
};

// The vectors of units that are computed together: their weights are whole panels.
constexpr long block_units(int gates) { return gates == 1 ? kBlockVectors : kVectors; }

// to[m] = start + a[m] W for the vectors `some` of W, which begin with a panel; `to` has kBlockVectors vectors a row.
template <int rows, class Stored>
ELMAN_INLINE void multiply_packed(const float* const (&a)[rows], long depth, const Stored* values, const float* scales,
                                  const float* start, Range some, float* to) {
  const auto tile = [&]<int panels, int vectors>(long first) {
    V sums[panels][rows][vectors] = {};
    const auto each = [&](auto&& visit) {
      ELMAN_UNROLL for (int p = 0; p < panels; p++)
        ELMAN_UNROLL for (int m = 0; m < rows; m++)
          ELMAN_UNROLL for (int v = 0; v < vectors; v++) visit(sums[p][m][v], m, first + p * kVectors + v);
    };
    if (start && !scales) each([&](V& sum, int, long at) { sum = widen(start + at * kWidth); });
    const Stored* panel = values + first * depth * kWidth;
    for (long k = 0; k < depth; k++)
      ELMAN_UNROLL for (int p = 0; p < panels; p++) {
        const Stored* from = panel + (p * depth + k) * vectors * kWidth;
        V b[vectors];
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) b[v] = widen(from + v * kWidth);
        ELMAN_UNROLL for (int m = 0; m < rows; m++) {
          V from_a = fill(a[m][k]);
          ELMAN_UNROLL for (int v = 0; v < vectors; v++) sums[p][m][v] = multiply_add(from_a, b[v], sums[p][m][v]);
        }
      }
    each([&](V& sum, int m, long at) {
      if (scales) sum = multiply_add(widen(scales + at * kWidth), sum, start ? widen(start + at * kWidth) : V{});
      whole(to + (m * kBlockVectors + at - some.begin) * kWidth) = sum;
    });
  };
  const long panels = (some.end - some.begin) / kVectors, rest = some.begin + panels * kVectors;
  for_blocks<panels_together(rows, kVectors)>(0, panels, [&]<int count>(long panel) {
    tile.template operator()<count, kVectors>(some.begin + panel * kVectors);
  });
  switch (some.end - rest) {
    case 1: tile.template operator()<1, 1>(rest); break;
    case 2: tile.template operator()<1, 2>(rest); break;
    case 3: tile.template operator()<1, 3>(rest); break;
  }
}

// The rows of one step of a layer.
struct StepRows {
  long count;
  Rows<const float> x, h, c;
  Rows<float> new_h, new_c;
  Rows<float> outputs;  // beside new_h; or nothing, with the base null
};

template <class Cell, class Stored> class LayerStep {
 public:
  LayerStep(const PackedLayer& layer, const StepRows& rows) : layer_(layer), rows_(rows) {}

  // Computes a thread's share of the units.
  void run(int id, int count) const {
    const Range blocks = share(ceil_div(units_, per_block), id, count);
    if constexpr (std::is_same_v<Stored, uint8_t>) {
      for (long row = 0; row < rows_.count; row++) this->row_in_digits(row, blocks);
    } else {
      for (long block = blocks.begin; block < blocks.end; block++)
        for_blocks<kMostRows>(0, rows_.count, [&]<int rows>(long first) { tile<rows>(first, units_of(block)); });
    }
  }

 private:
  static constexpr int gates = Cell::gates;
  static constexpr long per_block = block_units(gates);

  Range units_of(long block) const { return {block * per_block, least(units_, (block + 1) * per_block)}; }

  template <int rows> __attribute__((noinline)) void tile(long first, Range some) const {
    alignas(kVectorBytes) float inputs[rows * kBlockVectors * kWidth], sums[rows * kBlockVectors * kWidth];
    const float *x[rows], *h[rows];
    for (int m = 0; m < rows; m++) x[m] = rows_.x(first + m);
    const Range vectors{some.begin * gates, some.end * gates};
    multiply_packed<rows>(x, layer_.features, static_cast<const Stored*>(layer_.kernel), layer_.scales, layer_.bias,
                          vectors, inputs);
    if (layer_.recurrent_kernel) {
      for (int m = 0; m < rows; m++) h[m] = rows_.h(first + m);
      multiply_packed<rows>(h, hidden_, static_cast<const Stored*>(layer_.recurrent_kernel), layer_.recurrent_scales,
                            nullptr, vectors, sums);
    } else {
      memset(sums, 0, sizeof sums);
    }
    for (int m = 0; m < rows; m++)
      finish_units(first + m, some, inputs + m * kBlockVectors * kWidth, sums + m * kBlockVectors * kWidth);
  }

#if defined(__AVX512VNNI__)
  __attribute__((noinline)) void row_in_digits(long row, Range blocks) const {
    const long features = layer_.features, depth = layer_.recurrent_kernel ? hidden_ : 0;
    const long size = digits_size(features);
    auto* room = static_cast<int8_t*>(__builtin_alloca_with_align(size + digits_size(depth), 8 * kVectorBytes));
    const Digits x = digits_of(rows_.x(row), features, room);
    const Digits h = depth ? digits_of(rows_.h(row), depth, room + size) : Digits{};
    for (long block = blocks.begin; block < blocks.end; block++) {
      alignas(kVectorBytes) float inputs[kBlockVectors * kWidth], sums[kBlockVectors * kWidth] = {};
      const Range some = units_of(block), vectors{some.begin * gates, some.end * gates};
      multiply_digits(x, features, static_cast<const uint8_t*>(layer_.kernel), layer_.scales, layer_.bias, vectors, inputs);
      if (depth)
        multiply_digits(h, depth, static_cast<const uint8_t*>(layer_.recurrent_kernel), layer_.recurrent_scales, nullptr,
                        vectors, sums);
      finish_units(row, some, inputs, sums);
    }
  }
#endif

  void finish_units(long row, Range some, const float* inputs, const float* products) const {
    for (long unit = some.begin; unit < some.end; unit++) {
      const long at = (unit - some.begin) * gates * kWidth;
      finish(row, unit * kWidth, inputs + at, products + at);
    }
  }

  // The state of a row's hidden units from j on.
  ELMAN_INLINE void finish(long row, long j, const float* inputs, const float* products) const {
    const long n = hidden_ - j;
    V u[gates], x[gates], extra[Cell::extras + 1], before{}, c{};
    for (int gate = 0; gate < gates; gate++)
      u[gate] = whole(products + gate * kWidth), x[gate] = whole(inputs + gate * kWidth);
    for (int i = 0; i < Cell::extras; i++) extra[i] = widen(layer_.extra + j * Cell::extras + i * kWidth);
    if constexpr (Cell::kept > gates) before = load(rows_.h(row) + j, n);
    if constexpr (Cell::has_cell_state) c = load(rows_.c(row) + j, n);
    const Unit<float> unit{nullptr, hidden_, n, layer_.kind == static_cast<int64_t>(Kind::kElmanRelu)};
    const V h = Cell::forward(u, x, unit, before, c, extra);
    store(rows_.new_h(row) + j, h, n);
    if constexpr (Cell::has_cell_state) store(rows_.new_c(row) + j, c, n);
    if (rows_.outputs.base) store(rows_.outputs(row) + j, layer_.residual ? h + load(rows_.x(row) + j, n) : h, n);
  }

  const PackedLayer& layer_;
  const StepRows& rows_;
  const long hidden_ = layer_.hidden, units_ = ceil_div(hidden_, kWidth);
};

template <class Cell> void step_as(const PackedLayer& layer, const StepRows& rows, int id, int count) {
  switch (static_cast<Format>(layer.format)) {
    case Format::kFloat32: return LayerStep<Cell, float>(layer, rows).run(id, count);
    case Format::kBfloat16: return LayerStep<Cell, uint16_t>(layer, rows).run(id, count);
    case Format::kInt8: return LayerStep<Cell, Int8>(layer, rows).run(id, count);
  }
}

void step(const PackedLayer& layer, const StepRows& rows, int id, int count) {
  if (!layer.recurrent_kernel) return step_as<Affine>(layer, rows, id, count);
  switch (static_cast<Kind>(layer.kind)) {
    case Kind::kGru: return step_as<Gru<float>>(layer, rows, id, count);
    case Kind::kLstm: return step_as<Lstm<float>>(layer, rows, id, count);
    case Kind::kPeephole: return step_as<Peephole<float>>(layer, rows, id, count);
    default: return step_as<Elman<float>>(layer, rows, id, count);
  }
}

// A network step by step ------------------------------------------------------------------------------------------------

class Walk {
 public:
  Walk(const elman::Steps& call, int threads)
      : call_(call),
        threads_(threads),
        width_(total_width()),
        state_width_(total_state()),
        states_(2 * call.rows * width_),
        outputs_(call.rows * width_),
        tokens_(call.rows),
        candidates_(call.sampler ? threads * call.sampler->vocab : 0) {}

  bool run() {
    if (!states_ || !outputs_ || !tokens_ || !candidates_) return false;
    int threads = threads_;
    if (threads > 1 && call_.steps >= 8 * kTrial) {
      const double together = seconds(threads, kTrial), alone = seconds(1, kTrial);
      if (alone < together) threads = 1;
    }
    seconds(threads, call_.steps - end_);
    keep_hidden();
    return true;
  }

 private:
  // On a busy machine threads wait long for each other: so many steps try out whether one thread is faster.
  static constexpr long kTrial = 3;

  // Runs the next `count` steps; returns how long they took.
  double seconds(int threads, long count) {
    timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    begin_ = end_, end_ += count;
    elman::team_run(threads, [](void* self, int id, int count) { static_cast<Walk*>(self)->work(id, count); }, this);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return static_cast<double>(after.tv_sec - before.tv_sec) + 1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec);
  }

  long total_width() const {
    long width = 0;
    for (long i = 0; i < call_.layer_count; i++) width += call_.layers[i].hidden;
    return width;
  }

  long total_state() const {
    long width = 0;
    for (long i = 0; i < call_.layer_count; i++) width += states_of(call_.layers[i]) * call_.layers[i].hidden;
    return width;
  }

  void work(int id, int count) {
    for (long now = begin_; now < end_; now++) {
      if (call_.sampler) choose(now, id, count);
      network(now, id, count);
    }
  }

  // Takes the next token of each row, which is given or chosen.
  void choose(long now, int id, int count) {
    const elman::Sampler& sampler = *call_.sampler;
    for (long row = id; row < call_.rows; row += count) {
      const long slot = call_.slots[row], at = row * call_.steps + now;
      const float* logits = call_.ys + slot * sampler.vocab;
      const float* draws = sampler.draws + (slot * sampler.block + sampler.place[slot] + now) * sampler.vocab;
      int32_t token = sampler.ids[at];
      if (token < 0) token = elman::sample(sampler, slot, logits, draws, candidates_ + id * sampler.vocab);
      sampler.nats[at] = elman::nats_of(sampler, logits, token);
      sampler.ids[at] = sampler.before[slot] = token;
      tokens_[row] = token;
    }
    barrier_.wait(count);
  }

  void network(long now, int id, int count) {
    const long rows = call_.rows, features = call_.layers[0].features;
    Rows<const float> x{call_.xs + now * features, call_.steps * features};
    if (call_.sampler) x = {call_.sampler->table, features, tokens_};
    long state = 0, place = 0;  // where the layer's state and outputs are
    for (long i = 0; i < call_.layer_count; i++) {
      const PackedLayer& layer = call_.layers[i];
      const long hidden = layer.hidden, all = rows * hidden;
      const bool last = i + 1 == call_.layer_count, apart = last || layer.residual;
      Rows<float> outputs{outputs_ + place, hidden};
      if (last) outputs = call_.sampler ? Rows<float>{call_.ys, hidden, call_.slots} : Rows<float>{call_.ys + now * hidden, call_.steps * hidden};
      StepRows at{rows, x, {}, {}, outputs, {}, {}};
      if (layer.recurrent_kernel) {
        at.h = now == 0 ? part(call_.state, state, hidden) : Rows<const float>{buffer(now - 1) + place, hidden};
        at.new_h = {buffer(now) + place, hidden};
        at.c = part(now == 0 ? call_.state : call_.new_state, state + hidden, hidden);
        at.new_c = part(call_.new_state, state + hidden, hidden);
        if (apart) at.outputs = outputs;
        else outputs = at.new_h;
        state += states_of(layer) * hidden;
      }
      step(layer, at, id, count);
      barrier_.wait(count);
      x = {outputs.base, outputs.stride, outputs.places};
      place += all;
    }
  }

  // Writes the last h of each layer into the new state: until then those before it are still read.
  void keep_hidden() const {
    long state = 0, place = 0;
    for (long i = 0; i < call_.layer_count; i++) {
      const PackedLayer& layer = call_.layers[i];
      const long hidden = layer.hidden;
      if (layer.recurrent_kernel) {
        const Rows<float> to = part(call_.new_state, state, hidden);
        for (long row = 0; row < call_.rows; row++)
          memcpy(to(row), buffer(call_.steps - 1) + place + row * hidden, hidden * sizeof(float));
        state += states_of(layer) * hidden;
      }
      place += call_.rows * hidden;
    }
  }

  // The part of a state that begins `before` numbers from its start in each row.
  template <class T> Rows<T> part(T* state, long before, long hidden) const {
    if (call_.slots) return {state + before, state_width_, call_.slots};
    return {state + call_.rows * before, hidden};
  }

  static long states_of(const PackedLayer& layer) {
    return !layer.recurrent_kernel ? 0 : elman::has_cell_state(static_cast<Kind>(layer.kind)) ? 2 : 1;
  }

  float* buffer(long now) const { return states_ + (now & 1) * call_.rows * width_; }

  const elman::Steps& call_;
  const int threads_;
  const long width_, state_width_;
  long begin_ = 0, end_ = 0;
  Scratch<float> states_, outputs_;
  Scratch<long> tokens_;
  Scratch<int32_t> candidates_;
  Barrier barrier_;
};

// One layer over sequences ----------------------------------------------------------------------------------------------

// The state of a row is where its last step wrote it: among the outputs, or in the carry before the first step.
class Sequences {
 public:
  Sequences(const elman::PackedSequences& call, int threads)
      : layer_(*call.layer),
        weights_(*call.weights),
        threads_(threads),
        places_(threads * layer_.batch),
        h_(threads * layer_.batch),
        c_(threads * layer_.batch),
        new_c_(threads * layer_.batch) {}

  bool run() {
    if (!places_ || !h_ || !c_ || !new_c_) return false;
    elman::team_run(threads_, [](void* self, int id, int count) { static_cast<Sequences*>(self)->work(id, count); }, this);
    return true;
  }

 private:
  void work(int id, int count) {
    const bool together = layer_.split_hidden;
    for (int part = together ? 0 : id; part < layer_.parts; part += together ? 1 : count)
      steps(part, id, together ? id : 0, together ? count : 1);
  }

  void steps(int part, int id, int share, int sharing) {
    const long first = layer_.part_begin[part], hidden = layer_.hidden, offset = id * layer_.batch;
    long running = layer_.part_begin[part + 1] - first;
    long* places = places_ + offset;
    const float **h = h_ + offset, **c = c_ + offset;
    float** new_c = new_c_ + offset;
    for (long i = 0; i < running; i++) begin(first + i, h[i], c[i], new_c[i], share == 0);
    const long rows = running;
    for (long now = 0; running; now++) {
      while (running && layer_.row_count[first + running - 1] <= now) running--;
      for (long i = 0; i < running; i++) {
        places[i] = layer_.row_first[first + i] + now * layer_.direction;
        if (layer_.resets && layer_.resets[places[i]]) {
          h[i] = layer_.h_start + layer_.row_batch[first + i] * hidden;
          if (has_cells_) c[i] = layer_.c_start + layer_.row_batch[first + i] * hidden;
        }
      }
      const Rows<float> ys{layer_.ys, hidden, places};
      step(weights_, {running, {layer_.xs, layer_.features, places}, {nullptr, 0, nullptr, h}, {nullptr, 0, nullptr, c}, ys,
                      {nullptr, 0, nullptr, new_c}, {}}, share, sharing);
      barrier_.wait(sharing);
      for (long i = 0; i < running; i++) h[i] = ys(i), c[i] = new_c[i];
    }
    for (long i = 0; i < rows && share == 0; i++)
      memcpy(layer_.h_last + layer_.row_batch[first + i] * hidden, h[i], hidden * sizeof(float));
  }

  void begin(long row, const float*& h, const float*& c, float*& new_c, bool clear) {
    const long sequence = layer_.row_batch[row], count = layer_.row_count[row], hidden = layer_.hidden;
    h = layer_.h_first + sequence * hidden;
    c = new_c = nullptr;
    if (has_cells_) {
      c = layer_.c_first + sequence * hidden;
      new_c = layer_.c_last + sequence * hidden;
      if (clear && !count) memcpy(new_c, c, hidden * sizeof(float));
    }
    if (!clear) return;
    const long time = layer_.time, place = count ? layer_.row_first[row] - sequence * time : 0;
    const long from = layer_.direction > 0 || !count ? place : place - count + 1;
    float* ys = layer_.ys + sequence * time * hidden;
    memset(ys, 0, from * hidden * sizeof(float));
    memset(ys + (from + count) * hidden, 0, (time - from - count) * hidden * sizeof(float));
  }

  const elman::Layer<float>& layer_;
  const PackedLayer& weights_;
  const bool has_cells_ = elman::has_cell_state(static_cast<Kind>(weights_.kind));
  const int threads_;
  Scratch<long> places_;
  Scratch<const float*> h_, c_;
  Scratch<float*> new_c_;
  Barrier barrier_;
};

}  // namespace

namespace elman::ELMAN_ISA {

long lanes() { return kWidth; }
long rows_together() { return kRowsTogether; }
bool run_steps(const Steps& call, int threads) { return Walk(call, threads).run(); }
bool run_sequences(const PackedSequences& call, int threads) { return Sequences(call, threads).run(); }

}  // namespace elman::ELMAN_ISA
