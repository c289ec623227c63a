#pragma once
// A server's certificate and private key, and whom a client trusts, as OpenSSL wants them.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace millrace::transport {

// PEM files: the server's certificate first, then those that lead to its root; the key without a
// passphrase. Serves TLS 1.2 and newer, without renegotiation, resumption by tickets only.
// InvalidArgument: a file cannot be read, or the two do not belong together; the text says which
// and why. Any thread may use the result, which connections keep as long as they live.
absl::StatusOr<std::shared_ptr<ssl_ctx_st>> LoadCertificate(const std::string& certificate,
                                                            const std::string& key);

// For connections to servers, whose certificates have to lead to a root that this machine trusts;
// `insecure` takes whatever they show. Any thread may use the result.
absl::StatusOr<std::shared_ptr<ssl_ctx_st>> ClientContext(bool insecure);

// When the certificate ends to hold, in Unix seconds; 0 where that cannot be read.
int64_t ExpiryOf(ssl_ctx_st& context);

}  // namespace millrace::transport
