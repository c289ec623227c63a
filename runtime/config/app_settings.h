#pragma once
// The configuration's defaults, and what holds for one application. Every process links this, so
// that it works before it has ever heard of a control plane.

#include <string_view>

#include "millrace/v1/config.pb.h"

namespace millrace::config {

// Every setting that has a default, set to it. `applications`, `routers` and `public_host` are
// empty.
v1::Configuration DefaultConfiguration();

// `configuration` over the defaults. Applications keep only what they set themselves: ResolveApp
// merges them.
v1::Configuration WithDefaults(const v1::Configuration& configuration);

// What holds for `app`, an application ("live") or a stream of it ("live/cam1", "site3/gate/cam1"):
// the defaults, over them `defaults` of the configuration, over them the application of the longest
// name that is `app` or a leading run of its parts. Every field of the result is set.
v1::AppSettings ResolveApp(const v1::Configuration& configuration, std::string_view app);

// Sets what `over` sets. Its publishers, where it has any, take the place of those that there are.
void Override(v1::AppSettings& settings, const v1::AppSettings& over);

// The configuration as it may be shown: passwords read "(hidden)", which no file can set.
inline constexpr char kHidden[] = "(hidden)";
v1::Configuration WithoutSecrets(v1::Configuration configuration);

}  // namespace millrace::config
