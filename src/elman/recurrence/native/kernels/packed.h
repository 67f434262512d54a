// Networks whose weights lie in the order in which steps of few sequences read them, as plain pointers. `packed.py` lays
// them out, and has the same structures.
//
// A weight of `depth` rows has a block of columns for each gate. Its vectors are ordered unit by unit, and for a unit
// gate by gate; four vectors make a panel, which is stored row by row, and the last panel holds what is left over. Where
// rows_together() is 4, int8 weights have four rows side by side; see digits.h.
#pragma once
#include <cstdint>

#include "layer.h"

namespace elman {

enum class Format : int64_t { kFloat32, kBfloat16, kInt8 };

// A recurrent layer, or a dense one, whose recurrent kernel is null. Biases and the scales of int8's columns are float32
// in the order of vectors; scales are null for other formats.
struct PackedLayer {
  int64_t kind, format, features, hidden;
  int64_t residual;  // the output is h + x
  const void *kernel, *recurrent_kernel;
  const float *scales, *recurrent_scales, *bias, *extra;
};

// How the tokens of some texts are read and chosen. Tokens that `allowed` excludes, and those that do not fit the token
// before, are never taken. Each text has a slot in the arrays that are marked so.
struct Sampler {
  int64_t vocab, kinds, block;
  const float* table;            // [vocab feature], the embedding
  const unsigned char* allowed;  // [vocab]
  const int32_t *first, *last;   // [vocab], the kinds of a token's ends; null if all tokens fit
  const unsigned char* fits;     // [kinds kinds], last kind and first kind
  const float *temperature, *top_p;  // [slot]; temperature 0 takes the most likely token
  const int64_t* top_k;              // [slot]; 0 takes from all
  const float* draws;                // [slot block vocab], from Gumbel's distribution
  const int64_t* place;              // [slot], the place in the block of the first step's draws
  int32_t* before;                   // [slot], the last token; overwritten with the new one
  int32_t* ids;                      // [rows steps]; a token to read, or -1 for one to be chosen, which replaces it
  float* nats;                       // [rows steps], -ln of each token's probability
};

// The token after `before` in a text, by its logits and its draws; `candidates` is room for [vocab] tokens.
int32_t sample(const Sampler&, int64_t slot, const float* logits, const float* draws, int32_t* candidates);

// -ln of the probability of a token.
float nats_of(const Sampler&, const float* logits, int32_t token);

// Steps of a network for `rows` sequences at once. A state has, layer after layer, h of all rows, then c of all rows
// where the cell has one. With a sampler the rows are those of some slots instead, whose states are changed in place; in
// a slot, layer after layer has its h, then its c.
struct Steps {
  const PackedLayer* layers;
  int64_t layer_count, rows, steps;
  const float* xs;         // [rows steps feature]; null where a sampler makes the inputs
  const float* state;      // read
  float* new_state;        // written; not the same memory, but for slots
  float* ys;               // [rows steps outputs] of the last layer; with a sampler [slot vocab], the logits of the next
                           // token, which are read first and written last
  const long* slots;       // [rows], or null
  const Sampler* sampler;  // or null
};

// One layer over whole sequences, as `Layer` describes it but for its weights.
struct PackedSequences {
  const Layer<float>* layer;
  const PackedLayer* weights;
};

// As in layer.h; avx512vnni also takes products of bytes.
#define ELMAN_DECLARE_PACKED(isa)                                 \
  namespace isa {                                                 \
  long lanes();                                                   \
  long rows_together();                                           \
  bool run_steps(const Steps&, int threads);                      \
  bool run_sequences(const PackedSequences&, int threads);        \
  }
ELMAN_DECLARE_PACKED(baseline)
ELMAN_DECLARE_PACKED(avx2)
ELMAN_DECLARE_PACKED(avx512)
ELMAN_DECLARE_PACKED(avx512vnni)

}  // namespace elman
