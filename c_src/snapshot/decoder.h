// Reads the bytes of a snapshot. Safe for hostile bytes: refuses them with a reason, and allocates
// no more than kMaxSnapshotFrame bytes at a time. Makes no system call. Cursor creates it and reads
// the header; TreeLoader then owns it and reads the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/format.h"
#include "support/error.h"

namespace lookout {

class SnapshotDecoder {
 public:
  // Reads up to `size` bytes; 0 at the end of the file.
  using Source = std::function<Result<std::size_t>(char* bytes, std::size_t size)>;

  // `path` is for errors.
  SnapshotDecoder(Source source, std::string path)
      : source_(std::move(source)), path_(std::move(path)) {}

  // Call it first. Errors: `bad_snapshot`, `newer_snapshot`, and those of the source.
  Result<SnapshotHeader> header();
  // The next record; nullopt after the last one, when the whole file was found to be right. The
  // name is valid until the next call.
  Result<std::optional<SnapshotRecord>> next();

  // The error for bytes that are whole but say what cannot be.
  Error bad(std::string_view what) const;

 private:
  // Reads the fields of a frame; after a failure every field is 0 or empty.
  class Fields;

  std::optional<Error> read(std::string& bytes, std::size_t size, bool may_end);
  std::optional<Error> next_frame();
  // The next frame before the records.
  std::optional<Error> next_head_frame();
  Result<SnapshotDevice> read_device();
  Result<SnapshotRoot> read_root();
  Result<std::optional<SnapshotRecord>> end();
  std::optional<Error> begin_records();

  Source source_;
  std::string path_;
  std::string frame_;
  std::size_t at_ = 0;  // in frame_
  SnapshotHeader header_;
  std::size_t bytes_ = 0;  // that were read
  std::size_t files_ = 0;  // names of single files in the roots
  bool in_records_ = false;
  std::uint32_t root_ = 0;
  std::uint32_t next_root_ = 0;  // the records of the roots before it are complete
  std::uint32_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace lookout
