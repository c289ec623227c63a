#pragma once
// Internal to media/amf: what the AMF 0 and AMF 3 decoders of one message share.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "media/amf/amf0.h"

namespace millrace::media::amf::internal {

// Decodes the values of one message. The first error stays; after it every read yields undefined.
class Decoder {
 public:
  Decoder(ByteReader& reader, const Limits& limits)
      : reader_(reader), limits_(limits), table_budget_(limits.max_values) {}

  Value ReadAmf0();
  Value ReadAmf3();
  bool failed() const { return !status_.ok(); }
  // OK, or what went wrong first.
  const absl::Status& status();

 private:
  struct Trait {
    std::string class_name;
    std::vector<std::string> members;
    bool dynamic = false;
  };

  // Counts a level of nesting as long as it lives.
  class Nesting {
   public:
    explicit Nesting(Decoder& decoder) : decoder_(decoder) { ++decoder_.depth_; }
    ~Nesting() { --decoder_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Decoder& decoder_;
  };

  Value Fail(AmfError error, std::string_view detail = {});
  bool Count();  // one more value; false where that is one too many
  std::string Text(size_t size);
  std::string Expand(std::string text);  // charges a copy that a reference makes
  bool Exhausted() const { return failed() || !reader_.ok(); }

  std::vector<Property> Properties0();
  Value StrictArray0();

  uint32_t U29();
  std::string String3();
  Value Date3();
  Value Array3();
  Value Object3();
  Value Vector3(uint8_t marker);
  const Trait* Trait3(uint32_t header);
  // Tables of containers: a slot is taken when the container begins and filled when it is complete.
  static size_t OpenSlot(std::vector<Value>& table);
  void FillSlot(std::vector<Value>& table, size_t slot, const Value& value);
  Value Refer(const std::vector<Value>& table, size_t index);

  ByteReader& reader_;
  const Limits limits_;
  absl::Status status_;
  size_t depth_ = 0;
  size_t values_ = 0;
  size_t bytes_ = 0;
  size_t table_budget_;  // values that the tables below may still hold
  std::vector<Value> containers0_;
  std::vector<Value> containers3_;
  std::vector<std::string> strings_;
  std::deque<Trait> traits_;  // objects point into it while more is added
};

}  // namespace millrace::media::amf::internal
