// The example frames of docs/protocol.md.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace lookout {

struct ExampleFrame {
  std::string term;   // as the document writes it, in Elixir's syntax
  std::string bytes;  // the whole frame, its length included
};

inline std::string from_hex(const std::string& line) {
  std::istringstream in(line);
  std::string bytes;
  for (std::string pair; in >> pair;) bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
  return bytes;
}

// Every block of the kind `frame`, in the document's order.
inline std::vector<ExampleFrame> read_example_frames() {
  std::ifstream document(LOOKOUT_SOURCE_DIR "/docs/protocol.md");
  std::vector<ExampleFrame> frames;
  for (std::string line; std::getline(document, line);) {
    if (line != "```frame") continue;
    ExampleFrame frame;
    std::getline(document, frame.term);
    while (std::getline(document, line) && line != "```") frame.bytes += from_hex(line);
    frames.push_back(frame);
  }
  return frames;
}

}  // namespace lookout
