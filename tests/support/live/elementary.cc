#include "tests/support/live/elementary.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>

#include "tests/support/live/amf.h"

namespace millrace::live {
namespace {

using Bytes = std::vector<uint8_t>;
using View = std::span<const uint8_t>;

struct Unit {
  uint32_t ms = 0;
  bool key = false;
  Bytes data;
};

// One file: what it is, its configuration record, its access units.
struct Source {
  bool video = true;
  std::string fourcc;
  Bytes record;
  std::vector<Unit> units;
};

void Append(Bytes& out, View bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void Append(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

uint32_t Little(View bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count && at + i < bytes.size(); ++i) {
    value |= static_cast<uint32_t>(bytes[at + i]) << (8 * i);
  }
  return value;
}

Bytes ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// --- HEVC, Annex B ---

std::vector<View> Nals(View bytes) {
  std::vector<View> nals;
  size_t begin = 0;
  bool inside = false;
  const auto end_at = [&](size_t end) {
    while (end > begin && bytes[end - 1] == 0) --end;
    if (inside && end > begin) nals.push_back(bytes.subspan(begin, end - begin));
  };
  for (size_t i = 0; i + 3 <= bytes.size(); ++i) {
    if (bytes[i] != 0 || bytes[i + 1] != 0 || bytes[i + 2] != 1) continue;
    end_at(i);
    begin = i + 3;
    inside = true;
    i += 2;
  }
  end_at(bytes.size());
  return nals;
}

// hvcC with one of each set. The profile is the first twelve bytes of the SPS's
// profile_tier_level; the server takes the rest from the SPS.
Bytes HvcC(View vps, View sps, View pps) {
  Bytes plain;
  for (size_t i = 3; i < sps.size() && plain.size() < 12; ++i) {
    if (i >= 2 && sps[i] == 3 && sps[i - 1] == 0 && sps[i - 2] == 0) continue;
    plain.push_back(sps[i]);
  }
  Bytes record = {1};
  Append(record, plain);
  Append(record, Bytes{0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3});
  uint8_t type = 32;
  for (const View set : {vps, sps, pps}) {
    Append(record, Bytes{static_cast<uint8_t>(0x80 | type++), 0, 1,
                         static_cast<uint8_t>(set.size() >> 8), static_cast<uint8_t>(set.size())});
    Append(record, set);
  }
  return record;
}

bool ReadHevc(View bytes, Source& source) {
  source.fourcc = "hvc1";
  View sets[3];
  for (const View nal : Nals(bytes)) {
    const unsigned type = nal[0] >> 1 & 0x3f;
    if (type >= 32 && type <= 34) {
      sets[type - 32] = nal;
    } else if (type == 35) {
      const auto ms = static_cast<uint32_t>(source.units.size() * 1000 / kFramesPerSecond);
      source.units.push_back({ms, false, {}});
    } else if (!source.units.empty()) {
      Unit& unit = source.units.back();
      if (type >= 16 && type <= 23) unit.key = true;
      const size_t size = nal.size();
      for (int shift = 24; shift >= 0; shift -= 8) {
        unit.data.push_back(static_cast<uint8_t>(size >> shift));
      }
      Append(unit.data, nal);
    }
  }
  if (sets[0].empty() || sets[1].empty() || sets[2].empty()) return false;
  source.record = HvcC(sets[0], sets[1], sets[2]);
  return !source.units.empty();
}

// --- IVF ---

bool ReadIvf(View bytes, Source& source) {
  if (bytes.size() < 32) return false;
  const uint32_t rate = Little(bytes, 16, 4);
  const uint32_t scale = Little(bytes, 20, 4);
  if (rate == 0) return false;
  for (size_t at = 32; at + 12 <= bytes.size();) {
    const size_t size = Little(bytes, at, 4);
    const uint64_t time = Little(bytes, at + 4, 4);
    if (bytes.size() - at - 12 < size) return false;
    const View data = bytes.subspan(at + 12, size);
    source.units.push_back(
        {static_cast<uint32_t>(time * 1000 * scale / rate), false, {data.begin(), data.end()}});
    at += 12 + size;
  }
  return !source.units.empty();
}

// libaom and SVT put delimiter, sequence header and frame behind one another, each with a size of
// one byte.
bool ReadAv1(View bytes, Source& source) {
  source.fourcc = "av01";
  if (!ReadIvf(bytes, source)) return false;
  for (Unit& unit : source.units) {
    if (unit.data.size() > 4 && unit.data[0] == 0x12) {
      unit.data.erase(unit.data.begin(), unit.data.begin() + 2);
    }
    unit.key = unit.data.size() > 2 && unit.data[0] == 0x0a;
    if (unit.key && source.record.empty() && unit.data[1] + 2u <= unit.data.size()) {
      source.record = {0x81, 0, 0x0c, 0};
      Append(source.record, View(unit.data).first(unit.data[1] + 2u));
    }
  }
  return !source.record.empty();
}

bool ReadVp9(View bytes, Source& source) {
  source.fourcc = "vp09";
  source.record = {0, 10, 0x82, 2, 2, 2, 0, 0};
  if (!ReadIvf(bytes, source)) return false;
  // frame_marker 2, profile 0, a frame of its own, frame_type 0
  for (Unit& unit : source.units) unit.key = (unit.data[0] & 0xfc) == 0x80;
  return true;
}

// --- Ogg ---

bool ReadOpus(View bytes, Source& source) {
  constexpr uint32_t kPacketMs = 20;
  source.video = false;
  source.fourcc = "Opus";
  std::vector<Bytes> packets(1);
  for (size_t at = 0; at + 27 <= bytes.size();) {
    const size_t segments = bytes[at + 26];
    size_t data = at + 27 + segments;
    if (data > bytes.size()) return false;
    for (size_t i = 0; i < segments; ++i) {
      const size_t size = bytes[at + 27 + i];
      if (bytes.size() - data < size) return false;
      Append(packets.back(), bytes.subspan(data, size));
      data += size;
      if (size < 255) packets.emplace_back();
    }
    at = data;
  }
  if (packets.size() < 4) return false;
  source.record = packets[0];  // OpusHead; then OpusTags
  for (size_t i = 2; i + 1 < packets.size(); ++i) {
    source.units.push_back({static_cast<uint32_t>(i - 2) * kPacketMs, true, packets[i]});
  }
  return true;
}

// --- to tags ---

Bytes Head(const Source& source, bool start, bool key, size_t track,
           const ElementaryOptions& options) {
  const bool hevc = source.fourcc == "hvc1";
  const unsigned frame_type = source.video ? (key ? 0x10 : 0x20) : 0x00;
  if (hevc && options.codec_id_12 && track == 0) {
    return {static_cast<uint8_t>(frame_type | 12), static_cast<uint8_t>(start ? 0 : 1), 0, 0, 0};
  }
  const unsigned first = source.video ? 0x80 | frame_type : 0x90;
  const unsigned type = start ? 0 : hevc ? 3 : 1;
  Bytes head;
  if (track == 0) {
    head = {static_cast<uint8_t>(first | type)};
  } else {
    head = {static_cast<uint8_t>(first | (source.video ? 6 : 5)), static_cast<uint8_t>(type)};
  }
  Append(head, source.fourcc);
  if (track > 0) head.push_back(static_cast<uint8_t>(track));
  return head;
}

// BT.2020 with PQ, on a display of 1000 cd/m².
Bytes ColorInfo(const Source& source) {
  Bytes body = {0x80 | 0x10 | 4};
  Append(body, source.fourcc);
  AmfWriter info;
  info.String("colorInfo").Begin();
  info.Key("colorConfig").Begin().Key("bitDepth").Number(10).Key("colorPrimaries").Number(9);
  info.Key("transferCharacteristics").Number(16).Key("matrixCoefficients").Number(9).End();
  info.Key("hdrCll").Begin().Key("maxFall").Number(400).Key("maxCLL").Number(1000).End();
  info.Key("hdrMdcv").Begin().Key("maxLuminance").Number(1000).Key("minLuminance").Number(0.005);
  info.End().End();
  body.insert(body.end(), info.bytes().begin(), info.bytes().end());
  return body;
}

bool ReadSource(const std::string& path, Source& source) {
  const Bytes bytes = ReadFile(path);
  if (path.ends_with(".hevc")) return ReadHevc(bytes, source);
  if (path.ends_with(".av1.ivf")) return ReadAv1(bytes, source);
  if (path.ends_with(".vp9.ivf")) return ReadVp9(bytes, source);
  if (path.ends_with(".opus")) return ReadOpus(bytes, source);
  return false;
}

}  // namespace

std::optional<ElementaryStream> ElementaryStream::Open(const std::vector<std::string>& paths,
                                                       const ElementaryOptions& options,
                                                       std::string& error) {
  ElementaryStream stream;
  size_t tracks[2] = {};
  for (const std::string& path : paths) {
    Source source;
    if (!ReadSource(path, source)) {
      error = "not a stream that can be published: " + path;
      return std::nullopt;
    }
    const size_t track = tracks[source.video ? 1 : 0]++;
    const uint8_t type = source.video ? kVideoTag : kAudioTag;
    Bytes body = Head(source, true, true, track, options);
    Append(body, source.record);
    stream.headers_.push_back({type, 0, std::move(body), {}});
    if (options.hdr && source.video && track == 0) {
      stream.headers_.push_back({type, 0, ColorInfo(source), {}});
    }
    for (const Unit& unit : source.units) {
      body = Head(source, false, unit.key, track, options);
      Append(body, unit.data);
      stream.frames_.push_back({type, unit.ms, std::move(body), {}});
    }
  }
  std::ranges::stable_sort(stream.frames_, {}, &SyntheticStream::Tag::timestamp_ms);
  return stream;
}

}  // namespace millrace::live
