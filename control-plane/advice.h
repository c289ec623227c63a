#pragma once
// What the publisher of a stream could do better, in sentences for people.

#include <string>
#include <vector>

#include "millrace/v1/node.pb.h"

namespace millrace::control {

// From what the stream's row tells; empty where all is well.
std::vector<std::string> AdviceOn(const v1::Stream& stream);

}  // namespace millrace::control
