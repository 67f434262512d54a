// The functions that XLA calls: `elman_forward` and `elman_backward`, for any cell, type and instruction set.
#include <cstdlib>
#include <string>

#include "layer.h"
#include "schedule.h"
#include "xla/ffi/api/ffi.h"

namespace elman {
namespace {

namespace ffi = xla::ffi;
using In = ffi::AnyBuffer;
using Out = ffi::Result<ffi::AnyBuffer>;

bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

enum class Isa { kBaseline, kAvx2, kAvx512 };

Isa best_isa() {
  static const Isa isa = [] {
    const char* most = std::getenv("ELMAN_ISA");  // limits the instruction set, to test the kernels for older processors
    std::string limit = most ? most : "avx512";
    if (has_avx512() && limit == "avx512") return Isa::kAvx512;
    if (has_avx2() && limit != "baseline") return Isa::kAvx2;
    return Isa::kBaseline;
  }();
  return isa;
}

bool forward(const Layer<float>& layer, int threads) {
  switch (best_isa()) {
#if defined(__x86_64__)
    case Isa::kAvx512: return avx512::forward(layer, threads);
    case Isa::kAvx2: return avx2::forward(layer, threads);
#endif
    default: return baseline::forward(layer, threads);
  }
}

bool backward(const Layer<float>& layer, int threads) {
  switch (best_isa()) {
#if defined(__x86_64__)
    case Isa::kAvx512: return avx512::backward(layer, threads);
    case Isa::kAvx2: return avx2::backward(layer, threads);
#endif
    default: return baseline::backward(layer, threads);
  }
}

bool forward(const Layer<double>& layer, int threads) { return baseline::forward(layer, threads); }
bool backward(const Layer<double>& layer, int threads) { return baseline::backward(layer, threads); }

template <class T> T* data(const In& buffer) {
  return buffer.element_count() ? static_cast<T*>(buffer.untyped_data()) : nullptr;
}
template <class T> T* data(Out& buffer) { return data<T>(*buffer); }

// The inputs of both passes.
struct Inputs {
  In xs, kernel, recurrent_kernel, bias, recurrent_bias, h, c, h_start, c_start, lengths, resets;
};

template <class T> Layer<T> layer_of(const Inputs& in, int64_t kind, bool reverse) {
  Layer<T> layer{};
  auto shape = in.xs.dimensions();
  layer.kind = static_cast<Kind>(kind);
  layer.batch = shape[0], layer.time = shape[1], layer.features = shape[2];
  layer.hidden = in.h.dimensions()[1];
  layer.direction = reverse ? -1 : 1;
  layer.xs = data<T>(in.xs), layer.kernel = data<T>(in.kernel);
  layer.recurrent_kernel = data<T>(in.recurrent_kernel);
  layer.bias = data<T>(in.bias), layer.recurrent_bias = data<T>(in.recurrent_bias);
  layer.h_first = data<T>(in.h), layer.c_first = data<T>(in.c);
  layer.h_start = data<T>(in.h_start), layer.c_start = data<T>(in.c_start);
  layer.resets = data<unsigned char>(in.resets);
  return layer;
}

// The kernels take plain pointers, so every array of numbers must have the inputs' type.
bool alike(const Inputs& in) {
  const auto type = in.xs.element_type();
  if (type != ffi::F32 && type != ffi::F64) return false;
  for (const In& array : {in.kernel, in.recurrent_kernel, in.bias, in.recurrent_bias, in.h, in.c, in.h_start, in.c_start})
    if (array.element_type() != type) return false;
  return in.lengths.element_type() == ffi::S32 && in.resets.element_type() == ffi::PRED;
}

ffi::Error unlike() {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, "elman: expected weights, inputs and carry all float32 or all float64");
}

ffi::Error done(bool enough_memory) {
  return enough_memory ? ffi::Error::Success() : ffi::Error(ffi::ErrorCode::kResourceExhausted, "elman: out of memory");
}

template <class T>
ffi::Error forward_as(const Inputs& in, Out ys, Out gates, Out cs, Out h_last, Out c_last, int64_t kind, bool pad_left,
                      bool reverse) {
  Layer<T> layer = layer_of<T>(in, kind, reverse);
  layer.ys = data<T>(ys), layer.cs = data<T>(cs);
  layer.gates = gate_count(layer.kind) == 1 ? layer.ys : data<T>(gates);
  layer.h_last = data<T>(h_last), layer.c_last = data<T>(c_last);
  Schedule schedule = plan(layer, data<int32_t>(in.lengths), pad_left);
  schedule.give(layer);
  return done(forward(layer, schedule.threads));
}

ffi::Error forward_any(In xs, In kernel, In recurrent_kernel, In bias, In recurrent_bias, In h, In c, In h_start,
                       In c_start, In lengths, In resets, Out ys, Out gates, Out cs, Out h_last, Out c_last,
                       int64_t kind, bool pad_left, bool reverse) {
  Inputs in{xs, kernel, recurrent_kernel, bias, recurrent_bias, h, c, h_start, c_start, lengths, resets};
  if (!alike(in)) return unlike();
  auto run = xs.element_type() == ffi::F64 ? forward_as<double> : forward_as<float>;
  return run(in, ys, gates, cs, h_last, c_last, kind, pad_left, reverse);
}

struct Gradients {
  Out xs, kernel, recurrent_kernel, bias, recurrent_bias, h, c, h_start, c_start, gates;
};

template <class T>
ffi::Error backward_as(const Inputs& in, const In& ys, const In& cs, const In& d_ys, const In& d_h_last,
                       const In& d_c_last, Gradients out, int64_t kind, bool pad_left, bool reverse) {
  Layer<T> layer = layer_of<T>(in, kind, reverse);
  layer.ys = data<T>(ys), layer.cs = data<T>(cs);
  layer.gates = data<T>(out.gates);
  layer.d_ys = gate_count(layer.kind) == 1 ? layer.gates : data<T>(d_ys);
  layer.d_h_last = data<T>(d_h_last), layer.d_c_last = data<T>(d_c_last);
  layer.d_xs = data<T>(out.xs), layer.d_kernel = data<T>(out.kernel);
  layer.d_recurrent_kernel = data<T>(out.recurrent_kernel);
  layer.d_bias = data<T>(out.bias), layer.d_recurrent_bias = data<T>(out.recurrent_bias);
  layer.d_h_first = data<T>(out.h), layer.d_c_first = data<T>(out.c);
  layer.d_h_start = data<T>(out.h_start), layer.d_c_start = data<T>(out.c_start);
  Schedule schedule = plan(layer, data<int32_t>(in.lengths), pad_left);
  schedule.give(layer);
  return done(backward(layer, schedule.threads));
}

// `gates`, or for an Elman layer `d_ys`, shares its memory with `d_gates`.
ffi::Error backward_any(In xs, In kernel, In recurrent_kernel, In bias, In recurrent_bias, In h, In c, In h_start,
                        In c_start, In lengths, In resets, In ys, In cs, In d_ys, In d_h_last, In d_c_last, In /*gates*/,
                        Out d_xs, Out d_kernel, Out d_recurrent_kernel, Out d_bias, Out d_recurrent_bias, Out d_h,
                        Out d_c, Out d_h_start, Out d_c_start, Out d_gates, int64_t kind, bool pad_left, bool reverse) {
  Inputs in{xs, kernel, recurrent_kernel, bias, recurrent_bias, h, c, h_start, c_start, lengths, resets};
  Gradients out{d_xs, d_kernel, d_recurrent_kernel, d_bias, d_recurrent_bias, d_h, d_c, d_h_start, d_c_start, d_gates};
  if (!alike(in)) return unlike();
  auto run = xs.element_type() == ffi::F64 ? backward_as<double> : backward_as<float>;
  return run(in, ys, cs, d_ys, d_h_last, d_c_last, out, kind, pad_left, reverse);
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(elman_forward, forward_any,
                              ffi::Ffi::Bind()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>()
                                  .Attr<int64_t>("kind").Attr<bool>("pad_left").Attr<bool>("reverse"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(elman_backward, backward_any,
                              ffi::Ffi::Bind()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>()
                                  .Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>()
                                  .Ret<In>().Ret<In>()
                                  .Attr<int64_t>("kind").Attr<bool>("pad_left").Attr<bool>("reverse"));

extern "C" const char* elman_instruction_set() {
  switch (best_isa()) {
    case Isa::kAvx512: return "AVX-512";
    case Isa::kAvx2: return "AVX2";
    default: break;
  }
#if defined(__aarch64__)
  return "NEON";
#else
  return "SSE2";
#endif
}

}  // namespace elman
