#include "runtime/loop/shards.h"

#include <pthread.h>

#include <algorithm>
#include <string>

namespace millrace::loop {

Shards::Shards(size_t count) {
  if (count == 0) count = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8);
  contexts_.reserve(count);
  guards_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    // One thread each: Asio leaves out the wake-ups that only several threads need.
    contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
    guards_.push_back(boost::asio::make_work_guard(*contexts_.back()));
  }
}

Shards::~Shards() {
  Stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Shards::Run() {
  for (size_t i = 1; i < contexts_.size(); ++i) {
    threads_.emplace_back([this, i] {
      const std::string name = "shard-" + std::to_string(i);
      pthread_setname_np(pthread_self(), name.c_str());
      contexts_[i]->run();
    });
  }
  contexts_.front()->run();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Shards::Stop() {
  for (auto& context : contexts_) context->stop();
}

}  // namespace millrace::loop
