// The functions that XLA calls, for any cell, type and instruction set: `elman_outputs` where nobody differentiates, else
// `elman_forward` and `elman_backward`; `elman_packed` for packed weights. And those that Python calls, for steps.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "layer.h"
#include "packed.h"
#include "schedule.h"
#include "xla/ffi/api/ffi.h"

namespace elman {
namespace {

namespace ffi = xla::ffi;

// Goes up with every change of what these functions take, or of the cells that they know; `engine.py` has the same.
constexpr int64_t kRevision = 2;

// The weights that a step must read for another thread to be worth it.
constexpr double kWorthMeeting = 2e5, kWorthWaking = 2e6;

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

// The kernels for packed weights.
struct PackedKernels {
  long (*lanes)(), (*rows_together)();
  bool (*run_steps)(const Steps&, int threads);
  bool (*run_sequences)(const PackedSequences&, int threads);
};

const PackedKernels& packed_kernels() {
#define ELMAN_PACKED(isa) PackedKernels{isa::lanes, isa::rows_together, isa::run_steps, isa::run_sequences}
  static const PackedKernels kernels = [] {
    switch (best_isa()) {
#if defined(__x86_64__)
      case Isa::kAvx512:  // ELMAN_ISA=avx512 excludes VNNI
        return !std::getenv("ELMAN_ISA") && __builtin_cpu_supports("avx512vnni") ? ELMAN_PACKED(avx512vnni)
                                                                                 : ELMAN_PACKED(avx512);
      case Isa::kAvx2: return ELMAN_PACKED(avx2);
#endif
      default: return ELMAN_PACKED(baseline);
    }
  }();
#undef ELMAN_PACKED
  return kernels;
}

template <class T> T* data(const In& buffer) {
  return buffer.element_count() ? static_cast<T*>(buffer.untyped_data()) : nullptr;
}
template <class T> T* data(Out& buffer) { return data<T>(*buffer); }

// The inputs of both passes.
struct Inputs {
  In xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start, lengths, resets;
};

template <class T> Layer<T> layer_of(const Inputs& in, int64_t kind, bool reverse) {
  Layer<T> layer{};
  auto shape = in.xs.dimensions();
  layer.kind = static_cast<Kind>(kind);
  layer.batch = shape[0], layer.time = shape[1], layer.features = shape[2];
  layer.hidden = in.h.dimensions()[1];
  layer.memory = static_cast<long>(in.bias.element_count()) / gate_count(layer.kind);
  layer.direction = reverse ? -1 : 1;
  layer.xs = data<T>(in.xs), layer.kernel = data<T>(in.kernel);
  layer.recurrent_kernel = data<T>(in.recurrent_kernel);
  layer.bias = data<T>(in.bias), layer.extra = data<T>(in.extra);
  layer.h_first = data<T>(in.h), layer.c_first = data<T>(in.c);
  layer.h_start = data<T>(in.h_start), layer.c_start = data<T>(in.c_start);
  layer.resets = data<unsigned char>(in.resets);
  return layer;
}

// The kernels take plain pointers, so every array of numbers must have the inputs' type.
bool alike(const Inputs& in) {
  const auto type = in.xs.element_type();
  if (type != ffi::F32 && type != ffi::F64) return false;
  for (const In& array : {in.kernel, in.recurrent_kernel, in.bias, in.extra, in.h, in.c, in.h_start, in.c_start})
    if (array.element_type() != type) return false;
  return in.lengths.element_type() == ffi::S32 && in.resets.element_type() == ffi::PRED;
}

ffi::Error unlike() {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, "elman: expected weights, inputs and carry all float32 or all float64");
}

ffi::Error done(bool enough_memory) {
  return enough_memory ? ffi::Error::Success() : ffi::Error(ffi::ErrorCode::kResourceExhausted, "elman: out of memory");
}

// Zoneout: masks, or nothing, and rates; see layer.h.
struct Zones {
  In h, c;
  double rate_h, rate_c;

