#include "media/rtp/reorder.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::media::rtp {
namespace {

Packet Numbered(uint16_t sequence, uint32_t ssrc = 1, uint32_t timestamp = 0) {
  Packet packet;
  packet.sequence = sequence;
  packet.ssrc = ssrc;
  packet.timestamp = timestamp;
  return packet;
}

// "1 2 4(1)": sequence numbers, losses before them in parentheses, R for a restart.
std::string Text(const std::vector<OrderedPacket>& packets) {
  std::string text;
  for (const OrderedPacket& packet : packets) {
    if (!text.empty()) text += ' ';
    if (packet.restart) text += 'R';
    text += std::to_string(packet.packet.sequence);
    if (packet.lost > 0) text += '(' + std::to_string(packet.lost) + ')';
  }
  return text;
}

TEST(Reorder, PutsInOrder) {
  const struct {
    const char* name;
    std::vector<uint16_t> sequence;
    size_t window;
    const char* out;
    ReorderBuffer::Counters counters;
  } cases[] = {
      {"in order", {1, 2, 3}, 8, "1 2 3", {.received = 3}},
      {"wraps", {65534, 65535, 0, 1}, 8, "65534 65535 0 1", {.received = 4}},
      {"two swapped", {1, 3, 2, 4}, 8, "1 2 3 4", {.received = 4, .reordered = 1}},
      {"swapped over the wrap",
       {65535, 1, 0, 2},
       8,
       "65535 0 1 2",
       {.received = 4, .reordered = 1}},
      {"backwards", {1, 5, 4, 3, 2}, 8, "1 2 3 4 5", {.received = 5, .reordered = 3}},
      {"duplicates",
       {1, 2, 2, 4, 4, 3, 1},
       8,
       "1 2 3 4",
       {.received = 4, .reordered = 1, .duplicate = 3}},
      {"a gap waits", {1, 3, 4}, 8, "1", {.received = 3}},
      {"a gap beyond the window", {1, 3, 4, 5}, 2, "1 3(1) 4 5", {.received = 4, .lost = 1}},
      {"late", {1, 3, 4, 5, 2}, 2, "1 3(1) 4 5", {.received = 4, .lost = 1, .late = 1}},
      {"late twice",
       {1, 3, 4, 5, 2, 2},
       2,
       "1 3(1) 4 5",
       {.received = 4, .lost = 1, .late = 1, .duplicate = 1}},
      {"TCP: nothing is held", {1, 2, 5, 6}, 0, "1 2 5(2) 6", {.received = 4, .lost = 2}},
      {"far ahead, confirmed",
       {1, 20000, 20001},
       8,
       "1 R20000 20001",
       {.received = 3, .restarts = 1}},
      {"far back, confirmed",
       {30000, 30001, 5, 6, 7},
       8,
       "30000 30001 R5 6 7",
       {.received = 5, .restarts = 1}},
      {"far off, alone", {1, 20000, 2, 3}, 8, "1 2 3", {.received = 3, .strays = 1}},
      {"strays", {1, 20000, 30000, 40000, 2}, 8, "1 2", {.received = 2, .strays = 3}},
      {"what was held comes before a restart",
       {1, 3, 20000, 20001},
       8,
       "1 3(1) R20000 20001",
       {.received = 4, .lost = 1, .restarts = 1}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ReorderBuffer buffer({.max_packets = c.window});
    std::vector<OrderedPacket> out;
    for (uint16_t sequence : c.sequence) buffer.Push(Numbered(sequence), 0, out);
    EXPECT_EQ(Text(out), c.out);
    EXPECT_EQ(buffer.counters().received, c.counters.received);
    EXPECT_EQ(buffer.counters().lost, c.counters.lost);
    EXPECT_EQ(buffer.counters().reordered, c.counters.reordered);
    EXPECT_EQ(buffer.counters().late, c.counters.late);
    EXPECT_EQ(buffer.counters().duplicate, c.counters.duplicate);
    EXPECT_EQ(buffer.counters().restarts, c.counters.restarts);
    EXPECT_EQ(buffer.counters().strays, c.counters.strays);
  }
}

TEST(Reorder, GivesUpAfterAWhile) {
  ReorderBuffer buffer({.max_packets = 8, .max_wait_ns = 100});
  std::vector<OrderedPacket> out;
  buffer.Push(Numbered(1), 0, out);
  EXPECT_FALSE(buffer.NextDeadline().has_value());
  buffer.Push(Numbered(3), 50, out);
  buffer.Push(Numbered(6), 60, out);
  ASSERT_EQ(buffer.NextDeadline(), 150);
  buffer.OnTimer(149, out);
  EXPECT_EQ(Text(out), "1");
  buffer.OnTimer(150, out);
  EXPECT_EQ(Text(out), "1 3(1)");
  ASSERT_EQ(buffer.NextDeadline(), 160);
  buffer.Flush(out);
  EXPECT_EQ(Text(out), "1 3(1) 6(2)");
  EXPECT_FALSE(buffer.NextDeadline().has_value());
}

TEST(Reorder, GivesUpEarlierWhereManyPacketsFollow) {
  ReorderBuffer buffer({.many_packets = 3, .short_wait_ns = 40, .max_wait_ns = 100});
  std::vector<OrderedPacket> out;
  buffer.Push(Numbered(1), 0, out);
  buffer.Push(Numbered(3), 50, out);
  buffer.Push(Numbered(4), 60, out);
  EXPECT_EQ(buffer.NextDeadline(), 150);
  buffer.Push(Numbered(5), 70, out);
  EXPECT_EQ(buffer.NextDeadline(), 90);
  buffer.OnTimer(90, out);
  EXPECT_EQ(Text(out), "1 3(1) 4 5");
}

TEST(Reorder, AnotherSourceIsARestart) {
  std::vector<OrderedPacket> out;
  ReorderBuffer udp({.max_packets = 8});
  udp.Push(Numbered(10, 1), 0, out);
  udp.Push(Numbered(70, 2), 0, out);
  udp.Push(Numbered(11, 1), 0, out);  // a stray changes nothing
  EXPECT_EQ(Text(out), "10 11");
  udp.Push(Numbered(71, 2), 0, out);
  udp.Push(Numbered(72, 2), 0, out);
  EXPECT_EQ(Text(out), "10 11 R71 72");

  out.clear();
  ReorderBuffer tcp({.max_packets = 0});
  tcp.Push(Numbered(10, 1), 0, out);
  tcp.Push(Numbered(70, 2), 0, out);
  tcp.Push(Numbered(71, 2), 0, out);
  EXPECT_EQ(Text(out), "10 R70 71");
}

TEST(Reorder, UnwrapsTimestampsUpToARestart) {
  std::vector<OrderedPacket> out;
  ReorderBuffer buffer({.max_packets = 0});
  buffer.Push(Numbered(1, 1, 0xfffffff0), 0, out);
  buffer.Push(Numbered(2, 1, 0x10), 0, out);
  buffer.Push(Numbered(3, 1, 0xfffffff8), 0, out);
  buffer.Push(Numbered(1, 2, 0x20), 0, out);
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].timestamp, 0xfffffff0);
  EXPECT_EQ(out[1].timestamp, 0x100000010);
  EXPECT_EQ(out[2].timestamp, 0xfffffff8);
  EXPECT_EQ(out[3].timestamp, 0x20);
}

}  // namespace
}  // namespace millrace::media::rtp
