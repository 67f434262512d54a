// Matrix products: a register tile over packed panels, and a product C (+)= A B made of it.
#pragma once
#include <cstdlib>
#include <cstring>

#include "vector.h"

namespace {

// A panel is `kPanelVectors` vectors of columns; a tile is `kTileRows` rows of a panel, held in registers.
constexpr int kPanelVectors = kRegisters == 32 ? 4 : 3;
constexpr int kTileRows = kRegisters == 32 ? 6 : 4;
template <class T> constexpr long kPanel = kPanelVectors * kLanes<T>;

// sums[m][v] += sum over k of A[m, k] panel[k, v], A[m, k] = a[m * row_stride + k * k_stride].
template <int rows, int vectors, class T>
ELMAN_INLINE void multiply_tile(const T* __restrict a, long row_stride, long k_stride, const T* __restrict panel,
                                long depth, Vector<T> (&sums)[rows][vectors]) {
  // A tile of few sums would wait for each multiply-add: it runs several steps of k side by side.
  constexpr int ways = rows * vectors >= 12 ? 1 : rows * vectors >= 6 ? 2 : 4;
  constexpr long width = vectors * kLanes<T>;
  if constexpr (ways == 1) {
    for (long k = 0; k < depth; k++) {
      Vector<T> b[vectors];
      ELMAN_UNROLL for (int v = 0; v < vectors; v++) b[v] = whole(panel + k * width + v * kLanes<T>);
      ELMAN_UNROLL for (int m = 0; m < rows; m++) {
        Vector<T> from_a = fill(a[m * row_stride + k * k_stride]);
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) sums[m][v] += from_a * b[v];
      }
    }
  } else {
    Vector<T> way[ways][rows][vectors] = {};
    long k = 0;
    for (; k + ways <= depth; k += ways) {
      ELMAN_UNROLL for (int w = 0; w < ways; w++) {
        Vector<T> b[vectors];
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) b[v] = whole(panel + (k + w) * width + v * kLanes<T>);
        ELMAN_UNROLL for (int m = 0; m < rows; m++) {
          Vector<T> from_a = fill(a[m * row_stride + (k + w) * k_stride]);
          ELMAN_UNROLL for (int v = 0; v < vectors; v++) way[w][m][v] += from_a * b[v];
        }
      }
    }
    for (; k < depth; k++) {
      ELMAN_UNROLL for (int m = 0; m < rows; m++)
        ELMAN_UNROLL for (int v = 0; v < vectors; v++)
          way[0][m][v] += a[m * row_stride + k * k_stride] * whole(panel + k * width + v * kLanes<T>);
    }
    ELMAN_UNROLL for (int w = 0; w < ways; w++)
      ELMAN_UNROLL for (int m = 0; m < rows; m++)
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) sums[m][v] += way[w][m][v];
  }
}