  template <class T> void give(Layer<T>& layer) const {
    layer.zone_h = data<unsigned char>(h), layer.zone_c = data<unsigned char>(c);
    layer.rate_h = static_cast<T>(rate_h), layer.rate_c = static_cast<T>(rate_c);
    layer.zones = layer.zone_h || layer.zone_c || rate_h || rate_c;
  }
};

struct Outputs {
  Out ys, h_last, c_last;
};

// Where `gates` and `cs` are null, nothing is kept for a backward pass.
template <class T>
ffi::Error forward_as(const Inputs& in, const Zones& zones, Outputs out, Out* gates, Out* cs, int64_t kind, bool pad_left,
                      bool reverse) {
  Layer<T> layer = layer_of<T>(in, kind, reverse);
  zones.give(layer);
  layer.ys = data<T>(out.ys), layer.h_last = data<T>(out.h_last), layer.c_last = data<T>(out.c_last);
  if (gates) layer.gates = data<T>(*gates), layer.cs = data<T>(*cs);
  Schedule schedule = plan(layer, data<int32_t>(in.lengths), pad_left);
  schedule.give(layer);
  return done(forward(layer, schedule.threads));
}

ffi::Error forward_in(const Inputs& in, const Zones& zones, Outputs out, Out* gates, Out* cs, int64_t kind, bool pad_left,
                      bool reverse) {
  if (!alike(in)) return unlike();
  auto run = in.xs.element_type() == ffi::F64 ? forward_as<double> : forward_as<float>;
  return run(in, zones, out, gates, cs, kind, pad_left, reverse);
}

ffi::Error outputs_any(In xs, In kernel, In recurrent_kernel, In bias, In extra, In h, In c, In h_start,
                       In c_start, In lengths, In resets, In zone_h, In zone_c, Out ys, Out h_last, Out c_last, int64_t kind,
                       bool pad_left, bool reverse, double rate_h, double rate_c) {
  Inputs in{xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start, lengths, resets};
  return forward_in(in, {zone_h, zone_c, rate_h, rate_c}, {ys, h_last, c_last}, nullptr, nullptr, kind, pad_left, reverse);
}

ffi::Error forward_any(In xs, In kernel, In recurrent_kernel, In bias, In extra, In h, In c, In h_start,
                       In c_start, In lengths, In resets, In zone_h, In zone_c, Out ys, Out gates, Out cs, Out h_last,
                       Out c_last, int64_t kind, bool pad_left, bool reverse, double rate_h, double rate_c) {
  Inputs in{xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start, lengths, resets};
  return forward_in(in, {zone_h, zone_c, rate_h, rate_c}, {ys, h_last, c_last}, &gates, &cs, kind, pad_left, reverse);
}

struct Gradients {
  Out xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start, gates;
};

template <class T>
ffi::Error backward_as(const Inputs& in, const Zones& zones, const In& ys, const In& cs, const In& d_ys, const In& d_h_last,
                       const In& d_c_last, Gradients out, int64_t kind, bool pad_left, bool reverse) {
  Layer<T> layer = layer_of<T>(in, kind, reverse);
  zones.give(layer);
  layer.ys = data<T>(ys), layer.cs = data<T>(cs);
  layer.gates = data<T>(out.gates);
  layer.d_ys = gate_count(layer.kind) == 1 ? layer.gates : data<T>(d_ys);
  layer.d_h_last = data<T>(d_h_last), layer.d_c_last = data<T>(d_c_last);
  layer.d_xs = data<T>(out.xs), layer.d_kernel = data<T>(out.kernel);
  layer.d_recurrent_kernel = data<T>(out.recurrent_kernel);
  layer.d_bias = data<T>(out.bias), layer.d_extra = data<T>(out.extra);
  layer.d_h_first = data<T>(out.h), layer.d_c_first = data<T>(out.c);
  layer.d_h_start = data<T>(out.h_start), layer.d_c_start = data<T>(out.c_start);
  Schedule schedule = plan(layer, data<int32_t>(in.lengths), pad_left);
  schedule.give(layer);
  return done(backward(layer, schedule.threads));
}

// `gates`, or for an Elman layer `d_ys`, shares its memory with `d_gates`.
ffi::Error backward_any(In xs, In kernel, In recurrent_kernel, In bias, In extra, In h, In c, In h_start,
                        In c_start, In lengths, In resets, In zone_h, In zone_c, In ys, In cs, In d_ys, In d_h_last, In d_c_last, In /*gates*/,
                        Out d_xs, Out d_kernel, Out d_recurrent_kernel, Out d_bias, Out d_extra, Out d_h,
                        Out d_c, Out d_h_start, Out d_c_start, Out d_gates, int64_t kind, bool pad_left, bool reverse,
                        double rate_h, double rate_c) {
  Inputs in{xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start, lengths, resets};
  Gradients out{d_xs, d_kernel, d_recurrent_kernel, d_bias, d_extra, d_h, d_c, d_h_start, d_c_start, d_gates};
  if (!alike(in)) return unlike();
  auto run = xs.element_type() == ffi::F64 ? backward_as<double> : backward_as<float>;
  return run(in, {zone_h, zone_c, rate_h, rate_c}, ys, cs, d_ys, d_h_last, d_c_last, out, kind, pad_left, reverse);
}

ffi::Error packed_any(In xs, In kernel, In recurrent_kernel, In scales, In recurrent_scales, In bias, In extra,
                      In h, In c, In h_start, In c_start, In lengths, In resets, Out ys, Out h_last, Out c_last,
                      int64_t kind, int64_t format, bool pad_left, bool reverse) {
  const Inputs in{xs, kernel, recurrent_kernel, bias, extra, h, c, h_start, c_start, lengths, resets};
  Layer<float> layer = layer_of<float>(in, kind, reverse);
  layer.ys = data<float>(ys), layer.h_last = data<float>(h_last), layer.c_last = data<float>(c_last);
  const PackedLayer weights{kind, format, layer.features, layer.hidden, 0, kernel.untyped_data(),
                            recurrent_kernel.untyped_data(), data<float>(scales), data<float>(recurrent_scales),
                            layer.bias, layer.extra};
  Schedule schedule = plan(layer, data<int32_t>(lengths), pad_left);
  schedule.give(layer);
  return done(packed_kernels().run_sequences({&layer, &weights}, schedule.threads));
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(elman_outputs, outputs_any,
                              ffi::Ffi::Bind()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Ret<In>().Ret<In>().Ret<In>()
                                  .Attr<int64_t>("kind").Attr<bool>("pad_left").Attr<bool>("reverse")
                                  .Attr<double>("rate_h").Attr<double>("rate_c"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(elman_packed, packed_any,
                              ffi::Ffi::Bind()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Ret<In>().Ret<In>().Ret<In>()
                                  .Attr<int64_t>("kind").Attr<int64_t>("format").Attr<bool>("pad_left")
                                  .Attr<bool>("reverse"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(elman_forward, forward_any,
                              ffi::Ffi::Bind()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>()
                                  .Attr<int64_t>("kind").Attr<bool>("pad_left").Attr<bool>("reverse")
                                  .Attr<double>("rate_h").Attr<double>("rate_c"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(elman_backward, backward_any,
                              ffi::Ffi::Bind()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>().Arg<In>()
                                  .Arg<In>().Arg<In>().Arg<In>()
                                  .Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>().Ret<In>()
                                  .Ret<In>().Ret<In>()
                                  .Attr<int64_t>("kind").Attr<bool>("pad_left").Attr<bool>("reverse")
                                  .Attr<double>("rate_h").Attr<double>("rate_c"));

// Steps with packed weights. Errors and threads are as above.
extern "C" int64_t elman_lanes() { return packed_kernels().lanes(); }
extern "C" int64_t elman_revision() { return kRevision; }
extern "C" int64_t elman_rows_together() { return packed_kernels().rows_together(); }

extern "C" int64_t elman_walk(const Steps* call) {
  double weights = 0;
  for (int64_t i = 0; i < call->layer_count; i++) {
    const PackedLayer& layer = call->layers[i];
    const int64_t gates = gate_count(static_cast<Kind>(layer.kind));
    weights += static_cast<double>(gates * layer.hidden) * static_cast<double>(layer.features + layer.hidden);
  }
  // Waking a thread for a single step costs more than meeting it at the barriers of many.
  const double worth = weights * static_cast<double>(call->rows) / (call->steps > 1 ? kWorthMeeting : kWorthWaking);
  const int threads = static_cast<int>(std::clamp<double>(worth, 1, team_size()));
  return packed_kernels().run_steps(*call, threads);
}

// One step without a sampler; `out` is the new state and, behind it, the outputs.
extern "C" int64_t elman_step(const PackedLayer* layers, int64_t layer_count, int64_t rows, const float* xs,
                              const float* state, float* out) {
  int64_t size = 0;
  for (int64_t i = 0; i < layer_count; i++)
    if (layers[i].recurrent_kernel) size += layers[i].hidden * (has_cell_state(static_cast<Kind>(layers[i].kind)) ? 2 : 1);
  const Steps call{layers, layer_count, rows, 1, xs, state, out, out + rows * size, nullptr, nullptr};
  return elman_walk(&call);
}

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
