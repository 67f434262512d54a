// The values of the kernels without Python and XLA, to be run under sanitizers: `scripts/kernels`. Odd sizes, every mix of
// lengths, padding, resets and direction, arrays at odd addresses, several callers at once, and a call after a fork.
// Outputs are compared with plain loops in double, gradients with central differences of these loops.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "layers.h"

namespace {

bool failed = false;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One step of a sequence by plain loops, from the sums over its inputs and over h: changes h and c.
template <class T>
void advance(const Case<T>& in, const std::vector<double>& x, const std::vector<double>& u, std::vector<double>& h,
             std::vector<double>& c) {
  const long hidden = in.size.hidden, memory = memory_of(in.kind, hidden);
  const std::vector<double> before = h;
  const T* const extra = in.extra.at();
  const auto sum = [&](long gate, long j) { return x[gate * memory + j] + u[gate * memory + j]; };
  std::vector<double> m(memory);
  for (long j = 0; j < memory; j++) {
    if (in.kind == Kind::kElmanTanh) h[j] = std::tanh(sum(0, j));
    if (in.kind == Kind::kElmanRelu) h[j] = sum(0, j) > 0 ? sum(0, j) : 0;
    if (in.kind == Kind::kGru) {
      const double r = sigmoid(sum(0, j)), z = sigmoid(sum(1, j));
      h[j] = (1 - z) * std::tanh(x[2 * hidden + j] + r * (u[2 * hidden + j] + extra[j])) + z * h[j];
    }
    if (elman::has_cell_state(in.kind)) {
      const auto peep = [&](long which) { return in.kind == Kind::kPeephole ? extra[which * hidden + j] * c[j] : 0; };
      const double i = sigmoid(sum(0, j) + peep(0)), f = sigmoid(sum(1, j) + peep(1));
      c[j] = f * c[j] + i * std::tanh(sum(2, j));
      m[j] = sigmoid(sum(3, j) + peep(2)) * std::tanh(c[j]);
      if (in.kind != Kind::kProjected) h[j] = m[j];
    } else {
      m[j] = sigmoid(sum(0, j)) * before[j];
    }
  }
  if (!elman::has_two_products(in.kind)) return;
  for (long j = 0; j < hidden; j++) {
    const bool projected = in.kind == Kind::kProjected;
    double a = projected ? 0 : x[2 * hidden + j];
    for (long k = 0; k < memory; k++)
      a += m[k] * (projected ? extra[k * hidden + j] : in.recurrent_kernel.at()[k * 3 * hidden + 2 * hidden + j]);
    const double n = in.kind == Kind::kResetTanh ? std::tanh(a) : in.kind == Kind::kResetSigmoid ? sigmoid(a) : std::max(a, 0.0);
    h[j] = projected ? a : (1 - sigmoid(sum(1, j))) * n + sigmoid(sum(1, j)) * before[j];
  }
}

// The loss by plain loops; where `ys` is given, the outputs too.
template <class T> double loop(const Case<T>& in, std::vector<double>* ys = nullptr) {
  const auto [batch, time, features, hidden] = in.size;
  const long memory = memory_of(in.kind, hidden), columns = elman::gate_count(in.kind) * memory;
  double loss = 0;
  for (long b = 0; b < batch; b++) {
    const auto row = [&](const Odd<T>& states, long units) {
      return std::vector<double>(states.at() + b * units, states.at() + (b + 1) * units);
    };
    std::vector<double> h = row(in.h, hidden), c = row(in.c, memory);
    const long length = in.lengths[b], begin = in.pad_left ? time - length : 0;
    for (long s = 0; s < length; s++) {
      const long t = in.reverse ? begin + length - 1 - s : begin + s;
      if (in.resets[b * time + t]) h = row(in.h_start, hidden), c = row(in.c_start, memory);
      std::vector<double> x(columns), u(columns);
      for (long g = 0; g < columns; g++) {
        x[g] = in.bias.at()[g];
        for (long i = 0; i < features; i++)
          x[g] += in.xs.at()[(b * time + t) * features + i] * static_cast<double>(in.kernel.at()[i * columns + g]);
        for (long k = 0; k < hidden; k++) u[g] += h[k] * in.recurrent_kernel.at()[k * columns + g];
      }
      const std::vector<double> h_before = h, c_before = c;
      advance(in, x, u, h, c);
      for (long j = 0; j < hidden && !in.zone_h.empty(); j++) {
        if (in.zone_h[(b * time + t) * hidden + j]) h[j] = h_before[j];
        c[j] = in.rate_c * c_before[j] + (1 - in.rate_c) * c[j];
      }
      for (long j = 0; j < hidden; j++) {
        const long at = (b * time + t) * hidden + j;
        if (ys) (*ys)[at] = h[j];
        loss += weight(at) * h[j];
      }
    }
    for (long j = 0; j < hidden; j++) loss += weight(b * hidden + j + 1) * h[j];
    if (elman::has_cell_state(in.kind))
      for (long j = 0; j < memory; j++) loss += weight(b * memory + j + 2) * c[j];
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
  Results<T> got = run(in, elman::team_size());
  double worst = 0;
  for (size_t i = 0; i < expected.size(); i++) worst = std::max(worst, std::abs(got.ys.at()[i] - expected[i]));
  expect(worst < (sizeof(T) == 4 ? 2e-5 : 1e-11), "output", kind, size, mix);
}

#if defined(ELMAN_TESTED_DOUBLE)
void check_gradients(Kind kind, Size size, int mix) {
  Case<double> in(kind, size, mix, 7);
  Results<double> got = run(in, elman::team_size());
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
  check(in.extra, got.d_extra, "gradient by extra weights");
  check(in.h, got.d_h, "gradient by first h");
  check(in.h_start, got.d_h_start, "gradient by start h");
  if (elman::has_cell_state(kind)) check(in.c, got.d_c, "gradient by first c"), check(in.c_start, got.d_c_start, "gradient by start c");
}
#endif

bool same_outputs(const Case<ELMAN_TESTED_REAL>& in, const std::vector<ELMAN_TESTED_REAL>& expected) {
  return run(in, elman::team_size()).ys.memory == expected;
}

}  // namespace

int main([[maybe_unused]] int arguments, char**) {
  setenv("ELMAN_NUM_THREADS", "3", 0);
  using Real = ELMAN_TESTED_REAL;
  const Kind kinds[] = {Kind::kElmanTanh, Kind::kElmanRelu, Kind::kGru, Kind::kLstm, Kind::kPeephole,
                        Kind::kResetTanh, Kind::kResetSigmoid, Kind::kResetRelu, Kind::kProjected};
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
  const auto expected = run(shared, elman::team_size()).ys.memory;
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; caller++)
    callers.emplace_back([&] {
      for (int i = 0; i < 20; i++) wrong += !same_outputs(shared, expected);
    });
  for (auto& caller : callers) caller.join();
  expect(wrong == 0, "output of several callers", Kind::kLstm, shared.size, 4);

#if defined(__SANITIZE_THREAD__)  // which does not follow threads of a forked process
  const bool forks = false;
#else
  const bool forks = arguments == 1;  // an emulator does not either
#endif
  if (pid_t child = forks ? fork() : -1; child == 0) {
    alarm(60);
    _exit(same_outputs(shared, expected) ? 0 : 1);
  } else if (forks) {
    int status = 0;
    waitpid(child, &status, 0);
    expect(status == 0, "output after a fork", Kind::kLstm, shared.size, 4);
  }
  std::puts(failed ? "failed" : "all as expected");
  return failed;
}
