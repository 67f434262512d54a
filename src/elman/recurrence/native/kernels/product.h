// Matrix products: register tiles over packed panels, and products C = A B made of them.
//
// The order of a sum is part of what the kernels promise: along the axis of weights (features, hidden units, gates)
// every element is one chain of multiply_add over k = 0, 1, 2, ..., in any tile, block or thread. So a row's result has
// the same bits whatever the other rows are. To keep both pipelines busy, a tile of few rows takes more columns side by
// side, and never splits k.
#pragma once
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "vector.h"

namespace {

// A panel is `kPanelVectors` vectors of columns; a tile is `kTileRows` rows of a panel, held in registers.
constexpr int kPanelVectors = kRegisters == 32 ? 4 : 3;
constexpr int kTileRows = kRegisters == 32 ? 6 : 4;
template <class T> constexpr long kPanel = kPanelVectors * kLanes<T>;

// The number of panels of `vectors` vectors that a tile of so many rows takes side by side: a multiply-add takes four
// or five cycles and two can start in each cycle, so a tile should have about a dozen sums.
constexpr int panels_together(int rows, int vectors) {
  const int most = (kRegisters == 32 ? 16 : 12) / (rows * vectors);
  return rows > 2 || most < 1 ? 1 : most;
}

// The factors of a tile's rows: evenly spaced, or each row at an address of its own.
template <class T> struct Spaced {
  const T* base;
  long row_stride, k_stride;
  ELMAN_INLINE T operator()(int m, long k) const { return base[m * row_stride + k * k_stride]; }
};
template <class T, int rows> struct Scattered {
  const T* row[rows];
  ELMAN_INLINE T operator()(int m, long k) const { return row[m][k]; }
};

// sums[p][m][v] += sum over k of a(m, k) panel p[k, v]; panels lie `panel_stride` apart.
template <int panels, int rows, int vectors, class T, class Factors>
ELMAN_INLINE void multiply_tile(const Factors a, const T* __restrict panel, long panel_stride, long depth,
                                Vector<T> (&sums)[panels][rows][vectors]) {
  constexpr long width = vectors * kLanes<T>;
  for (long k = 0; k < depth; k++) {
    ELMAN_UNROLL for (int p = 0; p < panels; p++) {
      const T* from = panel + p * panel_stride + k * width;
      Vector<T> b[vectors];
      ELMAN_UNROLL for (int v = 0; v < vectors; v++) b[v] = whole(from + v * kLanes<T>);
      ELMAN_UNROLL for (int m = 0; m < rows; m++) {
        Vector<T> from_a = fill(a(m, k));
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) sums[p][m][v] = multiply_add(from_a, b[v], sums[p][m][v]);
      }
    }
  }
}

// Calls tile(first), with the number as a compile-time constant, for blocks of nearly equal size, none larger than
// `most`.
template <int most, class Tile> ELMAN_INLINE void for_blocks(long begin, long end, Tile&& tile) {
  const long all = end - begin, blocks = ceil_div(all, most);
  for (long block = 0; block < blocks; block++) {
    const long first = begin + all * block / blocks, count = begin + all * (block + 1) / blocks - first;
    switch (count) {
      case 1: tile.template operator()<1>(first); break;
      case 2: if constexpr (most >= 2) tile.template operator()<2>(first); break;
      case 3: if constexpr (most >= 3) tile.template operator()<3>(first); break;
      case 4: if constexpr (most >= 4) tile.template operator()<4>(first); break;
      case 5: if constexpr (most >= 5) tile.template operator()<5>(first); break;
      case 6: if constexpr (most >= 6) tile.template operator()<6>(first); break;
      case 7: if constexpr (most >= 7) tile.template operator()<7>(first); break;
      case 8: if constexpr (most >= 8) tile.template operator()<8>(first); break;
    }
  }
}

