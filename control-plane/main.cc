// millrace-control-plane: registration, configuration, topology, admission, the admin API.

#include "control-plane/process.h"

int main(int argc, char** argv) { return millrace::control::RunControlPlane(argc, argv); }
