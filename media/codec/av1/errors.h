#pragma once
// Every way in which AV1 bytes can be wrong.

namespace millrace::media::av1 {

enum class Av1Error {
  kConfigTruncated,
  kConfigVersion,
  kConfigWithoutSequenceHeader,
  kConfigTooLarge,
  kSequenceHeaderTruncated,
  kSequenceHeaderReserved,  // a value that the specification reserves
  kObuForbiddenBit,         // not an OBU at all: the first bit is set
  kObuTruncated,            // a size beyond the end
  kTooManyObus,
};
const char* Av1ErrorName(Av1Error error);  // "av1_config_truncated" …

}  // namespace millrace::media::av1
