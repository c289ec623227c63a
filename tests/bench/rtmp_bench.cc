// Chunk demux and mux, in bytes of media a second. Compare with memcpy of the same frames, in the
// same run.

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <vector>

#include "gateways/rtmp/protocol/chunk_reader.h"
#include "gateways/rtmp/protocol/chunk_writer.h"
#include "gateways/rtmp/rtmp_unit.h"

namespace {

using namespace millrace;

constexpr size_t kReadSize = 64 * 1024;

// Two seconds of 2 Mbit/s video and 128 kbit/s audio.
std::vector<media::Frame> Frames() {
  std::vector<media::Frame> frames;
  for (int i = 0; i < 136; ++i) {
    const bool video = i % 68 % 3 == 0;
    media::Frame frame;
    frame.track = video ? 1 : 2;
    frame.dts_ns = frame.pts_ns = int64_t{i} * 14'705'882;
    frame.payload = media::Payload::FromVector(std::vector<uint8_t>(i == 0  ? 60'000
                                                                    : video ? 9'000
                                                                            : 340,
                                                                    'x'));
    frames.push_back(std::move(frame));
  }
  return frames;
}

size_t Total(const std::vector<media::Frame>& frames) {
  size_t total = 0;
  for (const media::Frame& frame : frames) total += frame.payload.size();
  return total;
}

std::vector<uint8_t> Chunks(const std::vector<media::Frame>& frames, uint32_t chunk_size) {
  std::vector<uint8_t> bytes;
  rtmp::ChunkWriter writer;
  writer.SetChunkSize(chunk_size, bytes);
  for (const media::Frame& frame : frames) {
    writer.Write(frame.track + 3, rtmp::MessageType::kVideo, 1,
                 static_cast<uint32_t>(frame.dts_ns / 1'000'000), frame.payload.bytes(), bytes);
  }
  return bytes;
}

void Demux(benchmark::State& state) {
  const auto frames = Frames();
  const auto bytes = Chunks(frames, static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) {
    rtmp::ChunkReader reader;
    for (size_t at = 0; at < bytes.size(); at += kReadSize) {
      reader.Append(media::Bytes(bytes).subspan(at, std::min(kReadSize, bytes.size() - at)));
      while (true) {
        auto message = reader.Next();
        if (!message.ok() || !message->has_value()) break;
        benchmark::DoNotOptimize(message);
      }
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * Total(frames)));
}
BENCHMARK(Demux)->Arg(128)->Arg(4096)->Arg(60000);

// What cannot be saved: one copy of each frame into memory of its own.
void DemuxFloor(benchmark::State& state) {
  const auto frames = Frames();
  for (auto _ : state) {
    for (const media::Frame& frame : frames) {
      auto copy = std::make_shared_for_overwrite<uint8_t[]>(frame.payload.size());
      std::memcpy(copy.get(), frame.payload.data(), frame.payload.size());
      benchmark::DoNotOptimize(copy);
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * Total(frames)));
}
BENCHMARK(DemuxFloor);

media::TrackSet Tracks() {
  media::TrackSet tracks;
  tracks.tracks.resize(2);
  tracks.tracks[0].id = 1;
  tracks.tracks[0].kind = media::TrackKind::kVideo;
  tracks.tracks[0].codec = media::Codec::kH264;
  tracks.tracks[1].id = 2;
  tracks.tracks[1].kind = media::TrackKind::kAudio;
  tracks.tracks[1].codec = media::Codec::kAac;
  return tracks;
}

// Once a stream: a unit for each batch of one video frame and its audio.
void Mux(benchmark::State& state) {
  const auto frames = Frames();
  const auto tracks = Tracks();
  rtmp::RtmpMuxer muxer(60'000, "bench");
  for (auto _ : state) {
    for (size_t i = 0; i + 3 <= frames.size(); i += 3) {
      auto unit = muxer.Frames(tracks, std::span(frames).subspan(i, 3));
      benchmark::DoNotOptimize(unit);
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * Total(frames)));
}
BENCHMARK(Mux);

// Once a viewer and send: what precedes the system call.
void Gather(benchmark::State& state) {
  const auto frames = Frames();
  rtmp::RtmpMuxer muxer(60'000, "bench");
  const auto unit = muxer.Frames(Tracks(), std::span(frames).subspan(3, 3));
  auto list = std::make_unique<stream::IovecList>();
  for (auto _ : state) {
    list->Clear();
    benchmark::DoNotOptimize(unit->Gather(0, 10, *list));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(Gather);

}  // namespace
