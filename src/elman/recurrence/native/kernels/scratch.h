// Working memory of a call, kept for the next one: fresh pages would cost as much as the arithmetic of a small layer.
#pragma once
#include <cstddef>

namespace elman {

// Aligned to a cache line, not cleared; null when memory cannot be allocated. Up to 64 MB of free blocks are kept.
void* scratch_take(std::size_t bytes);
void scratch_give(void* memory);

}  // namespace elman

namespace {

template <class T> class Scratch {
 public:
  explicit Scratch(long count) : at_(static_cast<T*>(elman::scratch_take(static_cast<std::size_t>(count) * sizeof(T)))) {}
  ~Scratch() { elman::scratch_give(const_cast<void*>(static_cast<const void*>(at_))); }
  Scratch(const Scratch&) = delete;
  operator T*() const { return at_; }

 private:
  T* at_;
};

}  // namespace
