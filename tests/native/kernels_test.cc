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
  if (kind == Kind::kGru) check(in.recurrent_bias, got.d_recurrent_bias, "gradient by recurrent bias");
  check(in.h, got.d_h, "gradient by first h");
  check(in.h_start, got.d_h_start, "gradient by start h");
  if (kind == Kind::kLstm) check(in.c, got.d_c, "gradient by first c"), check(in.c_start, got.d_c_start, "gradient by start c");
}
#endif

bool same_outputs(const Case<ELMAN_TESTED_REAL>& in, const std::vector<ELMAN_TESTED_REAL>& expected) {
  return run(in, elman::team_size()).ys.memory == expected;
}

}  // namespace

int main(int arguments, char**) {
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
