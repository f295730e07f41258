#include "support/file_content.h"

#include <sys/types.h>
#include <unistd.h>

#include <array>

#include "support/unique_fd.h"

namespace lookout {

std::string content_of(const std::string& path, int directory) {
  const UniqueFd file(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  std::array<char, 4096> piece;
  for (ssize_t size = 0; (size = ::read(file.get(), piece.data(), piece.size())) > 0;) {
    content.append(piece.data(), static_cast<std::size_t>(size));
  }
  return content;
}

}  // namespace lookout
