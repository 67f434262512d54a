#include <algorithm>
#include <cmath>
#include <limits>

#include "packed.h"

namespace elman {
namespace {

struct Best {
  float score = -std::numeric_limits<float>::infinity();
  int32_t token = 0;
  void see(float other, int32_t candidate) {
    if (other > score || (other == score && candidate < token)) score = other, token = candidate;
  }
};

}  // namespace

int32_t sample(const Sampler& sampler, int64_t slot, const float* logits, const float* draws, int32_t* candidates) {
  const unsigned char* fits = sampler.last ? sampler.fits + sampler.last[sampler.before[slot]] * sampler.kinds : nullptr;
  const float temperature = sampler.temperature[slot], top_p = sampler.top_p[slot];
  const int64_t top_k = sampler.top_k[slot];
  int64_t count = 0;
  Best likeliest;
  for (int32_t token = 0; token < sampler.vocab; token++)
    if (sampler.allowed[token] && (!fits || fits[sampler.first[token]]))
      candidates[count++] = token, likeliest.see(logits[token], token);
  if (!count || temperature == 0) return likeliest.token;

  const auto scaled = [&](int32_t token) { return (logits[token] - likeliest.score) / temperature; };
  Best best;
  if (top_k == 0 && top_p == 1) {
    for (int64_t i = 0; i < count; i++) best.see(scaled(candidates[i]) + draws[candidates[i]], candidates[i]);
    return best.token;
  }
  // The likeliest first, of equals the first; until `top_k` are taken, or those before have the probability `top_p`.
  const auto later = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] < logits[b] : a > b; };
  float total = 0, mass = 0;
  for (int64_t i = 0; i < count; i++) total += std::exp(scaled(candidates[i]));
  std::make_heap(candidates, candidates + count, later);
  const int64_t most = top_k ? std::min(top_k, count) : count;
  for (int64_t taken = 0; taken < most && (taken == 0 || mass < top_p); taken++) {
    std::pop_heap(candidates, candidates + count - taken, later);
    const int32_t token = candidates[count - taken - 1];
    mass += std::exp(scaled(token)) / total;
    best.see(scaled(token) + draws[token], token);
  }
  return best.token;
}

float nats_of(const Sampler& sampler, const float* logits, int32_t token) {
  float most = logits[0];
  for (int64_t i = 1; i < sampler.vocab; i++) most = std::max(most, logits[i]);
  double total = 0;
  for (int64_t i = 0; i < sampler.vocab; i++) total += std::exp(logits[i] - most);
  return static_cast<float>(std::log(total) - (logits[token] - most));
}

}  // namespace elman
