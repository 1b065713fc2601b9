/* CUDA's words for a C++ compiler: a block's threads one after the other, which is the same for a kernel whose
   threads share nothing. */
#include <cstdint>
#include <cstring>
#include <vector>
#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__
#define __launch_bounds__(...)
#define __popc __builtin_popcount
#define BARRIER
struct Index { unsigned x; };
static Index blockIdx, threadIdx;
template <int table> static inline unsigned lop3(unsigned a, unsigned b, unsigned c) {
  unsigned d = 0;
  for (int index = 0; index < 8; index++)
    if (table >> index & 1) d |= (index & 4 ? a : ~a) & (index & 2 ? b : ~b) & (index & 1 ? c : ~c);
  return d;
}
static inline void atomicAdd(unsigned long long *at, unsigned long long value) { *at += value; }
unsigned shared[58112]; /* 227 KB, as a block may have */
