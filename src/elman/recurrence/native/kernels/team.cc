#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace elman {
namespace {

// Steps are microseconds apart, so a thread first spins; then it yields to others.
constexpr int kSpins = 2000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition> void wait_awake(Condition met) {
  for (int spins = 0; !met();) {
    if (++spins < kSpins) relax();
    else std::this_thread::yield();
  }
}

struct Job {
  void (*work)(void*, int, int);
  void* data;
  int count;
  std::atomic<int> unfinished;
};

class Worker {
 public:
  explicit Worker(int id) : id_(id) {
    std::thread([this] { serve(); }).detach();
  }

  void post(Job* job) {
    job_.store(job, std::memory_order_release);
    std::lock_guard lock(mutex_);
    if (asleep_) wake_.notify_one();
  }

 private:
  void serve() {
    for (;;) {
      for (int spins = 0; spins < kSpins && !job_.load(std::memory_order_acquire); spins++) relax();
      if (!job_.load(std::memory_order_acquire)) {
        std::unique_lock lock(mutex_);
        asleep_ = true;
        wake_.wait(lock, [this] { return job_.load(std::memory_order_acquire) != nullptr; });
        asleep_ = false;
      }
      Job* job = job_.exchange(nullptr, std::memory_order_acquire);
      job->work(job->data, id_, job->count);
      job->unfinished.fetch_sub(1, std::memory_order_release);  // the job may be gone from here on
    }
  }

  const int id_;
  std::atomic<Job*> job_{nullptr};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool asleep_ = false;
};

struct Team {
  std::mutex in_use;
  std::vector<std::unique_ptr<Worker>> workers;
};

// Never destroyed: its threads sleep until the process ends.
Team* team = new Team;

// Threads do not survive a fork; the child starts a team of its own when it needs one.
const int registered = pthread_atfork(nullptr, nullptr, [] { team = new Team; });

}  // namespace

int team_size() {
  static const int size = [] {
    if (const char* wanted = std::getenv("ELMAN_NUM_THREADS")) {
      int threads = std::atoi(wanted);
      if (threads > 0) return threads;
    }
#if defined(__linux__)
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
    unsigned threads = std::thread::hardware_concurrency();
    return threads ? static_cast<int>(threads) : 1;
  }();
  return size;
}

void team_run(int wanted, void (*work)(void*, int, int), void* data) {
  std::unique_lock lock(team->in_use, std::defer_lock);
  if (wanted <= 1 || !lock.try_lock()) {
    work(data, 0, 1);
    return;
  }
  while (static_cast<int>(team->workers.size()) < wanted - 1)
    team->workers.push_back(std::make_unique<Worker>(static_cast<int>(team->workers.size()) + 1));
  Job job{work, data, wanted, wanted - 1};
  for (int id = 1; id < wanted; id++) team->workers[id - 1]->post(&job);
  work(data, 0, wanted);
  wait_awake([&] { return job.unfinished.load(std::memory_order_acquire) == 0; });
}

void Barrier::wait(int count) {
  if (count == 1) return;
  int round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == count - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
  } else {
    wait_awake([&] { return round_.load(std::memory_order_acquire) != round; });
  }
}

}  // namespace elman
