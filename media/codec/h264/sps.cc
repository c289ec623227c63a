#include "media/codec/h264/sps.h"

#include <numeric>

#include "media/base/bit_reader.h"
#include "media/base/fault.h"
#include "media/codec/h264/errors.h"
#include "media/codec/h264/nal.h"

namespace millrace::media::h264 {
namespace {

constexpr size_t kMaxParameterSetBytes = 65535;  // what a configuration record can hold
constexpr uint32_t kMaxSide = 16384;             // samples; beyond level 6.2

bool HasChromaFields(uint8_t profile) {
  switch (profile) {
    case 100:
    case 110:
    case 122:
    case 244:
    case 44:
    case 83:
    case 86:
    case 118:
    case 128:
    case 138:
    case 139:
    case 134:
    case 135:
      return true;
    default:
      return false;
  }
}

// §7.3.2.1.1.1; only its length matters.
void SkipScalingList(BitReader& bits, int size) {
  int32_t last = 8;
  int32_t next = 8;
  for (int i = 0; i < size && bits.ok(); ++i) {
    if (next != 0) {
      const int64_t delta = bits.SignedGolomb();
      if (delta < -128 || delta > 127) return bits.Fail();
      next = static_cast<int32_t>((last + delta + 256) % 256);
    }
    last = next == 0 ? last : next;
  }
}

void ReadChroma(BitReader& bits, Sps& sps) {
  sps.chroma_format_idc = bits.UnsignedGolomb();
  if (sps.chroma_format_idc == 3) sps.separate_colour_planes = bits.Flag();
  const uint32_t luma = bits.UnsignedGolomb();
  const uint32_t chroma = bits.UnsignedGolomb();
  if (luma > 6 || chroma > 6 || sps.chroma_format_idc > 3) return bits.Fail();
  sps.bit_depth_luma = 8 + luma;
  sps.bit_depth_chroma = 8 + chroma;
  bits.Flag();        // qpprime_y_zero_transform_bypass_flag
  if (bits.Flag()) {  // seq_scaling_matrix_present_flag
    const int lists = sps.chroma_format_idc != 3 ? 8 : 12;
    for (int i = 0; i < lists && bits.ok(); ++i) {
      if (bits.Flag()) SkipScalingList(bits, i < 6 ? 16 : 64);
    }
  }
}

// Returns pic_order_cnt_type.
uint32_t ReadOrder(BitReader& bits) {
  if (bits.UnsignedGolomb() > 12) bits.Fail();  // log2_max_frame_num_minus4
  const uint32_t type = bits.UnsignedGolomb();
  if (type > 2) bits.Fail();
  if (type == 0 && bits.UnsignedGolomb() > 12) bits.Fail();
  if (type == 1) {
    bits.Flag();          // delta_pic_order_always_zero_flag
    bits.SignedGolomb();  // offset_for_non_ref_pic
    bits.SignedGolomb();  // offset_for_top_to_bottom_field
    const uint32_t cycle = bits.UnsignedGolomb();
    if (cycle > 255) bits.Fail();
    for (uint32_t i = 0; i < cycle && bits.ok(); ++i) bits.SignedGolomb();
  }
  return type;
}

// False where cropping leaves nothing or the picture is too large.
bool ReadSize(BitReader& bits, Sps& sps) {
  const uint64_t width_mbs = uint64_t{bits.UnsignedGolomb()} + 1;
  const uint64_t height_units = uint64_t{bits.UnsignedGolomb()} + 1;
  const bool frames_only = bits.Flag();
  sps.interlaced = !frames_only;
  if (!frames_only) bits.Flag();  // mb_adaptive_frame_field_flag
  bits.Flag();                    // direct_8x8_inference_flag
  const uint64_t width = width_mbs * 16;
  const uint64_t height = height_units * 16 * (frames_only ? 1 : 2);
  if (width > kMaxSide || height > kMaxSide) return false;
  uint64_t crop_x = 0;
  uint64_t crop_y = 0;
  if (bits.Flag()) {
    crop_x = uint64_t{bits.UnsignedGolomb()} + bits.UnsignedGolomb();
    crop_y = uint64_t{bits.UnsignedGolomb()} + bits.UnsignedGolomb();
    // Table 6-1 and (7-19) to (7-22): chroma sample units, fields count twice.
    const bool planar = sps.chroma_format_idc == 0 || sps.separate_colour_planes;
    crop_x *= !planar && sps.chroma_format_idc < 3 ? 2 : 1;
    crop_y *= (!planar && sps.chroma_format_idc == 1 ? 2u : 1u) * (frames_only ? 1u : 2u);
  }
  if (crop_x >= width || crop_y >= height) return false;
  sps.width = static_cast<uint32_t>(width - crop_x);
  sps.height = static_cast<uint32_t>(height - crop_y);
  return true;
}

void SkipHrd(BitReader& bits) {
  const uint32_t count = bits.UnsignedGolomb();
  if (count > 31) return bits.Fail();
  bits.Skip(8);  // bit_rate_scale, cpb_size_scale
  for (uint32_t i = 0; i <= count && bits.ok(); ++i) {
    bits.UnsignedGolomb();
    bits.UnsignedGolomb();
    bits.Flag();
  }
  bits.Skip(20);  // delay lengths, time_offset_length
}

// Annex E.1.1.
void ReadVui(BitReader& bits, Sps& sps) {
  if (bits.Flag() && bits.Bits(8) == 255) bits.Skip(32);  // sample aspect ratio
  if (bits.Flag()) bits.Flag();                           // overscan
  if (bits.Flag()) {                                      // video_signal_type
    bits.Skip(4);
    if (bits.Flag()) bits.Skip(24);
  }
  if (bits.Flag()) {  // chroma_loc_info
    bits.UnsignedGolomb();
    bits.UnsignedGolomb();
  }
  if (bits.Flag()) {  // timing_info
    const uint64_t units_in_tick = bits.Bits(32);
    const uint64_t time_scale = bits.Bits(32);
    bits.Flag();  // fixed_frame_rate_flag
    // A tick is a field, so a frame takes two of them.
    if (bits.ok() && units_in_tick > 0 && time_scale > 0) {
      const uint64_t common = std::gcd(time_scale, units_in_tick * 2);
      const uint64_t den = units_in_tick * 2 / common;
      if (den <= UINT32_MAX) {
        sps.frame_rate_num = static_cast<uint32_t>(time_scale / common);
        sps.frame_rate_den = static_cast<uint32_t>(den);
      }
    }
  }
  const bool nal_hrd = bits.Flag();
  if (nal_hrd) SkipHrd(bits);
  const bool vcl_hrd = bits.Flag();
  if (vcl_hrd) SkipHrd(bits);
  if (nal_hrd || vcl_hrd) bits.Flag();  // low_delay_hrd_flag
  bits.Flag();                          // pic_struct_present_flag
  if (bits.Flag()) {                    // bitstream_restriction_flag
    bits.Flag();
    for (int i = 0; i < 4; ++i) bits.UnsignedGolomb();
    const uint32_t reorder = bits.UnsignedGolomb();
    if (bits.ok() && reorder <= 16) sps.max_reorder_frames = reorder;
  }
}

}  // namespace

absl::StatusOr<Sps> ParseSps(Bytes nal) {
  if (nal.size() < 4) return Fault(H264ErrorName(H264Error::kSpsTruncated));
  const std::vector<uint8_t> rbsp = Unescape(nal, kMaxParameterSetBytes);
  BitReader bits(rbsp);
  Sps sps;
  sps.profile_idc = static_cast<uint8_t>(bits.Bits(8));
  sps.constraints = static_cast<uint8_t>(bits.Bits(8));
  sps.level_idc = static_cast<uint8_t>(bits.Bits(8));
  sps.id = bits.UnsignedGolomb();
  if (bits.ok() && sps.id > 31) return Fault(H264ErrorName(H264Error::kSpsOutOfRange), "id");
  if (HasChromaFields(sps.profile_idc)) ReadChroma(bits, sps);
  const uint32_t order_type = ReadOrder(bits);
  if (bits.UnsignedGolomb() > 16) bits.Fail();  // max_num_ref_frames
  bits.Flag();                                  // gaps_in_frame_num_value_allowed_flag
  const bool size_ok = ReadSize(bits, sps);
  if (bits.overrun()) return Fault(H264ErrorName(H264Error::kSpsTruncated));
  if (!bits.ok()) return Fault(H264ErrorName(H264Error::kSpsOutOfRange));
  if (!size_ok) return Fault(H264ErrorName(H264Error::kSpsOutOfRange), "size");
  // Baseline has no B pictures; order type 2 forbids output out of decoding order.
  if (sps.profile_idc == 66 || order_type == 2) sps.max_reorder_frames = 0;
  if (bits.Flag()) ReadVui(bits, sps);
  return sps;
}

absl::StatusOr<PpsIds> ParsePpsIds(Bytes nal) {
  if (nal.size() < 2) return Fault(H264ErrorName(H264Error::kPpsTruncated));
  const std::vector<uint8_t> rbsp = Unescape(nal, 16);
  BitReader bits(rbsp);
  PpsIds ids;
  ids.id = bits.UnsignedGolomb();
  ids.sps_id = bits.UnsignedGolomb();
  if (!bits.ok() || ids.id > 255 || ids.sps_id > 31) {
    return Fault(H264ErrorName(H264Error::kPpsTruncated));
  }
  return ids;
}

}  // namespace millrace::media::h264
