#pragma once
// What tags come to.

#include "media/frame/input_frame.h"

namespace millrace::media::flv {

using Item = InputItem;

}  // namespace millrace::media::flv