// Calls tile(first row, number of rows as a constant) for blocks of nearly equal size, none larger than `most`.
template <int most, class Tile> ELMAN_INLINE void for_row_blocks(long begin, long end, Tile&& tile) {
  long rows = end - begin, blocks = ceil_div(rows, most);
  for (long block = 0; block < blocks; block++) {
    long first = begin + rows * block / blocks, count = begin + rows * (block + 1) / blocks - first;
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

// Blocks of the product that stay in the caches: A's in L1 and L2, B's in L2.
constexpr long kBlockRows = 96, kBlockDepth = 256, kBlockColumns = 768;
template <class T> constexpr long kProductScratch = kBlockRows * kBlockDepth + kBlockDepth * kBlockColumns;

// 16 rows of a row-major matrix become 16 columns, through registers.
template <class T> ELMAN_INLINE void transpose_16(const T* const (&rows)[16], long offset, T* to, long stride) {
  T block[16][16];
  for (int i = 0; i < 16; i++) memcpy(block[i], rows[i] + offset, sizeof block[i]);
  for (int k = 0; k < 16; k++)
    for (int i = 0; i < 16; i++) to[k * stride + i] = block[i][k];
}

// Rows of a matrix wherever they lie: evenly spaced, at places of an evenly spaced array, or each at an address.
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

// B as panels: panel after panel of the columns [begin, end), in each of them row k of the panel after row k - 1.
// The rows given are those of B, or of B^T where `transposed`; the last panel is filled up with zeros.
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

// A's rows [begin, end) as tiles: k by k, the rows of a tile side by side. The rows given are those of A, or of A^T.
template <bool transposed, class T>
void pack_tiles(Rows<const T> row, long k_begin, long k_end, long begin, long end, T* tiles) {
  const long depth = k_end - k_begin;
  for_row_blocks<kTileRows>(begin, end, [&]<int rows>(long first) {
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

// The tile of C at `row` and `column`, of which `width` columns exist.
template <int rows, class T>
__attribute__((noinline)) void finish_tile(const T* tile, const T* panel, long depth, Rows<T> c, long row, long column,
                                           long width, const T* start, bool add) {
  Vector<T> sums[rows][kPanelVectors] = {};
  multiply_tile<rows, kPanelVectors, T>(tile, 1, rows, panel, depth, sums);
  ELMAN_UNROLL for (int m = 0; m < rows; m++) {
    T* to = c(row + m) + column;
    ELMAN_UNROLL for (int v = 0; v < kPanelVectors; v++) {
      long at = v * kLanes<T>, count = width - at;
      if (count <= 0) break;
      if (add) sums[m][v] += load(to + at, count);
      else if (start) sums[m][v] += load(start + column + at, count);
      store(to + at, sums[m][v], count);
    }
  }
}

struct Range {
  long begin, end;
};

// C[m, n] = (add ? C[m, n] : start[n]) + sum over k of A[m, k] B[k, n], for ranges of m, n and k. `start` null means 0.
// `a` gives rows of A, or of A^T where `a_transposed`; `b` likewise.
template <bool a_transposed, bool b_transposed, class T>
void multiply(Rows<const T> a, Rows<const T> b, Rows<T> c, Range m, Range n, Range k, const T* start, T* scratch) {
  T* const tiles = scratch;
  T* const panels = scratch + kBlockRows * kBlockDepth;
  for (long n0 = n.begin; n0 < n.end; n0 += kBlockColumns) {
    long n1 = least(n.end, n0 + kBlockColumns);
    for (long k0 = k.begin; k0 == k.begin || k0 < k.end; k0 += kBlockDepth) {  // once even for a sum of nothing
      long k1 = least(k.end, k0 + kBlockDepth), depth = k1 - k0;
      pack_panels<b_transposed>(b, k0, k1, n0, n1, panels);
      for (long m0 = m.begin; m0 < m.end; m0 += kBlockRows) {
        long m1 = least(m.end, m0 + kBlockRows);
        pack_tiles<a_transposed>(a, k0, k1, m0, m1, tiles);
        for (long column = n0; column < n1; column += kPanel<T>)
          for_row_blocks<kTileRows>(m0, m1, [&]<int rows>(long row) {
            finish_tile<rows, T>(tiles + (row - m0) * depth, panels + (column - n0) * depth, depth, c, row, column,
                                 n1 - column, start, k0 > k.begin);
          });
      }
    }
  }
}

// The columns that multiply_row holds in registers at a time.
template <class T> constexpr long kRowColumns = kRegisters / 2 * kLanes<T>;

// to[n] = start[n] + sum over k of row[k] matrix[k, n] for some n, from the matrix as it is. `start` null means 0.
template <class T>
void multiply_row(const T* row, const T* matrix, long depth, long columns, Range some, const T* start, T* to) {
  constexpr int vectors = kRegisters / 2;
  for (long column = some.begin; column < some.end; column += kRowColumns<T>) {
    const T* from = matrix + column;
    const long rest = some.end - column;
    Vector<T> sums[vectors] = {};
    if (rest >= kRowColumns<T>) {
      for (long k = 0; k < depth; k++, from += columns) {
        Vector<T> factor = fill(row[k]);
        ELMAN_UNROLL for (int v = 0; v < vectors; v++) {
          __builtin_prefetch(from + 8 * columns + v * kLanes<T>);
          sums[v] += factor * load(from + v * kLanes<T>, kLanes<T>);
        }
      }
    } else {
      for (long k = 0; k < depth; k++, from += columns)
        for (int v = 0; v * kLanes<T> < rest; v++) sums[v] += row[k] * load(from + v * kLanes<T>, rest - v * kLanes<T>);
    }
    for (int v = 0; v < vectors && v * kLanes<T> < rest; v++) {
      const long at = column + v * kLanes<T>, count = rest - v * kLanes<T>;
      if (start) sums[v] += load(start + at, count);
      store(to + at, sums[v], count);
    }
  }
}

}  // namespace
