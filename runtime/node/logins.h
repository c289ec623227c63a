#pragma once
// Who may publish and who may play, by the settings of a stream. `publishers`: who is named there;
// where nobody is, everybody. `viewers`: the same for playing, beside whoever may publish.

#include <optional>
#include <string>
#include <string_view>

#include "millrace/v1/config.pb.h"

namespace millrace::node {

// Nothing where the user may not publish.
std::optional<std::string> PublisherPassword(const v1::AppSettings& settings,
                                             std::string_view user);

bool PlayersLogIn(const v1::AppSettings& settings);
// Nothing where the user may not play. A name that is in both plays with the viewer's password.
std::optional<std::string> PlayerPassword(const v1::AppSettings& settings, std::string_view user);
// Whether a password that came as it is, is the user's; true where nobody logs in.
bool MayPlay(const v1::AppSettings& settings, std::string_view user, std::string_view password);

// Leaves out who may publish and play: not once a session.
void ForgetLogins(v1::AppSettings& settings);

}  // namespace millrace::node
