#include "scratch.h"

#include <pthread.h>

#include <cstdlib>
#include <map>
#include <mutex>

namespace elman {
namespace {

constexpr std::size_t kLine = 64, kMostKept = std::size_t{64} << 20;

struct Shelf {
  std::mutex mutex;
  std::multimap<std::size_t, void*> blocks;
  std::size_t kept = 0;
};

// Never destroyed, so that a call on another thread may end after `main`.
Shelf* shelf = new Shelf;

// A fork may happen while another thread holds the mutex, so the child process starts with a new one.
const int registered = pthread_atfork(nullptr, nullptr, [] { shelf = new Shelf; });

// A block begins with a cache line that holds its size.
std::size_t& size_of(void* block) { return *static_cast<std::size_t*>(block); }

}  // namespace

void* scratch_take(std::size_t bytes) {
  const std::size_t size = (bytes + 2 * kLine - 1) / kLine * kLine;
  void* block = nullptr;
  {
    std::lock_guard lock(shelf->mutex);
    auto found = shelf->blocks.lower_bound(size);
    if (found != shelf->blocks.end() && found->first <= 2 * size) {
      block = found->second;
      shelf->kept -= found->first;
      shelf->blocks.erase(found);
    }
  }
  if (!block) {
    block = std::aligned_alloc(kLine, size);
    if (!block) return nullptr;
    size_of(block) = size;
  }
  return static_cast<char*>(block) + kLine;
}

void scratch_give(void* memory) {
  if (!memory) return;
  void* block = static_cast<char*>(memory) - kLine;
  {
    std::lock_guard lock(shelf->mutex);
    if (shelf->kept + size_of(block) <= kMostKept) {
      shelf->kept += size_of(block);
      shelf->blocks.emplace(size_of(block), block);
      return;
    }
  }
  std::free(block);
}

}  // namespace elman
