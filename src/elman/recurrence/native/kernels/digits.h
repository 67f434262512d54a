// Products with int8 weights in whole numbers, for processors that multiply four bytes at once (AVX-512 VNNI).
//
// A row of inputs becomes whole numbers of three digits to the base 256, x = unit (65536 d2 + 256 d1 + d0), with an error
// of at most 2^-24 of the largest, as float32 has. The sums of digits and weights are exact. Weights are stored as q + 128,
// four rows side by side for each column: [depth / 4][vectors of a panel][lanes][4].
#pragma once
#if defined(__AVX512VNNI__)
#include "product.h"

namespace {

constexpr int kDigits = 3, kGroup = 4;
constexpr float kLargest = 127 << 16;  // so that every digit lies within -128 to 127

struct Digits {
  const int32_t* groups[kDigits];  // the digits of four inputs in each
  int32_t totals[kDigits];
  float unit;
};

constexpr long digits_size(long depth) { return kDigits * ceil_div(depth, kLanes<float>) * kLanes<float>; }

// `room` has digits_size(depth) bytes, aligned to a vector. A row with a number that is not finite has the unit NaN.
inline Digits digits_of(const float* x, long depth, int8_t* room) {
  using V = Vector<float>;
  constexpr long lanes = kLanes<float>;
  const long size = digits_size(depth) / kDigits;
  V largest{}, wrong{};
  for (long k = 0; k < depth; k += lanes) {
    const V value = load(x + k, depth - k), magnitude = value < 0 ? -value : value;
    largest = magnitude > largest ? magnitude : largest;
    wrong += value - value;
  }
  const float most = _mm512_reduce_max_ps((__m512)largest), error = _mm512_reduce_add_ps((__m512)wrong);
  const bool zero = most < 1e-30f;
  Digits out{{}, {}, zero ? error : most / kLargest + error};
  const V scale = fill(zero ? 0 : kLargest / most);
  Bits<float> totals[kDigits] = {};
  for (long k = 0; k < depth; k += lanes) {
    Bits<float> rest = (Bits<float>)_mm512_cvtps_epi32((__m512)(load(x + k, depth - k) * scale));
    ELMAN_UNROLL for (int digit = 0; digit < kDigits; digit++) {
      const Bits<float> low = rest << 24 >> 24;
      totals[digit] += low;
      rest = (rest - low) >> 8;
      _mm_store_si128((__m128i*)(room + digit * size + k), _mm512_cvtepi32_epi8((__m512i)low));
    }
  }
  for (int digit = 0; digit < kDigits; digit++) {
    out.groups[digit] = reinterpret_cast<const int32_t*>(room + digit * size);
    out.totals[digit] = _mm512_reduce_add_epi32((__m512i)totals[digit]);
  }
  return out;
}

// One panel's product: to[v] = start + scale (x W).
template <int vectors>
ELMAN_INLINE void multiply_panel(const Digits& x, long groups, const uint8_t* panel, const float* scales,
                                 const float* start, float* to) {
  __m512i sums[kDigits][vectors] = {};
  for (long group = 0; group < groups; group++, panel += vectors * kVectorBytes)
    ELMAN_UNROLL for (int v = 0; v < vectors; v++) {
      const __m512i weights = _mm512_loadu_si512(panel + v * kVectorBytes);
      ELMAN_UNROLL for (int digit = 0; digit < kDigits; digit++)
        sums[digit][v] = _mm512_dpbusd_epi32(sums[digit][v], weights, _mm512_set1_epi32(x.groups[digit][group]));
    }
  for (int v = 0; v < vectors; v++) {
    Vector<float> sum{};
    for (int digit = kDigits - 1; digit >= 0; digit--) {
      const __m512i exact = _mm512_sub_epi32(sums[digit][v], _mm512_set1_epi32(128 * x.totals[digit]));
      sum = multiply_add(sum, fill(256.0f), (Vector<float>)_mm512_cvtepi32_ps(exact));
    }
    const long at = v * kLanes<float>;
    const Vector<float> scale = widen(scales + at) * x.unit;
    whole(to + at) = multiply_add(scale, sum, start ? widen(start + at) : Vector<float>{});
  }
}

// to = start + x W for the vectors `some` of W, which begin with a panel.
inline void multiply_digits(const Digits& x, long depth, const uint8_t* values, const float* scales, const float* start,
                            Range some, float* to) {
  const long groups = ceil_div(depth, kGroup);
  for (long first = some.begin; first < some.end; first += 4) {
    const auto run = [&]<int vectors>() {
      const long at = first * kLanes<float>;
      multiply_panel<vectors>(x, groups, values + first * groups * kVectorBytes, scales + at, start ? start + at : nullptr,
                              to + at - some.begin * kLanes<float>);
    };
    switch (some.end - first) {
      case 1: run.template operator()<1>(); break;
      case 2: run.template operator()<2>(); break;
      case 3: run.template operator()<3>(); break;
      default: run.template operator()<4>(); break;
    }
  }
}

}  // namespace
#endif
