#pragma once
// Tells ThreadSanitizer that memory goes from one thread to another inside ZeroMQ, whose queues
// are not instrumented. Without it each buffer that ZeroMQ's thread gives back looks like a race;
// with it only these buffers are excused. Nothing in any other build.

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MILLRACE_TSAN 1
extern "C" void __tsan_acquire(void* address);  // NOLINT: the sanitizer's own names
extern "C" void __tsan_release(void* address);  // NOLINT
#endif
#endif

namespace millrace::bus {

// Before `address` is given to ZeroMQ.
inline void HandOver([[maybe_unused]] void* address) {
#ifdef MILLRACE_TSAN
  __tsan_release(address);
#endif
}

// In the function that ZeroMQ calls to give it back.
inline void TakeBack([[maybe_unused]] void* address) {
#ifdef MILLRACE_TSAN
  __tsan_acquire(address);
#endif
}

}  // namespace millrace::bus
