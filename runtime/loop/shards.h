#pragma once
// N single-threaded io_contexts. A session lives and dies on one of them; nothing on a shard needs
// a lock.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace millrace::loop {

class Shards {
 public:
  // `count` 0: one for each core, at most 8.
  explicit Shards(size_t count);
  ~Shards();  // stops and joins

  size_t size() const { return contexts_.size(); }
  boost::asio::io_context& at(size_t index) { return *contexts_[index]; }
  // The shard that also owns the bus sockets.
  boost::asio::io_context& home() { return *contexts_.front(); }
  // Round robin, for new connections.
  size_t NextIndex() { return next_++ % contexts_.size(); }

  // Runs every shard but the first on a thread of its own, and the first on the caller's, until
  // Stop(). When it returns no shard runs any more.
  void Run();
  void Stop();  // from any thread

 private:
  using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<Guard> guards_;
  std::vector<std::thread> threads_;
  size_t next_ = 0;
};

}  // namespace millrace::loop
