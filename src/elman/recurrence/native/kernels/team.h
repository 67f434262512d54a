// A team of threads that work side by side on one call.
#pragma once
#include <atomic>

namespace elman {

// The threads that this process may use: its processors, or ELMAN_NUM_THREADS.
int team_size();

// Calls work(data, id, count) for id = 0 .. count-1 at the same time, where count <= wanted; the caller is id 0.
// While another call uses the team, the caller does the work alone (count = 1).
void team_run(int wanted, void (*work)(void* data, int id, int count), void* data);

// A barrier for all threads of one team_run.
class Barrier {
 public:
  void wait(int count);

 private:
  std::atomic<int> arrived_{0};
  std::atomic<int> round_{0};
};

}  // namespace elman
