#include "media/codec/h265/parameter_sets.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <vector>

#include "media/base/bit_reader.h"
#include "media/base/fault.h"
#include "media/codec/h265/errors.h"
#include "media/codec/h265/nal.h"

namespace millrace::media::h265 {
namespace {

constexpr size_t kMaxParameterSetBytes = 65535;  // what a configuration record can hold
constexpr uint32_t kMaxSide = 16888;             // samples: Annex A.4.1 for level 6.2
constexpr uint32_t kMaxReferences = 16;          // pictures in a reference picture set, §7.4.8

// §7.3.3, profile_tier_level(1, sub_layers - 1).
ProfileTierLevel ReadProfile(BitReader& bits, unsigned sub_layers) {
  ProfileTierLevel profile;
  profile.profile_space = static_cast<uint8_t>(bits.Bits(2));
  profile.high_tier = bits.Flag();
  profile.profile_idc = static_cast<uint8_t>(bits.Bits(5));
  profile.compatibility = bits.Bits(32);
  profile.constraints = uint64_t{bits.Bits(24)} << 24;
  profile.constraints |= bits.Bits(24);
  profile.level_idc = static_cast<uint8_t>(bits.Bits(8));
  if (sub_layers <= 1) return profile;
  size_t skip = 0;
  for (unsigned i = 0; i < 8; ++i) {  // two flags a sub-layer, padded to eight of them
    const bool has_profile = bits.Flag();
    const bool has_level = bits.Flag();
    if (i + 1 < sub_layers) skip += (has_profile ? 88u : 0u) + (has_level ? 8u : 0u);
  }
  bits.Skip(skip);
  return profile;
}

// max_num_reorder_pics of the highest sub-layer.
uint32_t ReadOrdering(BitReader& bits, unsigned sub_layers) {
  const bool each = bits.Flag();  // sub_layer_ordering_info_present_flag
  uint32_t reorder = 0;
  for (unsigned i = each ? 0 : sub_layers - 1; i < sub_layers; ++i) {
    if (bits.UnsignedGolomb() > 15) bits.Fail();  // max_dec_pic_buffering_minus1
    reorder = bits.UnsignedGolomb();
    if (reorder > 15) bits.Fail();
    bits.UnsignedGolomb();  // max_latency_increase_plus1
  }
  return reorder;
}

// num_units_in_tick and time_scale. A tick is a picture.
template <typename Set>
void ReadTiming(BitReader& bits, Set& set) {
  const uint32_t units = bits.Bits(32);
  const uint32_t scale = bits.Bits(32);
  if (!bits.ok() || units == 0 || scale == 0) return;
  const uint32_t common = std::gcd(scale, units);
  set.frame_rate_num = scale / common;
  set.frame_rate_den = units / common;
}

// §7.3.4; only its length matters.
void SkipScalingLists(BitReader& bits) {
  for (unsigned size_id = 0; size_id < 4; ++size_id) {
    for (unsigned matrix = 0; matrix < 6; matrix += size_id == 3 ? 3 : 1) {
      if (!bits.Flag()) {       // scaling_list_pred_mode_flag
        bits.UnsignedGolomb();  // scaling_list_pred_matrix_id_delta
        continue;
      }
      const unsigned count = std::min(64u, 1u << (4 + 2 * size_id));
      if (size_id > 1) bits.SignedGolomb();  // scaling_list_dc_coef_minus8
      for (unsigned i = 0; i < count && bits.ok(); ++i) bits.SignedGolomb();
    }
  }
}

using PocDeltas =
    std::vector<int32_t>;  // those before the picture, nearest first; then those after

// §7.3.7 with inter_ref_pic_set_prediction_flag set, (7-61) and (7-62): the set before, shifted.
PocDeltas ReadPredictedSet(BitReader& bits, const PocDeltas& before) {
  const bool negative = bits.Flag();  // delta_rps_sign
  const uint32_t magnitude = bits.UnsignedGolomb();
  if (magnitude > 0x7fff) bits.Fail();
  if (!bits.ok()) return {};
  const int32_t shift = static_cast<int32_t>(magnitude + 1) * (negative ? -1 : 1);
  PocDeltas past;
  PocDeltas future;
  for (size_t i = 0; i <= before.size(); ++i) {
    const bool used = bits.Flag();          // used_by_curr_pic_flag
    const bool kept = used || bits.Flag();  // use_delta_flag
    const int32_t delta = (i < before.size() ? before[i] : 0) + shift;
    if (kept && delta != 0) (delta < 0 ? past : future).push_back(delta);
  }
  std::sort(past.begin(), past.end(), std::greater<>());
  std::sort(future.begin(), future.end());
  past.insert(past.end(), future.begin(), future.end());
  return past;
}

// §7.3.7 otherwise.
PocDeltas ReadExplicitSet(BitReader& bits) {
  const uint32_t past = bits.UnsignedGolomb();
  const uint32_t future = bits.UnsignedGolomb();
  PocDeltas deltas;
  if (past > kMaxReferences || future > kMaxReferences) bits.Fail();
  int32_t delta = 0;
  for (uint32_t i = 0; i < past + future && bits.ok(); ++i) {
    if (i == past) delta = 0;
    const uint32_t step = bits.UnsignedGolomb();
    if (step > 0x7fff) bits.Fail();
    bits.Flag();  // used_by_curr_pic
    delta += static_cast<int32_t>(step + 1) * (i < past ? -1 : 1);
    deltas.push_back(delta);
  }
  return deltas;
}

void SkipShortTermSets(BitReader& bits) {
  const uint32_t count = bits.UnsignedGolomb();
  if (count > 64) bits.Fail();
  PocDeltas deltas;
  for (uint32_t i = 0; i < count && bits.ok(); ++i) {
    const bool predicted = i > 0 && bits.Flag();
    deltas = predicted ? ReadPredictedSet(bits, deltas) : ReadExplicitSet(bits);
    if (deltas.size() > kMaxReferences) bits.Fail();
  }
}

// False where the conformance window leaves nothing or the picture is too large.
bool ReadSize(BitReader& bits, Sps& sps) {
  sps.chroma_format_idc = bits.UnsignedGolomb();
  if (sps.chroma_format_idc > 3) bits.Fail();
  const bool separate_planes = sps.chroma_format_idc == 3 && bits.Flag();
  const uint64_t width = bits.UnsignedGolomb();
  const uint64_t height = bits.UnsignedGolomb();
  uint64_t crop_x = 0;
  uint64_t crop_y = 0;
  if (bits.Flag()) {
    crop_x = uint64_t{bits.UnsignedGolomb()} + bits.UnsignedGolomb();
    crop_y = uint64_t{bits.UnsignedGolomb()} + bits.UnsignedGolomb();
    // Table 6-1: the offsets count chroma samples.
    const bool planar = sps.chroma_format_idc == 0 || separate_planes;
    if (!planar && sps.chroma_format_idc < 3) crop_x *= 2;
    if (!planar && sps.chroma_format_idc == 1) crop_y *= 2;
  }
  if (width > kMaxSide || height > kMaxSide || crop_x >= width || crop_y >= height) return false;
  sps.width = static_cast<uint32_t>(width - crop_x);
  sps.height = static_cast<uint32_t>(height - crop_y);
  return true;
}

// From sub_layer_ordering_info to the VUI; `order_bits` is log2_max_pic_order_cnt_lsb.
void SkipCodingTools(BitReader& bits, unsigned order_bits) {
  for (int i = 0; i < 6; ++i) bits.UnsignedGolomb();  // block sizes, transform hierarchy depths
  if (bits.Flag() && bits.Flag()) SkipScalingLists(bits);
  bits.Skip(2);       // amp, sample_adaptive_offset
  if (bits.Flag()) {  // pcm
    bits.Skip(8);
    bits.UnsignedGolomb();
    bits.UnsignedGolomb();
    bits.Flag();
  }
  SkipShortTermSets(bits);
  if (bits.Flag()) {  // long_term_ref_pics_present_flag
    const uint32_t count = bits.UnsignedGolomb();
    if (count > 32) bits.Fail();
    bits.Skip(size_t{count} * (order_bits + 1));
  }
  bits.Skip(2);  // temporal_mvp, strong_intra_smoothing
}

// Annex E.2.1 as far as the timing.
void ReadVui(BitReader& bits, Sps& sps) {
  if (bits.Flag() && bits.Bits(8) == 255) bits.Skip(32);  // sample aspect ratio
  if (bits.Flag()) bits.Flag();                           // overscan
  if (bits.Flag()) {                                      // video_signal_type
    bits.Skip(3);
    Colour colour;
    colour.full_range = bits.Flag();
    if (bits.Flag()) {
      colour.primaries = static_cast<uint8_t>(bits.Bits(8));
      colour.transfer = static_cast<uint8_t>(bits.Bits(8));
      colour.matrix = static_cast<uint8_t>(bits.Bits(8));
    }
    if (bits.ok()) sps.colour = colour;
  }
  if (bits.Flag()) {  // chroma_loc_info
    bits.UnsignedGolomb();
    bits.UnsignedGolomb();
  }
  bits.Flag();  // neutral_chroma_indication_flag
  sps.field_pictures = bits.Flag();
  bits.Flag();        // frame_field_info_present_flag
  if (bits.Flag()) {  // default_display_window
    for (int i = 0; i < 4; ++i) bits.UnsignedGolomb();
  }
  if (bits.Flag()) ReadTiming(bits, sps);
}

absl::Status SpsFault(const BitReader& bits) {
  return Fault(
      H265ErrorName(bits.overrun() ? H265Error::kSpsTruncated : H265Error::kSpsOutOfRange));
}

}  // namespace

absl::StatusOr<Vps> ParseVps(Bytes nal) {
  if (nal.size() < kNalHeaderSize) return Fault(H265ErrorName(H265Error::kVpsTruncated));
  const std::vector<uint8_t> rbsp = Unescape(nal, kMaxParameterSetBytes);
  BitReader bits(rbsp);
  Vps vps;
  vps.id = static_cast<uint8_t>(bits.Bits(4));
  bits.Skip(2 + 6);  // base layer flags, vps_max_layers_minus1
  vps.sub_layers = static_cast<uint8_t>(bits.Bits(3) + 1);
  bits.Skip(1 + 16);  // temporal_id_nesting, reserved
  vps.profile = ReadProfile(bits, vps.sub_layers);
  if (!bits.ok()) return Fault(H265ErrorName(H265Error::kVpsTruncated));
  if (vps.sub_layers > 7) return Fault(H265ErrorName(H265Error::kVpsOutOfRange), "sub-layers");
  ReadOrdering(bits, vps.sub_layers);
  const uint32_t max_layer_id = bits.Bits(6);
  const uint32_t layer_sets = bits.UnsignedGolomb();
  if (layer_sets > 1023) bits.Fail();
  bits.Skip(size_t{layer_sets} * (max_layer_id + 1));
  if (bits.Flag()) ReadTiming(bits, vps);
  return vps;
}

absl::StatusOr<Sps> ParseSps(Bytes nal) {
  if (nal.size() < kNalHeaderSize) return Fault(H265ErrorName(H265Error::kSpsTruncated));
  const std::vector<uint8_t> rbsp = Unescape(nal, kMaxParameterSetBytes);
  BitReader bits(rbsp);
  Sps sps;
  sps.vps_id = static_cast<uint8_t>(bits.Bits(4));
  sps.sub_layers = static_cast<uint8_t>(bits.Bits(3) + 1);
  if (sps.sub_layers > 7) return Fault(H265ErrorName(H265Error::kSpsOutOfRange), "sub-layers");
  sps.temporal_id_nesting = bits.Flag();
  sps.profile = ReadProfile(bits, sps.sub_layers);
  const uint32_t id = bits.UnsignedGolomb();
  if (bits.ok() && id > 15) return Fault(H265ErrorName(H265Error::kSpsOutOfRange), "id");
  sps.id = static_cast<uint8_t>(id);
  const bool size_ok = ReadSize(bits, sps);
  const uint32_t luma = bits.UnsignedGolomb();
  const uint32_t chroma = bits.UnsignedGolomb();
  const uint32_t order_bits = bits.UnsignedGolomb();  // minus 4
  if (!bits.ok()) return SpsFault(bits);
  if (!size_ok) return Fault(H265ErrorName(H265Error::kSpsOutOfRange), "size");
  if (luma > 8 || chroma > 8 || order_bits > 12) {
    return Fault(H265ErrorName(H265Error::kSpsOutOfRange));
  }
  sps.bit_depth_luma = 8 + luma;
  sps.bit_depth_chroma = 8 + chroma;
  sps.max_reorder_pictures = ReadOrdering(bits, sps.sub_layers);
  SkipCodingTools(bits, order_bits + 4);
  const bool has_vui = bits.Flag();
  if (!bits.ok()) return SpsFault(bits);
  if (has_vui) ReadVui(bits, sps);
  return sps;
}

absl::StatusOr<PpsIds> ParsePpsIds(Bytes nal) {
  if (nal.size() < kNalHeaderSize) return Fault(H265ErrorName(H265Error::kPpsTruncated));
  const std::vector<uint8_t> rbsp = Unescape(nal, 16);
  BitReader bits(rbsp);
  PpsIds ids;
  ids.id = bits.UnsignedGolomb();
  ids.sps_id = bits.UnsignedGolomb();
  if (!bits.ok() || ids.id > 63 || ids.sps_id > 15) {
    return Fault(H265ErrorName(H265Error::kPpsTruncated));
  }
  return ids;
}

}  // namespace millrace::media::h265
