// The bits of the kernels, without Python and XLA: `scripts/kernels`. A sequence has the same outputs, state, and gradients
// by its inputs and its carry alone, in a batch of any size, at any row, beside any neighbours, with any number of
// threads, padded on either side, in one piece or step by step, and its outputs whether or not anything is kept for a
// backward pass; the gradients by weights are the same for any number of threads.
#include <cstdio>
#include <cstring>

#include "layers.h"

namespace {

using Real = ELMAN_TESTED_REAL;

int failures = 0;

// `count` rows of `width` numbers each are the same bits; says what differs where they are not.
void expect_same(const Real* a, const Real* b, long width, const char* what, const Case<Real>& in, long row, int threads) {
  if (width == 0 || memcmp(a, b, width * sizeof(Real)) == 0) return;
  if (++failures > 20) return;
  std::printf("%s differs: kind %d, batch %ld time %ld features %ld hidden %ld, row %ld, %d threads\n", what,
              static_cast<int>(in.kind), in.size.batch, in.size.time, in.size.features, in.size.hidden, row, threads);
}

// The sequences of `in` that are named, in that order.
Case<Real> chosen(const Case<Real>& in, const std::vector<long>& rows) {
  const auto [batch, time, features, hidden] = in.size;
  Case<Real> out = in;
  out.size.batch = static_cast<long>(rows.size());
  const auto take = [&](const Odd<Real>& from, Odd<Real>& to, long width) {
    to = Odd<Real>(out.size.batch * width);
    for (long row = 0; row < out.size.batch; row++)
      memcpy(to.at() + row * width, from.at() + rows[row] * width, width * sizeof(Real));
  };
  take(in.xs, out.xs, time * features), take(in.d_ys, out.d_ys, time * hidden);
  for (auto state : {&Case<Real>::h, &Case<Real>::h_start, &Case<Real>::d_h_last}) take(in.*state, out.*state, hidden);
  for (auto state : {&Case<Real>::c, &Case<Real>::c_start, &Case<Real>::d_c_last})
    take(in.*state, out.*state, memory_of(in.kind, hidden));
  out.lengths.clear(), out.resets.clear(), out.zone_h.clear();
  for (long row : rows) {
    out.lengths.push_back(in.lengths[row]);
    out.resets.insert(out.resets.end(), in.resets.begin() + row * time, in.resets.begin() + (row + 1) * time);
    if (const long all = time * hidden; !in.zone_h.empty())
      out.zone_h.insert(out.zone_h.end(), in.zone_h.begin() + row * all, in.zone_h.begin() + (row + 1) * all);
  }
  return out;
}

// The same sequences with the padding on the other side.
Case<Real> padded_otherwise(const Case<Real>& in) {
  const auto [batch, time, features, hidden] = in.size;
  Case<Real> out = in;
  out.pad_left = !in.pad_left;
  for (long row = 0; row < batch; row++) {
    const long length = in.lengths[row], from = row * time + (in.pad_left ? time - length : 0);
    const long to = row * time + (out.pad_left ? time - length : 0);
    memmove(out.xs.at() + to * features, in.xs.at() + from * features, length * features * sizeof(Real));
    memmove(out.d_ys.at() + to * hidden, in.d_ys.at() + from * hidden, length * hidden * sizeof(Real));
    std::copy_n(in.resets.begin() + from, length, out.resets.begin() + to);
    if (!in.zone_h.empty()) std::copy_n(in.zone_h.begin() + from * hidden, length * hidden, out.zone_h.begin() + to * hidden);
  }
  return out;
}

// Row `b` of one run is row `a` of another.
void expect_same_row(const Case<Real>& in_a, const Results<Real>& a, long row_a, const Case<Real>& in_b,
                     const Results<Real>& b, long row_b, int threads) {
  const auto [batch, time, features, hidden] = in_a.size;
  const long length = in_a.lengths[row_a];
  const auto first = [&](const Case<Real>& in, long row) { return row * time + (in.pad_left ? time - length : 0); };
  const auto steps = [&](const Odd<Real>& x, const Odd<Real>& y, long width, const char* what) {
    expect_same(x.at() + first(in_a, row_a) * width, y.at() + first(in_b, row_b) * width, length * width, what, in_b, row_b, threads);
  };
  const long memory = memory_of(in_a.kind, hidden);
  const auto of_units = [&](const Odd<Real>& x, const Odd<Real>& y, long units, const char* what) {
    expect_same(x.at() + row_a * units, y.at() + row_b * units, units, what, in_b, row_b, threads);
  };
  const auto state = [&](const Odd<Real>& x, const Odd<Real>& y, const char* what) { of_units(x, y, hidden, what); };
  const auto cell = [&](const Odd<Real>& x, const Odd<Real>& y, const char* what) { of_units(x, y, memory, what); };
  steps(a.ys, b.ys, hidden, "output"), steps(a.d_xs, b.d_xs, features, "gradient by inputs");
  state(a.h_last, b.h_last, "last h"), state(a.d_h, b.d_h, "gradient by first h");
  state(a.d_h_start, b.d_h_start, "gradient by start h");
  steps(a.ys, b.only_ys, hidden, "output alone"), state(a.h_last, b.only_h_last, "last h alone");
  if (!elman::has_cell_state(in_a.kind)) return;
  steps(a.cs, b.cs, memory, "c"), cell(a.c_last, b.c_last, "last c"), cell(a.d_c, b.d_c, "gradient by first c");
  cell(a.c_last, b.only_c_last, "last c alone");
}

void expect_same_weights(const Case<Real>& in, const Results<Real>& a, const Results<Real>& b, int threads) {
  const auto all = [&](const Odd<Real>& x, const Odd<Real>& y, const char* what) {
    expect_same(x.at(), y.at(), x.size(), what, in, -1, threads);
  };
  all(a.d_kernel, b.d_kernel, "gradient by kernel"), all(a.d_bias, b.d_bias, "gradient by bias");
  all(a.d_recurrent_kernel, b.d_recurrent_kernel, "gradient by recurrent kernel");
  all(a.d_extra, b.d_extra, "gradient by extra weights");
}

// Outputs of one step after the other, each a call of its own that goes on from the state of the last.
void expect_same_steps(const Case<Real>& whole, const Results<Real>& expected, int threads) {
  const auto [batch, time, features, hidden] = whole.size;
  Case<Real> in = whole;
  in.size.time = 1;
  for (long step = 0; step < time; step++) {
    const long t = whole.reverse ? time - 1 - step : step;
    for (long row = 0; row < batch; row++) {
      memcpy(in.xs.at() + row * features, whole.xs.at() + (row * time + t) * features, features * sizeof(Real));
      const long begin = whole.pad_left ? time - whole.lengths[row] : 0;
      in.lengths[row] = t >= begin && t < begin + whole.lengths[row];
      in.resets[row] = whole.resets[row * time + t];
      if (!in.zone_h.empty())
        std::copy_n(whole.zone_h.begin() + (row * time + t) * hidden, hidden, in.zone_h.begin() + row * hidden);
    }
    const Results<Real> got = run(in, threads);
    for (long row = 0; row < batch; row++)
      for (const Odd<Real>& ys : {got.ys, got.only_ys})
        expect_same(ys.at() + row * hidden, expected.ys.at() + (row * time + t) * hidden, hidden, "output of a single step",
                    in, row, threads);
    in.h = got.h_last;
    if (elman::has_cell_state(in.kind)) in.c = got.c_last;
  }
}

void check(Kind kind, Size size, int mix, const std::vector<long>& batches) {
  const Case<Real> whole(kind, size, mix, 11);
  const Results<Real> expected = run(whole, 1);
  const Case<Real> otherwise = padded_otherwise(whole);
  for (int threads = 1; threads <= 3; threads++) {
    expect_same_weights(whole, expected, run(whole, threads), threads);
    const Results<Real> padded = run(otherwise, threads);
    expect_same_weights(whole, expected, padded, threads);
    for (long row = 0; row < size.batch; row++) expect_same_row(whole, expected, row, otherwise, padded, row, threads);
    for (long batch : batches) {
      std::vector<long> rows;  // the last ones, backwards: each at another place than in the whole
      for (long i = 0; i < batch; i++) rows.push_back(size.batch - 1 - i);
      const Case<Real> some = chosen(whole, rows);
      const Results<Real> got = run(some, threads);
      for (long i = 0; i < batch; i++) expect_same_row(whole, expected, rows[i], some, got, i, threads);
    }
    for (long batch : {1L, 2L, 5L, 16L, 20L}) {
      std::vector<long> rows;
      for (long i = 0; i < batch; i++) rows.push_back(i);
      const Case<Real> some = chosen(whole, rows);
      expect_same_steps(some, run(some, threads), threads);
    }
  }
}

}  // namespace

int main(int arguments, char**) {
  const bool quick = arguments > 1;  // for emulated processors
  std::vector<long> batches;
  for (long batch = 1; batch <= 70; batch += quick && batch > 3 ? 13 : 1) batches.push_back(batch);
  const long time = 3;
  for (Kind kind : {Kind::kElmanTanh, Kind::kElmanRelu, Kind::kGru, Kind::kLstm, Kind::kPeephole, Kind::kResetTanh,
                    Kind::kResetRelu, Kind::kProjected}) {
    int mix = 0;  // of lengths, padding, direction and resets
    for (long hidden : {1, 3, 17, 33, 255})
      if (!quick || hidden < 255 || kind == Kind::kLstm)
        check(kind, {70, time, hidden == 33 ? 300 : 5, hidden}, mix += 3, batches);
    check(kind, {40, 40, 7, 64}, 4, {1, 2, 7});  // more steps than are summed in one run
  }
  std::puts(failures ? "failed" : "the same bits");
  return failures != 0;
}
