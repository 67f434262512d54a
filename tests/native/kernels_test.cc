// The kernels without Python and XLA, to be run under sanitizers: `scripts/sanitize`. Odd sizes, every mix of lengths,
// padding, resets and direction, arrays at odd addresses, several callers at once, and a call after a fork. Outputs are
// compared with plain loops in double, gradients with central differences of these loops.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "layer.h"
#include "schedule.h"

namespace {

using elman::Kind;
using elman::Layer;

bool failed = false;

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

template <class T> struct Case {
  Kind kind;
  Size size;
  bool pad_left, reverse;
  std::vector<int32_t> lengths;
  std::vector<unsigned char> resets;
  Odd<T> xs, kernel, recurrent_kernel, bias, recurrent_bias, h, c, h_start, c_start;

  Case(Kind kind, Size size, int mix, unsigned seed)
      : kind(kind), size(size), pad_left(mix & 1), reverse(mix & 2), lengths(size.batch), resets(size.batch * size.time) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const long columns = elman::gate_count(kind) * size.hidden, state = size.batch * size.hidden;
    auto draw = [&](long count, double scale) {
      Odd<T> array(count);
      for (long i = 0; i < count; i++) array.at()[i] = static_cast<T>(scale * normal(random));
      return array;
    };
    xs = draw(size.batch * size.time * size.features, 1);
    kernel = draw(size.features * columns, 0.5);
    recurrent_kernel = draw(size.hidden * columns, 0.5 / std::sqrt(size.hidden));
    bias = draw(columns, 0.3), recurrent_bias = draw(size.hidden, 0.3);
    h = draw(state, 0.5), c = draw(state, 0.5), h_start = draw(state, 0.5), c_start = draw(state, 0.5);
    for (auto& length : lengths) length = mix & 4 ? static_cast<int32_t>(random() % (size.time + 1)) : size.time;
    for (auto& reset : resets) reset = mix & 8 ? random() % 3 == 0 : 0;
  }
};

template <class T> struct Results {
  Odd<T> ys, gates, cs, h_last, c_last;
  Odd<T> d_xs, d_kernel, d_recurrent_kernel, d_bias, d_recurrent_bias, d_h, d_c, d_h_start, d_c_start;
};

// The weights of outputs in the loss whose gradients are computed.
double weight(long i) { return std::cos(static_cast<double>(i)); }

