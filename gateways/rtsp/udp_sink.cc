#include "gateways/rtsp/udp_sink.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

#include "gateways/rtsp/protocol/message.h"
#include "media/rtp/rtcp.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::rtsp {
namespace {

constexpr size_t kMaxMessages = 128;

// One packet in the pieces: what stands behind its header.
struct Cut {
  uint8_t channel = 0;
  size_t size = 0;   // header included
  size_t first = 0;  // in `pieces` of the cutter
  size_t count = 0;
};

// Goes through the pieces packet by packet.
class Cutter {
 public:
  explicit Cutter(std::span<const iovec> pieces) : pieces_(pieces) {}

  // False behind the last whole packet.
  bool Next(Cut& cut) {
    if (at_ == pieces_.size()) return false;
    // Units write a packet's header and what follows in one piece.
    const auto* head = static_cast<const uint8_t*>(pieces_[at_].iov_base);
    if (pieces_[at_].iov_len < kInterleavedHeaderSize || head[0] != '$') return false;
    cut = {head[1], kInterleavedHeaderSize, count_, 0};
    size_t left = static_cast<size_t>(head[2] << 8 | head[3]);
    cut.size += left;
    size_t skip = kInterleavedHeaderSize;
    for (; left > 0 && at_ < pieces_.size(); ++at_) {
      const size_t size = pieces_[at_].iov_len - skip;
      if (size > left || count_ == out_.size()) return false;
      out_[count_++] = {static_cast<uint8_t*>(pieces_[at_].iov_base) + skip, size};
      left -= size;
      skip = 0;
    }
    cut.count = count_ - cut.first;
    return left == 0;
  }
  iovec* at(size_t index) { return &out_[index]; }

 private:
  const std::span<const iovec> pieces_;
  size_t at_ = 0;
  std::array<iovec, stream::IovecList::kMaxPieces> out_;
  size_t count_ = 0;
};

}  // namespace

// Datagrams of one socket that are sent together.
class UdpSink::Batch {
 public:
  // How many bytes of the pieces were taken; the rest has to wait where `blocked`.
  size_t Send(int socket, uint64_t& dropped, bool& blocked) {
    size_t taken = 0;
    for (size_t next = 0; next < count_;) {
      const int sent = ::sendmmsg(socket, &messages_[next], static_cast<unsigned>(count_ - next),
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        for (int i = 0; i < sent; ++i) taken += sizes_[next++];
      } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
        blocked = true;
        break;
      } else if (errno != EINTR) {
        taken += sizes_[next++];
        ++dropped;
      }
    }
    count_ = 0;
    return taken;
  }
  bool Add(const boost::asio::ip::udp::endpoint& to, iovec* pieces, size_t pieces_count,
           size_t size) {
    sizes_[count_] = size;
    mmsghdr& message = messages_[count_++];
    message = {};
    message.msg_hdr.msg_name = const_cast<sockaddr*>(to.data());
    message.msg_hdr.msg_namelen = static_cast<socklen_t>(to.size());
    message.msg_hdr.msg_iov = pieces;
    message.msg_hdr.msg_iovlen = pieces_count;
    return count_ < kMaxMessages;
  }
  bool empty() const { return count_ == 0; }

 private:
  std::array<mmsghdr, kMaxMessages> messages_;
  std::array<size_t, kMaxMessages> sizes_;
  size_t count_ = 0;
};

const UdpDestination* UdpSink::Find(uint8_t channel) const {
  for (const UdpDestination& one : destinations_) {
    if (one.channel == (channel & ~1)) return &one;
  }
  return nullptr;
}

void UdpSink::SetSsrc(uint8_t channel, uint32_t ssrc) {
  for (UdpDestination& one : destinations_) {
    if (one.channel == channel) one.ssrc = ssrc;
  }
}

size_t UdpSink::WriteSome(std::span<const iovec> pieces, boost::system::error_code& error) {
  error = {};
  Cutter cutter(pieces);
  Batch batch;
  size_t taken = 0;
  bool blocked = false, reports = false, any = false;
  const auto send = [&] {
    if (batch.empty()) return;
    taken +=
        batch.Send((reports ? pair_->rtcp() : pair_->rtp()).native_handle(), dropped_, blocked);
  };
  for (Cut cut; !blocked && cutter.Next(cut);) {
    any = true;
    const UdpDestination* to = Find(cut.channel);
    const bool report = cut.channel % 2 == 1;
    if (report != reports || to == nullptr) send();
    if (blocked) break;
    reports = report;
    if (to == nullptr) {
      taken += cut.size;
    } else if (!batch.Add(report ? to->rtcp : to->rtp, cutter.at(cut.first), cut.count, cut.size)) {
      send();
    }
  }
  if (!blocked) send();
  if (taken == 0) {
    // A packet that does not fit into a round would never be sent.
    error = any ? boost::asio::error::would_block : boost::asio::error::message_size;
  }
  return taken;
}

void UdpSink::WaitWritable(std::function<void(const boost::system::error_code&)> handler) {
  pair_->rtp().async_wait(UdpPair::Socket::wait_write, std::move(handler));
}

void UdpSink::SayBye() {
  for (const UdpDestination& one : destinations_) {
    if (one.ssrc == 0) continue;
    const media::rtp::RtcpPacket packets[] = {media::rtp::ReceiverReport{one.ssrc, {}},
                                              media::rtp::Bye{{one.ssrc}, {}}};
    const std::vector<uint8_t> compound = media::rtp::BuildRtcp(packets);
    (void)::sendto(pair_->rtcp().native_handle(), compound.data(), compound.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL, one.rtcp.data(),
                   static_cast<socklen_t>(one.rtcp.size()));
  }
}

}  // namespace millrace::rtsp
