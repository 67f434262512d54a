// A matrix that multiplies few rows at each of many steps.
#pragma once
#include "product.h"
#include "scratch.h"

namespace {

// The matrix B of the products to[m] = start + a[m] B. It is packed once, if there are products enough to be worth it;
// else each reads it as it is. The order of a sum is the same: the start, then k = 0, 1, 2, ...
template <class T> class Panels {
 public:
  // `from` has `stride` numbers between rows.
  Panels(const T* from, long stride, long depth, long columns, bool packed)
      : from_{from, stride}, depth_(depth), columns_(columns), packed_(packed), at_(packed ? all() * kPanel<T> * depth : 0) {}

  explicit operator bool() const { return at_; }

  // A thread's share of the panels.
  Range share_of(int id, int count) const { return share(all(), id, count); }

  // Packs some panels of B, or of the transpose of what `from` is.
  template <bool transposed = false> void pack(Range some) {
    if (packed_ && some.begin < some.end)
      pack_panels<transposed>(from_, 0, depth_, some.begin * kPanel<T>, columns(some).end, panel(some.begin));
  }

  // Some panels of the products of `rows` rows, which lie so far apart; `start` may be null.
  void multiply(const T* a, long a_stride, long rows, const T* start, T* to, long to_stride, Range some) const {
    if (!packed_) {
      for_blocks<kTileRows>(0, rows, [&]<int count>(long first) {
        const T* from[count];
        T* sums[count];
        for (int m = 0; m < count; m++) from[m] = a + (first + m) * a_stride, sums[m] = to + (first + m) * to_stride;
        multiply_rows<count, T>(from, from_.base, depth_, from_.stride, columns(some), start, sums);
      });
      return;
    }
    for_tiles<kTileRows, kPanelVectors>(0, rows, some.begin, some.end, [&]<int count, int panels>(long row, long first) {
      tile<count, panels>(Spaced<T>{a + row * a_stride, a_stride, 1}, start, to + row * to_stride, to_stride, first);
    });
  }

 private:
  long all() const { return ceil_div(columns_, kPanel<T>); }
  T* panel(long number) const { return at_ + number * kPanel<T> * depth_; }
  Range columns(Range some) const { return {some.begin * kPanel<T>, least(columns_, some.end * kPanel<T>)}; }

  template <int rows, int panels>
  __attribute__((noinline)) void tile(Spaced<T> a, const T* start, T* to, long to_stride, long first) const {
    Vector<T> sums[panels][rows][kPanelVectors] = {};
    const auto each = [&](auto&& visit) {
      ELMAN_UNROLL for (int p = 0; p < panels; p++)
        ELMAN_UNROLL for (int v = 0; v < kPanelVectors; v++) {
          const long column = (first + p) * kPanel<T> + v * kLanes<T>;
          if (column >= columns_) break;
          ELMAN_UNROLL for (int m = 0; m < rows; m++) visit(sums[p][m][v], m, column, columns_ - column);
        }
    };
    if (start) each([&](Vector<T>& sum, int, long column, long count) { sum = load(start + column, count); });
    multiply_tile<panels, rows, kPanelVectors, T>(a, panel(first), kPanel<T> * depth_, depth_, sums);
    each([&](Vector<T>& sum, int m, long column, long count) { store(to + m * to_stride + column, sum, count); });
  }

  const Rows<const T> from_;
  const long depth_, columns_;
  const bool packed_;
  Scratch<T> at_;
};

}  // namespace