template <class T> Results<T> run(const Case<T>& in, bool backward) {
  const auto [batch, time, features, hidden] = in.size;
  const long steps = batch * time, state = batch * hidden;
  const bool single = elman::gate_count(in.kind) == 1;
  Results<T> out;
  out.ys = Odd<T>(steps * hidden), out.cs = Odd<T>(steps * hidden);
  out.gates = Odd<T>(steps * hidden * elman::kept_count(in.kind));
  out.h_last = Odd<T>(state), out.c_last = Odd<T>(state);
  Layer<T> layer{};
  layer.kind = in.kind;
  layer.batch = batch, layer.time = time, layer.features = features, layer.hidden = hidden;
  layer.direction = in.reverse ? -1 : 1;
  layer.xs = in.xs.at(), layer.kernel = in.kernel.at(), layer.recurrent_kernel = in.recurrent_kernel.at();
  layer.bias = in.bias.at(), layer.recurrent_bias = in.recurrent_bias.at();
  layer.h_first = in.h.at(), layer.c_first = in.c.at();
  layer.h_start = in.h_start.at(), layer.c_start = in.c_start.at(), layer.resets = in.resets.data();
  layer.ys = out.ys.at(), layer.gates = single ? layer.ys : out.gates.at(), layer.cs = out.cs.at();
  layer.h_last = out.h_last.at(), layer.c_last = out.c_last.at();
  elman::Schedule schedule = elman::plan(layer, in.lengths.data(), in.pad_left);
  schedule.give(layer);
  const int threads = elman::team_size();  // more than the schedule asks for: also for the smallest sizes
  if (!elman::ELMAN_TESTED::forward(layer, threads)) std::abort();
  if (!backward) return out;

  Odd<T> d_ys(steps * hidden), d_h_last(state), d_c_last(state);
  for (long i = 0; i < d_ys.size(); i++) d_ys.at()[i] = static_cast<T>(weight(i));
  for (long i = 0; i < state; i++) d_h_last.at()[i] = static_cast<T>(weight(i + 1)), d_c_last.at()[i] = static_cast<T>(weight(i + 2));
  layer.d_ys = d_ys.at(), layer.d_h_last = d_h_last.at(), layer.d_c_last = d_c_last.at();
  if (single) layer.gates = d_ys.at();
  out.d_xs = Odd<T>(in.xs.size()), out.d_kernel = Odd<T>(in.kernel.size());
  out.d_recurrent_kernel = Odd<T>(in.recurrent_kernel.size()), out.d_bias = Odd<T>(in.bias.size());
  out.d_recurrent_bias = Odd<T>(hidden), out.d_h = Odd<T>(state), out.d_c = Odd<T>(state);
  out.d_h_start = Odd<T>(state), out.d_c_start = Odd<T>(state);
  layer.d_xs = out.d_xs.at(), layer.d_kernel = out.d_kernel.at(), layer.d_recurrent_kernel = out.d_recurrent_kernel.at();
  layer.d_bias = out.d_bias.at(), layer.d_recurrent_bias = out.d_recurrent_bias.at();
  layer.d_h_first = out.d_h.at(), layer.d_c_first = out.d_c.at();
  layer.d_h_start = out.d_h_start.at(), layer.d_c_start = out.d_c_start.at();
  if (!elman::ELMAN_TESTED::backward(layer, threads)) std::abort();
  return out;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The loss by plain loops; where `ys` is given, the outputs too.
template <class T> double loop(const Case<T>& in, std::vector<double>* ys = nullptr) {
  const auto [batch, time, features, hidden] = in.size;
  const int gates = elman::gate_count(in.kind);
  double loss = 0;
  for (long b = 0; b < batch; b++) {
    std::vector<double> h(in.h.at() + b * hidden, in.h.at() + (b + 1) * hidden), c(hidden);
    for (long j = 0; j < hidden; j++) c[j] = in.c.at()[b * hidden + j];
    const long length = in.lengths[b], begin = in.pad_left ? time - length : 0;
    for (long s = 0; s < length; s++) {
      const long t = in.reverse ? begin + length - 1 - s : begin + s;
      if (in.resets[b * time + t])
        for (long j = 0; j < hidden; j++) h[j] = in.h_start.at()[b * hidden + j], c[j] = in.c_start.at()[b * hidden + j];
      std::vector<double> x(gates * hidden), u(gates * hidden), next(hidden);
      for (long g = 0; g < gates * hidden; g++) {
        x[g] = in.bias.at()[g];
        for (long i = 0; i < features; i++)
          x[g] += in.xs.at()[(b * time + t) * features + i] * static_cast<double>(in.kernel.at()[i * gates * hidden + g]);
        for (long k = 0; k < hidden; k++) u[g] += h[k] * in.recurrent_kernel.at()[k * gates * hidden + g];
      }
      for (long j = 0; j < hidden; j++) {
        auto sum = [&](long g) { return x[g * hidden + j] + u[g * hidden + j]; };
        if (in.kind == Kind::kElmanTanh) next[j] = std::tanh(sum(0));
        if (in.kind == Kind::kElmanRelu) next[j] = sum(0) > 0 ? sum(0) : 0;
        if (in.kind == Kind::kGru) {
          double r = sigmoid(sum(0)), z = sigmoid(sum(1));
          double n = std::tanh(x[2 * hidden + j] + r * (u[2 * hidden + j] + in.recurrent_bias.at()[j]));
          next[j] = (1 - z) * n + z * h[j];
        }
        if (in.kind == Kind::kLstm) {
          c[j] = sigmoid(sum(1)) * c[j] + sigmoid(sum(0)) * std::tanh(sum(2));
          next[j] = sigmoid(sum(3)) * std::tanh(c[j]);
        }
        const long at = (b * time + t) * hidden + j;
        if (ys) (*ys)[at] = next[j];
        loss += weight(at) * next[j];
      }
      h = next;
    }
    for (long j = 0; j < hidden; j++) {
      loss += weight(b * hidden + j + 1) * h[j];
      if (in.kind == Kind::kLstm) loss += weight(b * hidden + j + 2) * c[j];
    }
  }
  return loss;
}

void expect(bool good, const char* what, Kind kind, Size size, int mix) {
  if (good) return;
  failed = true;
  std::printf("%s differs: kind %d, batch %ld time %ld features %ld hidden %ld, mix %d\n", what, static_cast<int>(kind),
              size.batch, size.time, size.features, size.hidden, mix);
}

template <class T> void check_outputs(Kind kind, Size size, int mix) {
  Case<T> in(kind, size, mix, 7);
  std::vector<double> expected(size.batch * size.time * size.hidden);
  loop(in, &expected);
  Results<T> got = run(in, true);
  double worst = 0;
  for (size_t i = 0; i < expected.size(); i++) worst = std::max(worst, std::abs(got.ys.at()[i] - expected[i]));
  expect(worst < (sizeof(T) == 4 ? 2e-5 : 1e-11), "output", kind, size, mix);
}

#if defined(ELMAN_TESTED_DOUBLE)
void check_gradients(Kind kind, Size size, int mix) {
  Case<double> in(kind, size, mix, 7);
  Results<double> got = run(in, true);
  auto check = [&](Odd<double>& array, const Odd<double>& gradient, const char* what) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    std::vector<double> direction(array.size());
    double slope = 0;
    for (long i = 0; i < array.size(); i++) direction[i] = normal(random), slope += direction[i] * gradient.at()[i];
    auto moved = [&](double by) {
      for (long i = 0; i < array.size(); i++) array.at()[i] += by * direction[i];
      double loss = loop(in);
      for (long i = 0; i < array.size(); i++) array.at()[i] -= by * direction[i];
      return loss;
    };
    double measured = (moved(1e-6) - moved(-1e-6)) / 2e-6;
    expect(std::abs(slope - measured) < 1e-5 * (1 + std::abs(measured)), what, kind, size, mix);
  };
  check(in.xs, got.d_xs, "gradient by inputs");
  check(in.kernel, got.d_kernel, "gradient by kernel");
  check(in.recurrent_kernel, got.d_recurrent_kernel, "gradient by recurrent kernel");
  check(in.bias, got.d_bias, "gradient by bias");
  if (kind == Kind::kGru) check(in.recurrent_bias, got.d_recurrent_bias, "gradient by recurrent bias");
  check(in.h, got.d_h, "gradient by first h");
  check(in.h_start, got.d_h_start, "gradient by start h");
  if (kind == Kind::kLstm) check(in.c, got.d_c, "gradient by first c"), check(in.c_start, got.d_c_start, "gradient by start c");
}
#endif

