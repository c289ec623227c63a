#include "media/codec/av1/sequence_header.h"

#include <numeric>

#include "media/base/bit_reader.h"
#include "media/base/fault.h"
#include "media/codec/av1/errors.h"

namespace millrace::media::av1 {
namespace {

constexpr uint8_t kBt709 = 1;
constexpr uint8_t kSrgb = 13;
constexpr uint8_t kIdentity = 0;

// What the operating points need of the decoder model, §5.5.4.
struct DecoderModel {
  bool present = false;
  unsigned delay_bits = 0;
};

// §5.5.3.
void ReadTiming(BitReader& bits, SequenceHeader& header) {
  const uint64_t units_in_tick = bits.Bits(32);
  const uint64_t time_scale = bits.Bits(32);
  if (!bits.Flag()) return;  // equal_picture_interval
  const uint64_t ticks = uint64_t{bits.UnsignedGolomb()} + 1;
  if (!bits.ok() || units_in_tick == 0 || time_scale == 0) return;
  const uint64_t units = units_in_tick * ticks;
  const uint64_t common = std::gcd(time_scale, units);
  if (units / common > UINT32_MAX) return;
  header.frame_rate_num = static_cast<uint32_t>(time_scale / common);
  header.frame_rate_den = static_cast<uint32_t>(units / common);
}

DecoderModel ReadDecoderModel(BitReader& bits) {
  DecoderModel model;
  model.present = true;
  model.delay_bits = bits.Bits(5) + 1;
  bits.Skip(32 + 5 + 5);  // num_units_in_decoding_tick, lengths
  return model;
}

void ReadOperatingPoints(BitReader& bits, SequenceHeader& header, const DecoderModel& model) {
  const bool has_display_delay = bits.Flag();
  const uint32_t count = bits.Bits(5) + 1;
  for (uint32_t i = 0; i < count && bits.ok(); ++i) {
    bits.Skip(12);  // operating_point_idc
    const auto level = static_cast<uint8_t>(bits.Bits(5));
    const uint8_t tier = level > 7 && bits.Flag() ? 1 : 0;
    if (i == 0) {
      header.level_idx = level;
      header.tier = tier;
    }
    if (model.present && bits.Flag()) bits.Skip(2 * model.delay_bits + 1);
    if (has_display_delay && bits.Flag()) bits.Skip(4);
  }
}

// From frame ids to film grain, without the colours.
void SkipCodingTools(BitReader& bits, bool reduced) {
  if (!reduced && bits.Flag()) bits.Skip(4 + 3);  // frame ids
  bits.Skip(3);                                   // superblock size, filter intra, intra edge
  if (!reduced) {
    bits.Skip(4);  // inter-intra, masked compound, warped motion, dual filter
    const bool order_hint = bits.Flag();
    if (order_hint) bits.Skip(2);  // jnt_comp, ref_frame_mvs
    const bool choose_screen_tools = bits.Flag();
    const bool screen_tools = choose_screen_tools || bits.Flag();
    if (screen_tools && !bits.Flag()) bits.Skip(1);  // integer motion vectors
    if (order_hint) bits.Skip(3);
  }
  bits.Skip(3);  // superres, cdef, restoration
}

void ReadSubsampling(BitReader& bits, SequenceHeader& header) {
  if (header.profile == 1) {
    header.subsampling_x = header.subsampling_y = false;
  } else if (header.profile == 2 && header.bit_depth == 12) {
    header.subsampling_x = bits.Flag();
    header.subsampling_y = header.subsampling_x && bits.Flag();
  } else if (header.profile == 2) {
    header.subsampling_y = false;
  }
  if (header.subsampling_x && header.subsampling_y) {
    header.chroma_sample_position = static_cast<uint8_t>(bits.Bits(2));
  }
}

// §5.5.2.
void ReadColour(BitReader& bits, SequenceHeader& header) {
  const bool high_depth = bits.Flag();
  header.bit_depth = high_depth ? 10 : 8;
  if (header.profile == 2 && high_depth && bits.Flag()) header.bit_depth = 12;
  if (header.profile != 1) header.monochrome = bits.Flag();
  if (bits.Flag()) {
    header.primaries = static_cast<uint8_t>(bits.Bits(8));
    header.transfer = static_cast<uint8_t>(bits.Bits(8));
    header.matrix = static_cast<uint8_t>(bits.Bits(8));
  }
  if (header.monochrome) {
    header.full_range = bits.Flag();
    return;
  }
  if (header.primaries == kBt709 && header.transfer == kSrgb && header.matrix == kIdentity) {
    header.full_range = true;
    header.subsampling_x = header.subsampling_y = false;
  } else {
    header.full_range = bits.Flag();
    ReadSubsampling(bits, header);
  }
  bits.Flag();  // separate_uv_delta_q
}

}  // namespace

absl::StatusOr<SequenceHeader> ParseSequenceHeader(Bytes payload) {
  BitReader bits(payload);
  SequenceHeader header;
  header.profile = static_cast<uint8_t>(bits.Bits(3));
  if (header.profile > 2) {
    return Fault(Av1ErrorName(Av1Error::kSequenceHeaderReserved), "profile");
  }
  header.still_picture = bits.Flag();
  header.reduced_header = bits.Flag();
  if (header.reduced_header) {
    header.level_idx = static_cast<uint8_t>(bits.Bits(5));
  } else {
    DecoderModel model;
    if (bits.Flag()) {
      ReadTiming(bits, header);
      if (bits.Flag()) model = ReadDecoderModel(bits);
    }
    ReadOperatingPoints(bits, header, model);
  }
  const unsigned width_bits = bits.Bits(4) + 1;
  const unsigned height_bits = bits.Bits(4) + 1;
  header.width = bits.Bits(width_bits) + 1;
  header.height = bits.Bits(height_bits) + 1;
  SkipCodingTools(bits, header.reduced_header);
  ReadColour(bits, header);
  bits.Flag();  // film_grain_params_present
  if (bits.overrun()) return Fault(Av1ErrorName(Av1Error::kSequenceHeaderTruncated));
  if (!bits.ok()) return Fault(Av1ErrorName(Av1Error::kSequenceHeaderReserved));
  return header;
}

}  // namespace millrace::media::av1
