#pragma once
// What the commands about pulls and pushes print alike.

#include <string>

#include "absl/status/status.h"
#include "control-plane/cli/command.h"
#include "control-plane/cli/text.h"
#include "millrace/v1/node.pb.h"

namespace millrace::cli {

const char* RelayStateWord(const v1::RelayStatus& status);
Style RelayStateStyle(const v1::RelayStatus& status);
std::string RelayAge(const v1::RelayStatus& status);  // how long it has been in its state
void PrintStatus(const Context& context, const v1::RelayStatus& status);
// ALREADY_EXISTS also says which option helps.
absl::Status WithReplaceHint(const absl::Status& status);

}  // namespace millrace::cli
