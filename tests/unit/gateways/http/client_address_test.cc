#include "gateways/http/client_address.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::http {
namespace {

using net::Network;
using net::ParseIpAddress;
using net::ParseNetwork;

std::string Client(const char* peer, const std::vector<std::string>& forwarded,
                   const std::vector<const char*>& trusted) {
  std::vector<Network> networks;
  for (const char* text : trusted) networks.push_back(*ParseNetwork(text));
  return ClientAddress(*ParseIpAddress(peer), forwarded, networks).ToString();
}

TEST(ClientAddress, OnlyTrustedProxiesAreBelieved) {
  EXPECT_EQ(Client("203.0.113.9", {"1.2.3.4"}, {}), "203.0.113.9");
  EXPECT_EQ(Client("203.0.113.9", {"1.2.3.4"}, {"10.0.0.0/8"}), "203.0.113.9");
  EXPECT_EQ(Client("10.0.0.1", {"1.2.3.4"}, {"10.0.0.0/8"}), "1.2.3.4");
  EXPECT_EQ(Client("10.0.0.1", {}, {"10.0.0.0/8"}), "10.0.0.1");
}

TEST(ClientAddress, TheRightMostStrangerIsTheClient) {
  const std::vector<const char*> trusted = {"10.0.0.0/8", "::1"};
  EXPECT_EQ(Client("10.0.0.1", {"6.6.6.6, 1.2.3.4, 10.0.0.2"}, trusted), "1.2.3.4");
  EXPECT_EQ(Client("::1", {"6.6.6.6", "1.2.3.4:5678,10.0.0.2"}, trusted), "1.2.3.4");
  EXPECT_EQ(Client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}, trusted), "10.0.0.3");
}

TEST(ClientAddress, WhatIsLeftOfRubbishIsNotBelieved) {
  const std::vector<const char*> trusted = {"10.0.0.0/8"};
  EXPECT_EQ(Client("10.0.0.1", {"1.2.3.4, unknown"}, trusted), "10.0.0.1");
  EXPECT_EQ(Client("10.0.0.1", {"1.2.3.4, unknown, 10.0.0.2"}, trusted), "10.0.0.2");
  EXPECT_EQ(Client("10.0.0.1", {""}, trusted), "10.0.0.1");
  EXPECT_EQ(Client("10.0.0.1", {","}, trusted), "10.0.0.1");
}

TEST(ClientAddress, AnEndlessChainEnds) {
  std::string chain = "1.2.3.4";
  for (int i = 0; i < 1'000; ++i) chain += ",10.0.0.2";
  EXPECT_EQ(Client("10.0.0.1", {chain}, {"10.0.0.0/8"}), "10.0.0.2");
}

}  // namespace
}  // namespace millrace::http
