// Vectors as wide as the instruction set that this file is compiled for, and the functions that gates are made of.
#pragma once
#include <cmath>
#include <cstdint>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define ELMAN_INLINE inline __attribute__((always_inline))
#define ELMAN_UNROLL _Pragma("GCC unroll 16")

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16, kRegisters = 32;
#else
constexpr int kVectorBytes = 16, kRegisters = 16;
#endif

template <class T> struct Lanes;

template <> struct Lanes<float> {
  typedef float vector __attribute__((vector_size(kVectorBytes)));
  typedef float unaligned __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef int bits __attribute__((vector_size(kVectorBytes)));
};

template <> struct Lanes<double> {
  typedef double vector __attribute__((vector_size(kVectorBytes)));
  typedef double unaligned __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef long long bits __attribute__((vector_size(kVectorBytes)));
};

template <class T> using Vector = typename Lanes<T>::vector;
template <class T> using Bits = typename Lanes<T>::bits;
template <class T> constexpr long kLanes = kVectorBytes / static_cast<long>(sizeof(T));

template <class T> ELMAN_INLINE Vector<T> fill(T value) { return value - Vector<T>{}; }

// a b + c, rounded once where the processor can. It is explicit, and the compiler must not fuse operations by itself
// (-ffp-contract=off), so that every copy of a formula rounds alike.
ELMAN_INLINE Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Vector<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// Doubles are for tests, and compiled for the baseline only.
ELMAN_INLINE Vector<double> multiply_add(Vector<double> a, Vector<double> b, Vector<double> c) {
#if defined(__aarch64__)
  return (Vector<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}

// The first `count` numbers at `from`; the other lanes are zero. A partial vector is copied through memory: indexing
// the lanes of a register would prevent the compiler from keeping a tile's sums in registers.
template <class T> ELMAN_INLINE Vector<T> load(const T* from, long count) {
  if (__builtin_expect(count >= kLanes<T>, 1)) return *reinterpret_cast<const typename Lanes<T>::unaligned*>(from);
  alignas(kVectorBytes) T lanes[kLanes<T>] = {};
  for (long lane = 0; lane < count; lane++) lanes[lane] = from[lane];
  return *reinterpret_cast<const typename Lanes<T>::unaligned*>(lanes);
}

template <class T> ELMAN_INLINE void store(T* to, Vector<T> value, long count) {
  if (__builtin_expect(count >= kLanes<T>, 1)) {
    *reinterpret_cast<typename Lanes<T>::unaligned*>(to) = value;
  } else {
    alignas(kVectorBytes) T lanes[kLanes<T>];
    *reinterpret_cast<typename Lanes<T>::unaligned*>(lanes) = value;
    for (long lane = 0; lane < count; lane++) to[lane] = lanes[lane];
  }
}

// Whole vectors in scratch memory, whose rows are padded and aligned.
template <class T> ELMAN_INLINE Vector<T>& whole(T* at) { return *reinterpret_cast<Vector<T>*>(at); }
template <class T> ELMAN_INLINE const Vector<T>& whole(const T* at) { return *reinterpret_cast<const Vector<T>*>(at); }

// A vector of weights, stored as float32, bfloat16 (the upper half of a float) or whole numbers of a byte.
ELMAN_INLINE Vector<float> widen(const float* at) { return load(at, kLanes<float>); }

ELMAN_INLINE Vector<float> widen(const uint16_t* at) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)at)), 16);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)at)), 16);
#else
  Bits<float> bits;
  for (long lane = 0; lane < kLanes<float>; lane++) bits[lane] = static_cast<int>(static_cast<uint32_t>(at[lane]) << 16);
  return (Vector<float>)bits;
#endif
}

ELMAN_INLINE Vector<float> widen(const int8_t* at) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)at)));
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)at)));
#else
  Vector<float> value;
  for (long lane = 0; lane < kLanes<float>; lane++) value[lane] = at[lane];
  return value;
