#include "runtime/loop/listen.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::loop {
namespace {

TEST(Listen, TakesAFreePortAndSaysWhichWhenItIsTaken) {
  boost::asio::io_context context;
  auto first = Listen(context, "127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto port = first->local_endpoint().port();
  EXPECT_NE(port, 0);
  const std::string taken = "127.0.0.1:" + std::to_string(port);
  const auto second = Listen(context, taken);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(second.status().ToString().find(taken), std::string::npos);
}

TEST(Listen, ResolvesNames) {
  boost::asio::io_context context;
  EXPECT_TRUE(Listen(context, "localhost:0").ok());
}

TEST(Listen, RefusesMalformedAddresses) {
  boost::asio::io_context context;
  EXPECT_EQ(Listen(context, "127.0.0.1").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::loop