// Calls tile(first row, first panel), with the numbers of both as compile-time constants, for tiles over whole panels
// of `vectors` vectors, none of more than `most` rows.
template <int most, int vectors, class Tile>
ELMAN_INLINE void for_tiles(long first_row, long end_row, long first_panel, long end_panel, Tile&& tile) {
  const auto few = [&]<int rows>() {
    const auto group = [&]<int panels>(long panel) { tile.template operator()<rows, panels>(first_row, panel); };
    for_blocks<panels_together(rows, vectors)>(first_panel, end_panel, group);
  };
  if (end_row - first_row == 1) few.template operator()<1>();
  else if (end_row - first_row == 2) few.template operator()<2>();
  else
    for (long panel = first_panel; panel < end_panel; panel++)
      for_blocks<most>(first_row, end_row, [&]<int rows>(long row) { tile.template operator()<rows, 1>(row, panel); });
}

// Sizes of the product's blocks, which fit in the caches: A's in L1 and L2, B's in L2.
constexpr long kBlockRows = 96, kBlockDepth = 256, kBlockColumns = 768;
template <class T> constexpr long kProductScratch = kBlockRows * kBlockDepth + kBlockDepth * kBlockColumns;

// Transposes 16 rows of a row-major matrix in registers.
template <class T> ELMAN_INLINE void transpose_16(const T* const (&rows)[16], long offset, T* to, long stride) {
  T block[16][16];
  for (int i = 0; i < 16; i++) memcpy(block[i], rows[i] + offset, sizeof block[i]);
  for (int k = 0; k < 16; k++)
    for (int i = 0; i < 16; i++) to[k * stride + i] = block[i][k];
}

// The rows of a matrix: evenly spaced, at indices into an evenly spaced array, or each at an address of its own.
template <class T> struct Rows {
  T* base;
  long stride;
  const long* places = nullptr;
  T* const* addresses = nullptr;
  ELMAN_INLINE T* operator()(long i) const {
    if (addresses) return addresses[i];
    return base + (places ? places[i] : i) * stride;
  }
};

// Packs B as panels of the columns [begin, end), one after the other, each in row order. `rows` are those of B, or of
// B^T where `transposed`; the last panel is padded with zeros.
template <bool transposed, class T>
void pack_panels(Rows<const T> row, long k_begin, long k_end, long begin, long end, T* panels) {
  const long depth = k_end - k_begin;
  for (long column = begin; column < end; column += kPanel<T>) {
    long width = least(kPanel<T>, end - column);
    T* to = panels + (column - begin) * depth;
    if (width < kPanel<T>) memset(to, 0, kPanel<T> * depth * sizeof(T));
    if constexpr (!transposed) {
      for (long k = 0; k < depth; k++) memcpy(to + k * kPanel<T>, row(k_begin + k) + column, width * sizeof(T));
    } else {
      long done = 0;
      for (; done + 16 <= width; done += 16) {
        const T* sources[16];
        for (int i = 0; i < 16; i++) sources[i] = row(column + done + i);
        long k = 0;
        for (; k + 16 <= depth; k += 16) transpose_16(sources, k_begin + k, to + k * kPanel<T> + done, kPanel<T>);
        for (; k < depth; k++)
          for (int i = 0; i < 16; i++) to[k * kPanel<T> + done + i] = sources[i][k_begin + k];
      }
      for (; done < width; done++) {
        const T* source = row(column + done);
        for (long k = 0; k < depth; k++) to[k * kPanel<T> + done] = source[k_begin + k];
      }
    }
  }
}

// Packs A's rows [begin, end) as tiles: k by k, the rows of a tile side by side. The input rows are those of A, or of
// A^T.
template <bool transposed, class T>
void pack_tiles(Rows<const T> row, long k_begin, long k_end, long begin, long end, T* tiles) {
  const long depth = k_end - k_begin;
  for_blocks<kTileRows>(begin, end, [&]<int rows>(long first) {
    T* to = tiles + (first - begin) * depth;
    if constexpr (transposed) {
      for (long k = 0; k < depth; k++) {
        const T* from = row(k_begin + k) + first;
        for (int m = 0; m < rows; m++) to[k * rows + m] = from[m];
      }
    } else {
      const T* from[rows];
      for (int m = 0; m < rows; m++) from[m] = row(first + m) + k_begin;
      for (long k = 0; k < depth; k++)
        for (int m = 0; m < rows; m++) to[k * rows + m] = from[m][k];
    }
  });
}

