#include "gateways/rtmp/protocol/enhanced.h"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::rtmp {
namespace {

using media::Codec;
using media::TrackKind;
using media::amf::Property;
using media::amf::Value;
using media::flv::CodecSet;

constexpr char kList[] = "fourCcList";
constexpr char kVideoMap[] = "videoFourCcInfoMap";
constexpr char kAudioMap[] = "audioFourCcInfoMap";
constexpr char kCaps[] = "capsEx";
constexpr char kAny[] = "*";

// FourCcInfoMask
constexpr unsigned kCanDecode = 0x01;
constexpr unsigned kCanForward = 0x04;
// CapsExMask
constexpr unsigned kMultitrack = 0x02;
constexpr unsigned kModEx = 0x04;
constexpr unsigned kTimestampNanoOffset = 0x08;

unsigned Flags(const Value& value) {
  const double number = value.AsNumber();
  return number > 0 && number < 65536 ? static_cast<unsigned>(number) : 0;
}

void AddKind(TrackKind kind, CodecSet& set) {
  for (const Codec codec : media::flv::FourCcCodecs()) {
    if (media::KindOf(codec) == kind) set.Add(codec);
  }
}

CodecSet CodecsOfList(const Value& value) {
  CodecSet codecs;
  const auto* list = std::get_if<media::amf::StrictArray>(&value.data());
  if (list == nullptr) return codecs;
  for (const Value& entry : list->values) {
    if (entry.AsString() == kAny) return CodecSet::All();
    const Codec codec = media::flv::CodecOfFourCc(entry.AsString());
    if (codec != Codec::kUnknown) codecs.Add(codec);
  }
  return codecs;
}

// The wildcard's flags count for every codec of the kind.
void AddMap(const Value& map, TrackKind kind, CodecSet& codecs) {
  for (const Property& property : map.properties()) {
    if ((Flags(property.value) & (kCanDecode | kCanForward)) == 0) continue;
    if (property.key == kAny) {
      AddKind(kind, codecs);
      return;
    }
    const Codec codec = media::flv::CodecOfFourCc(property.key);
    if (codec != Codec::kUnknown && media::KindOf(codec) == kind) codecs.Add(codec);
  }
}

Value ForwardMap(TrackKind kind) {
  std::vector<Property> properties;
  for (const Codec codec : media::flv::FourCcCodecs()) {
    if (media::KindOf(codec) != kind) continue;
    properties.push_back(
        {media::flv::FourCcText(media::flv::FourCcOf(codec)), static_cast<double>(kCanForward)});
  }
  return media::amf::MakeObject(std::move(properties));
}

}  // namespace

EnhancedClient ReadEnhancements(const Value& connect) {
  EnhancedClient client;
  if (const Value* list = connect.Find(kList); list != nullptr) {
    client.announced = true;
    client.takes = CodecsOfList(*list);
  }
  // The maps say more than the list: they tell players from encoders.
  const Value* video = connect.Find(kVideoMap);
  const Value* audio = connect.Find(kAudioMap);
  if (video != nullptr || audio != nullptr) {
    client.announced = true;
    client.takes = CodecSet();
    if (video != nullptr) AddMap(*video, TrackKind::kVideo, client.takes);
    if (audio != nullptr) AddMap(*audio, TrackKind::kAudio, client.takes);
  }
  if (const Value* caps = connect.Find(kCaps); caps != nullptr) {
    client.announced = true;
    client.multitrack = (Flags(*caps) & kMultitrack) != 0;
  }
  return client;
}

std::vector<Property> AnnounceEnhancements() {
  media::amf::StrictArray known;
  for (const Codec codec : media::flv::FourCcCodecs()) {
    known.values.emplace_back(media::flv::FourCcText(media::flv::FourCcOf(codec)));
  }
  return {{kList, std::move(known)},
          {kVideoMap, ForwardMap(TrackKind::kVideo)},
          {kAudioMap, ForwardMap(TrackKind::kAudio)},
          {kCaps, static_cast<double>(kMultitrack | kModEx | kTimestampNanoOffset)}};
}

std::vector<Property> AnswerEnhancements(const Value& connect) {
  std::vector<Property> answer;
  if (const Value* list = connect.Find(kList); list != nullptr) {
    const CodecSet codecs = CodecsOfList(*list);
    media::amf::StrictArray known;
    for (const Codec codec : media::flv::FourCcCodecs()) {
      if (!codecs.Has(codec)) continue;
      known.values.emplace_back(media::flv::FourCcText(media::flv::FourCcOf(codec)));
    }
    answer.push_back({kList, std::move(known)});
  }
  if (connect.Find(kVideoMap) != nullptr || connect.Find(kAudioMap) != nullptr ||
      connect.Find(kCaps) != nullptr) {
    answer.push_back({kVideoMap, ForwardMap(TrackKind::kVideo)});
    answer.push_back({kAudioMap, ForwardMap(TrackKind::kAudio)});
    answer.push_back({kCaps, static_cast<double>(kMultitrack | kModEx | kTimestampNanoOffset)});
  }
  return answer;
}

}  // namespace millrace::rtmp