#endif
}

// The lesser and the greater of both; a NaN stays NaN.
// (GCC 12 warns about the intrinsics without a mask.)
ELMAN_INLINE Vector<float> at_most(Vector<float> bound, Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_maskz_min_ps(0xffff, (__m512)bound, (__m512)x);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_min_ps((__m256)bound, (__m256)x);
#else
  return x > bound ? bound : x;
#endif
}
ELMAN_INLINE Vector<float> at_least(Vector<float> bound, Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_maskz_max_ps(0xffff, (__m512)bound, (__m512)x);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_max_ps((__m256)bound, (__m256)x);
#else
  return x < bound ? bound : x;
#endif
}

// 1 + e^x for |x| <= 88, the range of normal floats. x = n ln 2 + r, and e^r - 1 is a polynomial of degree 6 on
// |r| <= ln 2 / 2 (Cephes, Moshier 1992), right to 1.2e-7 relative to e^r. ln 2 is split in two so that n ln 2 is exact.
ELMAN_INLINE Vector<float> one_plus_exponential(Vector<float> x) {
  using V = Vector<float>;
  const V magic = fill(12582912.0f);                          // 1.5 * 2^23
  V shifted = multiply_add(x, fill(1.44269504f), magic);      // the low bits now hold round(x / ln 2)
  V scale = (V)(((Bits<float>)shifted + 127) << 23);
  V n = shifted - magic;
  V r = multiply_add(n, fill(-0.693359375f), x);
  r = multiply_add(n, fill(2.12194440e-4f), r);
  V p = multiply_add(r, fill(1.9875691500e-4f), fill(1.3981999507e-3f));
  p = multiply_add(p, r, fill(8.3334519073e-3f));
  p = multiply_add(p, r, fill(4.1665795894e-2f));
  p = multiply_add(p, r, fill(1.6666665459e-1f));
  p = multiply_add(p, r, fill(5.0000001201e-1f));
  return multiply_add(scale, multiply_add(p, r * r, r), scale + 1.0f);
}

ELMAN_INLINE Vector<float> sigmoid(Vector<float> x) {
  return 1 / one_plus_exponential(at_least(fill(-87.0f), at_most(fill(88.0f), -x)));
}

ELMAN_INLINE Vector<double> sigmoid(Vector<double> x) {
  for (long lane = 0; lane < kLanes<double>; lane++) x[lane] = 1 / (1 + std::exp(-x[lane]));
  return x;
}

// For |x| < 0.625 an odd polynomial (Cephes), else 1 - 2 / (e^2|x| + 1): right to 1e-7 everywhere.
ELMAN_INLINE Vector<float> hyperbolic_tangent(Vector<float> x) {
  using V = Vector<float>;
  Bits<float> sign = (Bits<float>)x & static_cast<int>(0x80000000);
  V magnitude = (V)((Bits<float>)x ^ sign);
  V z = x * x;
  V p = multiply_add(z, fill(-5.70498872745e-3f), fill(2.06390887954e-2f));
  p = multiply_add(p, z, fill(-5.37397155531e-2f));
  p = multiply_add(p, z, fill(1.33314422036e-1f));
  p = multiply_add(p, z, fill(-3.33332819422e-1f));
  V near = multiply_add(p * z, x, x);
  V far = 1 - 2 / one_plus_exponential(at_most(fill(88.0f), magnitude + magnitude));
  far = (V)((Bits<float>)far | sign);
  return magnitude < 0.625f ? near : far;
}

ELMAN_INLINE Vector<double> hyperbolic_tangent(Vector<double> x) {
  for (long lane = 0; lane < kLanes<double>; lane++) x[lane] = std::tanh(x[lane]);
  return x;
}

constexpr long ceil_div(long a, long b) { return (a + b - 1) / b; }
ELMAN_INLINE long least(long a, long b) { return a < b ? a : b; }

}  // namespace
