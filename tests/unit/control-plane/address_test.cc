#include "control-plane/address.h"

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

TEST(Address, HostOfPeer) {
  EXPECT_EQ(HostOfPeer("ipv4:10.0.0.2:5000"), "10.0.0.2");
  EXPECT_EQ(HostOfPeer("ipv6:%5B::1%5D:5000"), "::1");
  EXPECT_EQ(HostOfPeer("ipv6:[2001:db8::2]:5000"), "2001:db8::2");
  EXPECT_EQ(HostOfPeer("ipv6:%5B::ffff:10.0.0.2%5D:5000"), "10.0.0.2");
  EXPECT_EQ(HostOfPeer("unix:/tmp/x"), "");
  EXPECT_EQ(HostOfPeer(""), "");
}

TEST(Address, HostOf) {
  EXPECT_EQ(HostOf("10.0.0.2:5000"), "10.0.0.2");
  EXPECT_EQ(HostOf("[::1]:5000"), "::1");
  EXPECT_EQ(HostOf("::1"), "::1");
  EXPECT_EQ(HostOf("name"), "name");
  EXPECT_EQ(HostOf("[::1"), "::1");
  EXPECT_EQ(HostOf(":80"), "");
  EXPECT_EQ(HostOf(""), "");
}

TEST(Address, WithHost) {
  EXPECT_EQ(WithHost("tcp://*:5555", "10.0.0.2"), "tcp://10.0.0.2:5555");
  EXPECT_EQ(WithHost("tcp://0.0.0.0:5555", "::1"), "tcp://[::1]:5555");
  EXPECT_EQ(WithHost(":9102", "10.0.0.2"), "10.0.0.2:9102");
  EXPECT_EQ(WithHost("[::]:9102", "10.0.0.2"), "10.0.0.2:9102");
  EXPECT_EQ(WithHost("router:5555", "10.0.0.2"), "router:5555");
  EXPECT_EQ(WithHost("127.0.0.1:5555", "10.0.0.2"), "127.0.0.1:5555");
  EXPECT_EQ(WithHost("tcp://*:5555", ""), "tcp://*:5555");
  EXPECT_EQ(WithHost("", "10.0.0.2"), "");
}

TEST(Address, CanonicalIp) {
  EXPECT_EQ(CanonicalIp("203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(CanonicalIp("203.0.113.7:5000"), "203.0.113.7");
  EXPECT_EQ(CanonicalIp("[2001:DB8:0::7]:1"), "2001:db8::7");
  EXPECT_EQ(CanonicalIp("fe80::1%eth0"), "fe80::1");
  EXPECT_EQ(CanonicalIp("::ffff:203.0.113.7"), "203.0.113.7");
  EXPECT_FALSE(CanonicalIp("example.org"));
  EXPECT_FALSE(CanonicalIp("203.0.113"));
  EXPECT_FALSE(CanonicalIp(""));
}

TEST(Address, IsLoopback) {
  EXPECT_TRUE(IsLoopback("127.0.0.1"));
  EXPECT_TRUE(IsLoopback("::1"));
  EXPECT_FALSE(IsLoopback("10.0.0.2"));
}

}  // namespace
}  // namespace millrace::control
