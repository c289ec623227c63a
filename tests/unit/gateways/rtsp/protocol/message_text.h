#pragma once
// Messages as one line of text, so that tests can compare what came out.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/protocol/message_reader.h"
#include "media/base/fault.h"
#include "tests/support/seeds.h"

namespace millrace::rtsp {

inline std::string TextOf(const Headers& headers) {
  std::string text;
  for (const auto& [name, value] : headers.lines()) text += " [" + name + ": " + value + "]";
  return text;
}

inline std::string TextOf(const Message& message) {
  struct Visitor {
    std::string operator()(const Request& one) {
      return one.method + " " + one.uri + " " + one.version + TextOf(one.headers) +
             (one.body.empty() ? "" : " " + one.body);
    }
    std::string operator()(const Response& one) {
      return std::to_string(one.status) + " " + one.reason + TextOf(one.headers) +
             (one.body.empty() ? "" : " " + one.body);
    }
    std::string operator()(const Interleaved& one) {
      return "$" + std::to_string(one.channel) + " " +
             std::string(media::AsText(one.payload.bytes()));
    }
  };
  return std::visit(Visitor{}, message);
}

// All messages that are there, then the error's name.
inline void Drain(MessageReader& reader, std::vector<std::string>& out) {
  if (!out.empty() && out.back().starts_with("rtsp_")) return;
  while (true) {
    const auto message = reader.Next();
    if (!message.ok()) {
      out.push_back(media::FaultName(message.status()));
      return;
    }
    if (!message->has_value()) return;
    out.push_back(TextOf(**message));
  }
}

// What a test fed, as a seed that bears its name.
inline void WriteTestSeed(const char* target, media::Bytes fed) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  if (test == nullptr || fed.empty()) return;
  tests::WriteSeed(target, std::string(test->name()) + "_" + std::to_string(fed.size()), fed);
}

}  // namespace millrace::rtsp