// The order of a product's sum: along the axis of weights, one chain; along the places of a batch,
// which are many, runs of kBlockDepth that begin at zero and are added in order, which has a smaller rounding error.
enum class Sum { kChain, kRuns };

// The tile of C at `row` and `column`, of which `width` columns exist; `first` at the first block of k.
template <Sum sum, int rows, int panels, class T>
__attribute__((noinline)) void finish_tile(const T* tile, const T* panel, long depth, Rows<T> c, long row, long column,
                                           long width, bool first) {
  Vector<T> sums[panels][rows][kPanelVectors] = {};
  const auto each = [&](auto&& visit) {
    ELMAN_UNROLL for (int p = 0; p < panels; p++)
      ELMAN_UNROLL for (int m = 0; m < rows; m++)
        ELMAN_UNROLL for (int v = 0; v < kPanelVectors; v++) {
          const long at = p * kPanel<T> + v * kLanes<T>, count = width - at;
          if (count <= 0) break;
          visit(sums[p][m][v], c(row + m) + column + at, count);
        }
  };
  if (sum == Sum::kChain && !first) each([&](Vector<T>& value, T* to, long count) { value = load(to, count); });
  multiply_tile<panels, rows, kPanelVectors, T>(Spaced<T>{tile, 1, rows}, panel, kPanel<T> * depth, depth, sums);
  each([&](Vector<T>& value, T* to, long count) {
    if (sum == Sum::kRuns && !first) value += load(to, count);
    store(to, value, count);
  });
}

// sums[n] = (first ? 0 : sums[n]) + sum over k of panels[k, n].
template <class T> void sum_columns(const T* panels, long depth, long columns, T* sums, bool first) {
  for (long column = 0; column < columns; column += kPanel<T>) {
    const T* from = panels + column * depth;
    Vector<T> sum[kPanelVectors] = {};
    for (long k = 0; k < depth; k++)
      ELMAN_UNROLL for (int v = 0; v < kPanelVectors; v++) sum[v] += whole(from + k * kPanel<T> + v * kLanes<T>);
    for (int v = 0; v < kPanelVectors && column + v * kLanes<T> < columns; v++) {
      const long at = column + v * kLanes<T>, count = columns - at;
      if (!first) sum[v] += load(sums + at, count);
      store(sums + at, sum[v], count);
    }
  }
}

struct Range {
  long begin, end;
};

// A thread's share of some equal pieces of work.
ELMAN_INLINE Range share(long total, int id, int count) { return {total * id / count, total * (id + 1) / count}; }


// C[m, n] = sum over k of A[m, k] B[k, n], for ranges of m, n and k; and column_sums[n] = sum over k of B[k, n], where it
// is not null. `a` gives rows of A, or of A^T where `a_transposed`; `b` likewise.
template <Sum sum, bool a_transposed, bool b_transposed, class T>
void multiply(Rows<const T> a, Rows<const T> b, Rows<T> c, Range m, Range n, Range k, T* column_sums,
              T* scratch) {
  T* const tiles = scratch;
  T* const panels = scratch + kBlockRows * kBlockDepth;
  for (long n0 = n.begin; n0 < n.end; n0 += kBlockColumns) {
    long n1 = least(n.end, n0 + kBlockColumns);
    for (long k0 = k.begin; k0 == k.begin || k0 < k.end; k0 += kBlockDepth) {  // once even for an empty sum
      const long k1 = least(k.end, k0 + kBlockDepth), depth = k1 - k0;
      const bool first = k0 == k.begin;
      pack_panels<b_transposed>(b, k0, k1, n0, n1, panels);
      if (column_sums) sum_columns(panels, depth, n1 - n0, column_sums + n0, first);
      for (long m0 = m.begin; m0 < m.end; m0 += kBlockRows) {
        long m1 = least(m.end, m0 + kBlockRows);
        pack_tiles<a_transposed>(a, k0, k1, m0, m1, tiles);
        for_tiles<kTileRows, kPanelVectors>(m0, m1, 0, ceil_div(n1 - n0, kPanel<T>), [&]<int rows, int many>(long row, long p) {
          finish_tile<sum, rows, many, T>(tiles + (row - m0) * depth, panels + p * kPanel<T> * depth, depth, c, row,
                                          n0 + p * kPanel<T>, n1 - n0 - p * kPanel<T>, first);
        });
      }
    }
  }
}

