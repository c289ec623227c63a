#!/usr/bin/env python3
"""The checker finds what it is for, and nothing else."""

import os
import tempfile
import unittest

import check_tree


def wrong(path, line):
    return [text for _, text in check_tree.check_includes(path, [line])]


class Includes(unittest.TestCase):
    allowed = [
        ("media/flv/demuxer.cc", '#include "media/frame/frame.h"'),
        ("media/flv/demuxer.cc", '#include "absl/status/statusor.h"'),
        ("media/base/bytes.h", "#include <cstdint>"),
        ("gateways/rtmp/protocol/chunks.cc", '#include "gateways/rtmp/protocol/chunks.h"'),
        ("gateways/rtmp/session.cc", '#include "gateways/rtmp/protocol/chunks.h"'),
        ("gateways/http/session.cc", "#include <boost/asio/post.hpp>"),
        ("runtime/stream/feed.cc", '#include "runtime/bus/client.h"'),
        ("runtime/bus/client.cc", "#include <zmq.hpp>"),
        ("router/table.cc", '#include "media/frame/batch.h"'),
        ("control-plane/admin.cc", '#include "millrace/v1/admin.pb.h"'),
        ("tests/unit/router/table_test.cc", '#include "router/table.h"'),
    ]
    refused = [
        ("media/frame/frame.h", '#include "media/flv/muxer.h"'),
        ("media/flv/demuxer.cc", '#include "runtime/log/log.h"'),
        ("media/flv/demuxer.cc", "#include <fmt/format.h>"),
        ("media/flv/demuxer.cc", "#include <unistd.h>"),
        ("media/base/bytes.h", "# include <thread>"),
        ("gateways/rtmp/protocol/chunks.cc", '#include "runtime/log/log.h"'),
        ("gateways/rtmp/protocol/chunks.cc", '#include "gateways/http/server.h"'),
        ("gateways/rtmp/session.cc", '#include "gateways/http/server.h"'),
        ("gateways/rtmp/session.cc", '#include "router/table.h"'),
        ("gateways/rtmp/session.cc", '#include "tests/support/hex.h"'),
        ("gateways/rtmp/session.cc", "#include <zmq.hpp>"),
        ("runtime/bus/client.cc", '#include "runtime/stream/feed.h"'),
        ("runtime/bus/client.cc", '#include "media/flv/muxer.h"'),
        ("runtime/stream/feed.cc", "#include <grpcpp/grpcpp.h>"),
        ("router/table.cc", '#include "control-plane/admin.h"'),
    ]

    def test_allowed(self):
        for path, line in self.allowed:
            self.assertEqual(wrong(path, line), [], (path, line))

    def test_refused(self):
        for path, line in self.refused:
            self.assertEqual(len(wrong(path, line)), 1, (path, line))


class Tree(unittest.TestCase):
    def findings(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return check_tree.check_tree(root)

    def test_clean(self):
        self.assertEqual(self.findings({"router/table.h": "#pragma once\n", "router/README.md": "",
                                        "tests/unit/router/a_test.cc": "", "tests/unit/README.md": "",
                                        "router/build/x.cc": "line\n" * 700}), [])

    def test_findings(self):
        found = self.findings({"router/table.h": "int x;\n", "router/long.cc": "\n" * 601,
                               "router/utils.cc": "// TO" + "DO: later\n"})
        for part in ["no #pragma once", "has 601 lines", "leaves work for later", "named after nothing",
                     "router: has no README.md"]:
            self.assertEqual(sum(part in line for line in found), 1, (part, found))


if __name__ == "__main__":
    unittest.main()
