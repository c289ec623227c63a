#include "runtime/net/ip_address.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::net {
namespace {

TEST(IpAddress, ReadsAddressesAsProxiesWriteThem) {
  const struct {
    const char* text;
    const char* expected;  // nullptr: refused
  } cases[] = {
      {"10.0.0.1", "10.0.0.1"},
      {" 10.0.0.1\t", "10.0.0.1"},
      {"10.0.0.1:8080", "10.0.0.1"},
      {"::1", "::1"},
      {"[::1]", "::1"},
      {"[2001:db8::1]:443", "2001:db8::1"},
      {"::ffff:10.0.0.1", "10.0.0.1"},
      {"", nullptr},
      {"unknown", nullptr},
      {"_hidden", nullptr},
      {"10.0.0", nullptr},
      {"10.0.0.256", nullptr},
      {"10.0.0.1:", nullptr},
      {"10.0.0.1:port", nullptr},
      {"[::1", nullptr},
      {"[::1]443", nullptr},
      {"1:2:3", nullptr},
      {"fe80::1%eth0", nullptr},
  };
  for (const auto& c : cases) {
    const auto address = ParseIpAddress(c.text);
    ASSERT_EQ(address.has_value(), c.expected != nullptr) << c.text;
    if (address) EXPECT_EQ(address->ToString(), c.expected) << c.text;
  }
  EXPECT_FALSE(ParseIpAddress(std::string_view("10.0.0.1\0x", 10)));
}

TEST(Network, ContainsItsAddresses) {
  const struct {
    const char* network;
    const char* address;
    bool inside;
  } cases[] = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.1", false},
      {"192.168.1.128/25", "192.168.1.200", true},
      {"192.168.1.128/25", "192.168.1.100", false},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "127.0.0.2", false},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "8.8.8.8", true},
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"::1/128", "::1", true},
  };
  for (const auto& c : cases) {
    const auto network = ParseNetwork(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_EQ(network->Contains(*ParseIpAddress(c.address)), c.inside)
        << c.network << " " << c.address;
  }
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "host/8", "10.0.0.0/8x"}) {
    EXPECT_FALSE(ParseNetwork(text)) << text;
  }
}

}  // namespace
}  // namespace millrace::net