// to[m][n] = start[m][n] + sum over k of a[m][k] matrix[k, n] for a block of rows and some n; `start` may be null. So many
// `vectors` of a row's sums are in registers at a time. The loop is unrolled where the number of k is `known`, not 0.
template <int rows, int vectors, int known, class T>
ELMAN_INLINE void multiply_unpacked(const T* const* a, long k_begin, long k_end, const T* matrix, long columns, Range some,
                                    const T* const* start, T* const* to) {
  for (long column = some.begin; column < some.end; column += vectors * kLanes<T>) {
    const long rest = some.end - column;
    const auto run = [&](auto whole_vectors) {
      const auto count = [&](int v) { return whole_vectors ? kLanes<T> : rest - v * kLanes<T>; };
      Vector<T> sums[rows][vectors] = {};
      if (start)
        ELMAN_UNROLL for (int v = 0; v < vectors; v++)
          ELMAN_UNROLL for (int m = 0; m < rows; m++)
            if (count(v) > 0) sums[m][v] = load(start[m] + column + v * kLanes<T>, count(v));
      const auto add = [&](long k) {
        const T* from = matrix + k * columns + column;
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) {
          if (count(v) <= 0) break;
          if constexpr (known == 0) __builtin_prefetch(from + 8 * columns + v * kLanes<T>);
          const Vector<T> b = load(from + v * kLanes<T>, count(v));
          ELMAN_UNROLL for (int m = 0; m < rows; m++) sums[m][v] = multiply_add(fill(a[m][k]), b, sums[m][v]);
        }
      };
      if constexpr (known > 0)
        ELMAN_UNROLL for (int k = 0; k < known; k++) add(k_begin + k);
      else
        for (long k = k_begin; k < k_end; k++) add(k);
      ELMAN_UNROLL for (int v = 0; v < vectors; v++)
        ELMAN_UNROLL for (int m = 0; m < rows; m++)
          if (count(v) > 0) store(to[m] + column + v * kLanes<T>, sums[m][v], count(v));
    };
    if (rest >= vectors * kLanes<T>) run(std::true_type{});
    else run(std::false_type{});
  }
}

// to[m][n] = start[n] + sum over k of a[m][k] matrix[k, n] for a block of rows and some n, from the unpacked matrix. Few
// rows wait for memory: they read eight rows of the matrix side by side, each from end to end, and keep their sums in the
// cache. More rows keep their sums in registers through all k.
template <int rows, class T>
void multiply_rows(const T* const (&a)[rows], const T* matrix, long depth, long columns, Range some, const T* start,
                   T* const (&to)[rows]) {
  constexpr int together = 8;
  constexpr bool side_by_side = rows == 1 || kRegisters == 16;
  constexpr int most = side_by_side ? 4 : kRegisters / 2, fit = (kRegisters == 32 ? 24 : 12) / rows;
  constexpr int vectors = fit < most ? fit : most;
  const T *starts[rows], *sums[rows];
  for (int m = 0; m < rows; m++) starts[m] = start, sums[m] = to[m];
  const T* const* from = start ? starts : nullptr;
  long k = 0;
  if constexpr (side_by_side)
    for (; k + together <= depth; k += together, from = sums)
      multiply_unpacked<rows, vectors, together, T>(a, k, k + together, matrix, columns, some, from, to);
  if (k == 0 || k < depth) multiply_unpacked<rows, vectors, 0, T>(a, k, depth, matrix, columns, some, from, to);
}

}  // namespace
