// Writes a snapshot as bytes, frame by frame. Makes no system call. TreeSaver owns it and calls it.
#pragma once

#include <cstdint>
#include <string>

#include "snapshot/format.h"

namespace lookout {

class SnapshotEncoder {
 public:
  explicit SnapshotEncoder(const SnapshotHeader& header);

  // Records come in preorder, and in the order of the roots.
  void add(const SnapshotRecord& record);
  void finish();
  // The bytes since the last call.
  std::string take();
  std::size_t pending() const { return out_.size() + frame_.size(); }
  // Whether all that was added is within the limits of a file (format.h). Otherwise the file could
  // not be read.
  bool fits() const { return fits_; }

 private:
  void begin_records(std::uint32_t root);
  void end_frame();

  const SnapshotHeader& header_;
  std::string out_;
  std::string frame_;  // the payload of the frame that is being written
  bool fits_ = true;
  bool in_records_ = false;
  std::uint32_t root_ = 0;
  std::uint32_t device_ = 0;  // of the record before, in this frame
  std::uint64_t inode_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace lookout
