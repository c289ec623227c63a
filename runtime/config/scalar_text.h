#pragma once
// A setting's value as the file has it.

#include <string>

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace millrace::config {

// "350ms", "64KiB", "true", "replace", a text as it is. `field` is of `message`, single, and no
// message itself.
std::string ScalarText(const google::protobuf::Message& message,
                       const google::protobuf::FieldDescriptor& field);

}  // namespace millrace::config
