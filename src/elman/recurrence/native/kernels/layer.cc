// A whole recurrent layer, forward and backward through time: the input projection, the steps, the weights' gradients.
// Compiled once for each instruction set ELMAN_ISA and number type ELMAN_REAL.
//
// A thread takes its slice of the batch through all steps, independently of the others. Only where the recurrent kernel
// is large and rows are few do the threads divide the hidden units instead, with a barrier after each step. The
// recurrent kernel is packed so that the gates of the same hidden units lie side by side: a tile's sums are all that
// the non-linearity needs, and the gates are written from registers to memory once.
#include "layer.h"

#include "backward.h"
#include "forward.h"

namespace {

template <template <class, class> class PassOf, class T> bool run(const Layer<T>& layer, int threads) {
  switch (layer.kind) {
    case Kind::kGru: return PassOf<T, Gru<T>>(layer, threads).run();
    case Kind::kLstm: return PassOf<T, Lstm<T>>(layer, threads).run();
    case Kind::kPeephole: return PassOf<T, Peephole<T>>(layer, threads).run();
    default: return PassOf<T, Elman<T>>(layer, threads).run();
  }
}

}  // namespace

namespace elman::ELMAN_ISA {

bool forward(const Layer<ELMAN_REAL>& layer, int threads) {
  return has_two_products(layer.kind) ? forward_pair(layer, threads) : run<Forward>(layer, threads);
}
bool backward(const Layer<ELMAN_REAL>& layer, int threads) {
  return has_two_products(layer.kind) ? backward_pair(layer, threads) : run<Backward>(layer, threads);
}

}  // namespace elman::ELMAN_ISA
