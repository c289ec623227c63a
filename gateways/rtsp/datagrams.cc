#include "gateways/rtsp/datagrams.h"

namespace millrace::rtsp {
namespace {

constexpr int kMaxRounds = 8;

}  // namespace

void DatagramReader::Drain(boost::asio::ip::udp::socket& socket, const Handler& handler) {
  if (memory_ == nullptr) memory_ = std::make_unique_for_overwrite<uint8_t[]>(kBatch * kSize);
  for (int round = 0; round < kMaxRounds; ++round) {
    for (size_t i = 0; i < kBatch; ++i) {
      pieces_[i] = {memory_.get() + i * kSize, kSize};
      messages_[i] = {};
      messages_[i].msg_hdr.msg_name = from_[i].data();
      messages_[i].msg_hdr.msg_namelen = static_cast<socklen_t>(from_[i].capacity());
      messages_[i].msg_hdr.msg_iov = &pieces_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
    // Also an error that a former datagram of ours met (ICMP) ends up here, once: it is passed
    // over.
    const int count = ::recvmmsg(socket.native_handle(), messages_.data(), kBatch, MSG_DONTWAIT,
                                 /*timeout=*/nullptr);
    for (int i = 0; i < count; ++i) {
      if (messages_[i].msg_len == 0) continue;
      from_[i].resize(messages_[i].msg_hdr.msg_namelen);
      handler(from_[i], media::Bytes(memory_.get() + i * kSize, messages_[i].msg_len));
    }
    if (count < static_cast<int>(kBatch)) return;
  }
}

}  // namespace millrace::rtsp