bool same_outputs(const Case<ELMAN_TESTED_REAL>& in, const std::vector<ELMAN_TESTED_REAL>& expected) {
  return run(in, true).ys.memory == expected;
}

}  // namespace

int main() {
  setenv("ELMAN_NUM_THREADS", "3", 0);
  using Real = ELMAN_TESTED_REAL;
  const Kind kinds[] = {Kind::kElmanTanh, Kind::kElmanRelu, Kind::kGru, Kind::kLstm};
  const Size sizes[] = {{1, 1, 1, 1}, {3, 5, 2, 3}, {5, 4, 17, 17}, {8, 3, 1, 33}, {2, 2, 3, 255}, {1, 6, 40, 128}, {23, 2, 12, 70}};
  for (Kind kind : kinds)
    for (Size size : sizes)
      for (int mix = 0; mix < 16; mix += size.hidden > 64 ? 5 : 1) check_outputs<Real>(kind, size, mix);
#if defined(ELMAN_TESTED_DOUBLE)
  for (Kind kind : kinds)
    for (int mix = 0; mix < 16; mix++) check_gradients(kind, {3, 5, 2, 6}, mix);
#endif

  // Several callers at once: one has the team, the others work alone.
  Case<Real> shared(Kind::kLstm, {6, 5, 9, 40}, 4, 1);
  const auto expected = run(shared, true).ys.memory;
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; caller++)
    callers.emplace_back([&] {
      for (int i = 0; i < 20; i++) wrong += !same_outputs(shared, expected);
    });
  for (auto& caller : callers) caller.join();
  expect(wrong == 0, "output of several callers", Kind::kLstm, shared.size, 4);

#if !defined(__SANITIZE_THREAD__)  // which does not follow threads of a forked process
  if (pid_t child = fork(); child == 0) {
    alarm(60);
    _exit(same_outputs(shared, expected) ? 0 : 1);
  } else {
    int status = 0;
    waitpid(child, &status, 0);
    expect(status == 0, "output after a fork", Kind::kLstm, shared.size, 4);
  }
#endif
  std::puts(failed ? "failed" : "all as expected");
  return failed;
}
