#pragma once
// Where a viewer's units go when not into its connection: datagrams, for one.

#include <sys/uio.h>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <functional>
#include <span>

namespace millrace::stream {

// Lives on the viewer's shard, and longer than the viewer.
class Sink {
 public:
  virtual ~Sink() = default;
  // Takes the first of the bytes, how many it returns. 0 with would_block: wait, then come again;
  // with another error nothing will ever be taken again.
  virtual size_t WriteSome(std::span<const iovec> pieces, boost::system::error_code& error) = 0;
  // Calls the handler once, later, when more may be taken.
  virtual void WaitWritable(std::function<void(const boost::system::error_code&)> handler) = 0;
};

}  // namespace millrace::stream
