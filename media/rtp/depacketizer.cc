#include "media/rtp/depacketizer.h"

#include <utility>

namespace millrace::media::rtp {

absl::Status Depacketizer::Push(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  if (packet.restart) {
    Flush(units);
    Reset();
    restart_ = true;
  }
  if (packet.lost > 0) {
    after_loss_ = true;
    Lose();
  }
  if (packet.packet.payload.empty()) return absl::OkStatus();
  absl::Status status = Take(packet, units);
  if (!status.ok()) {
    after_loss_ = true;
    Lose();
  }
  return status;
}

void Depacketizer::Emit(AccessUnit unit, std::vector<AccessUnit>& units) {
  ++counters_.units;
  unit.after_loss = std::exchange(after_loss_, false);
  unit.restart = std::exchange(restart_, false);
  units.push_back(std::move(unit));
}

}  // namespace millrace::media::rtp
