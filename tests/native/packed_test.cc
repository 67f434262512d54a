// Packed weights, without Python and XLA: `scripts/kernels`. A layer with packed float32 weights has the bits of the
// training kernel, and with bfloat16 and int8 weights the numbers of that kernel with the same rounded weights; a network
// step by step has the bits of its layers over whole sequences; and nothing depends on the number of threads.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "layers.h"
#include "packed.h"

namespace {

using elman::Format;
using elman::PackedLayer;

int failures = 0;

void expect_close(const float* a, const float* b, long count, double within, const char* what, const Case<float>& in) {
  double worst = 0;
  for (long i = 0; i < count; i++) worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
  const bool same = within ? worst <= within : count == 0 || memcmp(a, b, count * sizeof(float)) == 0;
  if (same || ++failures > 20) return;
  std::printf("%s: kind %d, batch %ld time %ld features %ld hidden %ld, off by %g\n", what, static_cast<int>(in.kind),
              in.size.batch, in.size.time, in.size.features, in.size.hidden, worst);
}

// A weight as it is stored, and the numbers that it then holds.
struct Stored {
  std::vector<float> floats, scales, held;
  std::vector<uint16_t> halves;
  std::vector<int8_t> bytes;
  const void* at(Format format) const {
    return format == Format::kFloat32 ? static_cast<const void*>(floats.data())
           : format == Format::kInt8  ? static_cast<const void*>(bytes.data())
                                      : static_cast<const void*>(halves.data());
  }
};

// The place of a number in panels.
long place(long k, long column, long depth, long gates, long hidden, long lanes) {
  const long unit = column % hidden, vector = unit / lanes * gates + column / hidden, panel = vector / 4;
  const long vectors = (hidden + lanes - 1) / lanes * gates, wide = std::min(4L, vectors - panel * 4);
  return panel * 4 * lanes * depth + (k * wide + vector % 4) * lanes + unit % lanes;
}

Stored store(const float* matrix, long depth, long gates, long hidden, Format format) {
  const long lanes = elman::ELMAN_TESTED::lanes(), columns = gates * hidden;
  const long all = (hidden + lanes - 1) / lanes * lanes * gates;
  const long together = elman::ELMAN_TESTED::rows_together(), groups = (depth + together - 1) / together;
  Stored out;
  out.held.resize(depth * columns), out.floats.resize(depth * all), out.halves.resize(depth * all);
  out.bytes.resize(groups * together * all);
  if (format == Format::kInt8) out.scales.resize(all);
  for (long column = 0; column < columns; column++) {
    float largest = 0;
    for (long k = 0; k < depth; k++) largest = std::max(largest, std::abs(matrix[k * columns + column]));
    const float scale = largest ? largest / 127 : 1;
    if (format == Format::kInt8) out.scales[place(0, column, 1, gates, hidden, lanes)] = scale;
    for (long k = 0; k < depth; k++) {
      const long to = place(k, column, depth, gates, hidden, lanes);
      float value = matrix[k * columns + column];
      const int whole = static_cast<int>(std::nearbyint(value / scale));
      if (format == Format::kInt8) value = static_cast<float>(whole) * scale;
      if (together == 1) out.bytes[to] = static_cast<int8_t>(whole);
      else out.bytes[place(k / together, column, groups, gates, hidden, lanes) * together + k % together] = static_cast<int8_t>(whole + 128);
      uint32_t bits;
      memcpy(&bits, &value, sizeof bits);
      out.halves[to] = static_cast<uint16_t>(bits >> 16);
      bits &= 0xffff0000;
      if (format == Format::kBfloat16) memcpy(&value, &bits, sizeof bits);
      out.floats[to] = out.held[k * columns + column] = value;
    }
  }
  return out;
}

void check(Kind kind, Size size, int mix, Format format) {
  Case<float> in(kind, size, mix, static_cast<unsigned>(size.hidden + mix));
  in.zone_h.clear();  // zoneout is for whole sequences with plain weights
  const auto [batch, time, features, hidden] = size;
  const long gates = elman::gate_count(kind), state = batch * hidden;
  const bool cells = elman::has_cell_state(kind);
  const Stored kernel = store(in.kernel.at(), features, gates, hidden, format);
  const Stored recurrent_kernel = store(in.recurrent_kernel.at(), hidden, gates, hidden, format);
  const Stored bias = store(in.bias.at(), 1, gates, hidden, Format::kFloat32);
  const Stored extra = store(in.extra.at(), 1, extra_count(kind, hidden) / hidden, hidden, Format::kFloat32);
  std::copy(kernel.held.begin(), kernel.held.end(), in.kernel.at());
  std::copy(recurrent_kernel.held.begin(), recurrent_kernel.held.end(), in.recurrent_kernel.at());
  const double within = format == Format::kInt8 ? 2e-5 : 0;
  const auto expected = run(in, 1);

  PackedLayer weights{static_cast<int64_t>(kind), static_cast<int64_t>(format), features, hidden, 0, kernel.at(format),
                      recurrent_kernel.at(format), nullptr, nullptr, bias.floats.data(), extra.floats.data()};
  if (format == Format::kInt8) weights.scales = kernel.scales.data(), weights.recurrent_scales = recurrent_kernel.scales.data();
  for (int threads : {1, 3}) {
    Odd<float> ys(batch * time * hidden), h_last(state), c_last(state);
    Layer<float> layer{};
    layer.kind = kind, layer.batch = batch, layer.time = time, layer.features = features;
    layer.hidden = layer.memory = hidden;
    layer.direction = in.reverse ? -1 : 1;
    layer.xs = in.xs.at(), layer.h_first = in.h.at(), layer.c_first = in.c.at();
    layer.h_start = in.h_start.at(), layer.c_start = in.c_start.at(), layer.resets = in.resets.data();
    layer.ys = ys.at(), layer.h_last = h_last.at(), layer.c_last = c_last.at();
    elman::Schedule schedule = elman::plan(layer, in.lengths.data(), in.pad_left, threads);
    schedule.give(layer);
    if (!elman::ELMAN_TESTED::run_sequences({&layer, &weights}, threads)) std::abort();
    expect_close(ys.at(), expected.ys.at(), ys.size(), within, "outputs", in);
    expect_close(h_last.at(), expected.h_last.at(), state, within, "h", in);
    if (cells) expect_close(c_last.at(), expected.c_last.at(), state, within, "c", in);

    if (mix) continue;
    Odd<float> before(cells ? 2 * state : state), after(before.size()), stepped(ys.size());
    std::copy_n(in.h.at(), state, before.at());
    if (cells) std::copy_n(in.c.at(), state, before.at() + state);
    const elman::Steps steps{&weights, 1, batch, time, in.xs.at(), before.at(), after.at(), stepped.at(), nullptr, nullptr};
    if (!elman::ELMAN_TESTED::run_steps(steps, threads)) std::abort();
    expect_close(stepped.at(), ys.at(), ys.size(), 0, "steps", in);
    expect_close(after.at(), h_last.at(), state, 0, "h after steps", in);
  }
}

// A layer and a head that choose tokens for the texts in some slots, in any order: the same with any number of threads,
// in one call or in two.
void check_sampler(Format format, float temperature, int64_t top_k, float top_p) {
  const long vocab = 23, features = 5, hidden = 33, rows = 3, places = 4, time = 8;
  Case<float> in(Kind::kLstm, {rows, time, features, hidden}, 0, 1), drawn(Kind::kElmanTanh, {places, time, vocab, hidden}, 0, 2);
  const Stored kernel = store(in.kernel.at(), features, 4, hidden, format), bias = store(in.bias.at(), 1, 4, hidden, Format::kFloat32);
  const Stored recurrent_kernel = store(in.recurrent_kernel.at(), hidden, 4, hidden, format);
  const Stored head = store(in.recurrent_kernel.at(), hidden, 1, vocab, format), start = store(in.bias.at(), 1, 1, vocab, Format::kFloat32);
  const auto scales = [&](const Stored& one) { return format == Format::kInt8 ? one.scales.data() : nullptr; };
  const int64_t stored = static_cast<int64_t>(format);
  const PackedLayer layers[] = {
      {static_cast<int64_t>(Kind::kLstm), stored, features, hidden, 0, kernel.at(format), recurrent_kernel.at(format),
       scales(kernel), scales(recurrent_kernel), bias.floats.data(), nullptr},
      {0, stored, hidden, vocab, 0, head.at(format), nullptr, scales(head), nullptr, start.floats.data(), nullptr}};
  std::vector<unsigned char> allowed(vocab, 1);
  allowed[0] = allowed[7] = 0;
  const long slots[rows] = {2, 0, 3};
  const std::vector<float> temperatures(places, temperature), tops(places, top_p);
  const std::vector<int64_t> counts(places, top_k);
  std::vector<int32_t> expected;
  for (int threads : {1, 2, 3})
    for (long piece : {time, time / 2}) {
      std::vector<float> state(places * 2 * hidden), logits(places * vocab), nats(rows * piece);
      std::vector<int32_t> before(places, 1), all(rows * time);
      for (long at = 0; at < time; at += piece) {
        const std::vector<int64_t> place(places, at);
        std::vector<int32_t> ids(rows * piece, -1);
        const elman::Sampler sampler{vocab, 0, time, in.xs.at(), allowed.data(), nullptr, nullptr, nullptr,
                                     temperatures.data(), tops.data(), counts.data(), drawn.xs.at(), place.data(),
                                     before.data(), ids.data(), nats.data()};
        const elman::Steps steps{layers, 2, rows, piece, nullptr, state.data(), state.data(), logits.data(), slots, &sampler};
        if (!elman::ELMAN_TESTED::run_steps(steps, threads)) std::abort();
        for (long row = 0; row < rows; row++) std::copy_n(ids.begin() + row * piece, piece, all.begin() + row * time + at);
      }
      if (expected.empty()) expected = all;
      const bool allowed_only = std::all_of(all.begin(), all.end(), [&](int32_t id) { return id >= 0 && id < vocab && allowed[id]; });
      if (all == expected && allowed_only) continue;
      failures++;
      std::printf("tokens differ, or are not allowed: %d threads, pieces of %ld, temperature %g\n", threads, piece, temperature);
    }
}

}  // namespace

int main(int count, char**) {
  std::vector<long> sizes{1, 3, 17, 33};
  if (count == 1) sizes.push_back(255);  // too long for an emulator
  for (Format format : {Format::kFloat32, Format::kBfloat16, Format::kInt8}) {
    for (Kind kind : {Kind::kElmanTanh, Kind::kElmanRelu, Kind::kGru, Kind::kLstm, Kind::kPeephole})
      for (long hidden : sizes)
        for (int mix : {0, 7, 12, 15}) check(kind, {7, 5, 6, hidden}, mix, format);
    check_sampler(format, 0, 0, 1), check_sampler(format, 1, 0, 1), check_sampler(format, 0.7f, 5, 0.8f);
  }
  std::printf(failures ? "%d failures\n" : "packed weights agree\n", failures);
  return failures != 0;
}
