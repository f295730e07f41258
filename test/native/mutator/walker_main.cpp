// lookout_walker ROOT...: prints what exists below the roots, parents first, without the roots.
//
// One record for each entry, numbers big-endian: type (one byte: f, d, l, o), device, inode, size
// (64 bits each), mtime and ctime (64 bits, nanoseconds since the epoch), mode (32 bits), length of
// the path (32 bits), path (ROOT as given, a slash, and so on; raw bytes).
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include "mutator/snapshot.h"

namespace {

using lookout::oracle::SnapshotNode;

void put(std::string& out, std::unsigned_integral auto number) {
  for (int shift = static_cast<int>(sizeof number) * 8 - 8; shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 0xff);
}

void put_tree(std::string& out, const SnapshotNode& directory, const std::string& path) {
  for (const auto& [name, node] : directory.children) {
    std::string below = path + '/' + name;
    out += "fdlo"[static_cast<int>(node->type)];
    put(out, node->device);
    put(out, node->inode);
    put(out, node->size);
    put(out, static_cast<std::uint64_t>(node->mtime_ns));
    put(out, static_cast<std::uint64_t>(node->ctime_ns));
    put(out, node->mode);
    put(out, static_cast<std::uint32_t>(below.size()));
    out += below;
    put_tree(out, *node, below);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  std::string out;
  for (int i = 1; i < argc; ++i) put_tree(out, *lookout::oracle::walk(argv[i]), argv[i]);
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0
             ? 0
             : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "lookout_walker: %s\n", error.what());
  return 1;
}
