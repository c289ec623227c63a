#pragma once
// The numbers of FLV tag bodies, for those that read and write them.

#include <cstdint>

namespace millrace::media::flv {

// Legacy (Annex E.4.2.1, E.4.3.1).
inline constexpr unsigned kCodecIdAvc = 7;
inline constexpr unsigned kCodecIdHevc = 12;  // in no specification; many encoders and players
inline constexpr unsigned kSoundMp3 = 2;
inline constexpr unsigned kSoundG711A = 7;
inline constexpr unsigned kSoundG711U = 8;
inline constexpr unsigned kSoundExHeader = 9;  // the enhanced form follows
inline constexpr unsigned kSoundAac = 10;
inline constexpr unsigned kSoundMp3At8k = 14;
inline constexpr unsigned kLegacySequenceHeader = 0;
inline constexpr unsigned kLegacyData = 1;
inline constexpr unsigned kLegacyEndOfSequence = 2;

// Enhanced ("enhanced-rtmp-v2"): VideoPacketType and AudioPacketType.
inline constexpr uint8_t kExVideoHeader = 0x80;
inline constexpr unsigned kExSequenceStart = 0;
inline constexpr unsigned kExCodedFrames = 1;
inline constexpr unsigned kExSequenceEnd = 2;
inline constexpr unsigned kExModEx = 7;
inline constexpr unsigned kExVideoCodedFramesX = 3;
inline constexpr unsigned kExVideoMetadata = 4;
inline constexpr unsigned kExVideoMpegTsSequenceStart = 5;
inline constexpr unsigned kExVideoMultitrack = 6;
inline constexpr unsigned kExAudioMultichannelConfig = 4;
inline constexpr unsigned kExAudioMultitrack = 5;

// AvMultitrackType.
inline constexpr unsigned kOneTrack = 0;
inline constexpr unsigned kManyTracks = 1;
inline constexpr unsigned kManyTracksManyCodecs = 2;

inline constexpr unsigned kModExTimestampOffsetNano = 0;

}  // namespace millrace::media::flv
