#include "snapshot/encoder.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "snapshot/crc32c.h"
#include "snapshot/layout.h"

namespace lookout {
namespace {

constexpr std::size_t kFrame = 65536;  // a frame ends when it has as many bytes

template <class Number>
void put_fixed(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    out += static_cast<char>((number >> (8 * i)) & 0xff);
  }
}

void put_number(std::string& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(number | 0x80);
  out += static_cast<char>(number);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size());
  out += text;
}

std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1) ^ ((difference >> 63) != 0 ? ~std::uint64_t{0} : 0);
}

void put_moment(std::string& out, std::int64_t moment) {
  put_fixed(out, static_cast<std::uint64_t>(moment));
}

void put(std::string& out, const SnapshotDevice& device) {
  put_fixed(out, device.number);
  put_fixed(out, device.file_system);
  put_fixed(out, device.type);
  put_text(out, device.path);
}

void put(std::string& out, const SnapshotRoot& root) {
  using namespace layout;
  const unsigned flags = (root.recursive ? kRecursive : 0) | (root.single ? kSingle : 0) |
                         (root.moment ? kRootMoment : 0);
  out += static_cast<char>(flags);
  put_text(out, root.path);
  put_number(out, root.device);
  put_number(out, root.inode);
  put_fixed(out, root.mode);
  if (root.moment) put_moment(out, *root.moment);
  if (!root.single) return;
  put_number(out, root.names.size());
  for (const std::string& name : root.names) put_text(out, name);
}

bool fit(const SnapshotHeader& header) {
  const auto path_fits = [](const auto& one) { return one.path.size() <= kMaxSnapshotPath; };
  const auto names_fit = [](const SnapshotRoot& root) {
    return std::all_of(root.names.begin(), root.names.end(),
                       [](const auto& name) { return name.size() <= kMaxSnapshotName; });
  };
  const auto& [moment, seq, salt, devices, roots] = header;
  std::size_t files = 0;
  std::map<std::string_view, std::size_t> file_roots;  // by directory
  for (const SnapshotRoot& root : roots) {
    files += root.names.size();
    if (root.single && ++file_roots[root.path] > kMaxSnapshotFileRoots) return false;
  }
  return devices.size() <= kMaxSnapshotDevices && roots.size() <= kMaxSnapshotRoots &&
         files <= kMaxSnapshotFiles && std::all_of(devices.begin(), devices.end(), path_fits) &&
         std::all_of(roots.begin(), roots.end(), path_fits) &&
         std::all_of(roots.begin(), roots.end(), names_fit);
}

}  // namespace

SnapshotEncoder::SnapshotEncoder(const SnapshotHeader& header) : header_(header) {
  fits_ = fit(header);
  out_ = kSnapshotMagic;
  put_fixed(out_, kSnapshotVersion);
  put_fixed(out_, crc32c(out_));
  frame_ += static_cast<char>(layout::kHeader);
  put_moment(frame_, header.moment);
  put_fixed(frame_, header.seq);
  put_fixed(frame_, header.salt);
  put_number(frame_, header.devices.size());
  put_number(frame_, header.roots.size());
  end_frame();
  for (const SnapshotDevice& device : header.devices) {
    frame_ += static_cast<char>(layout::kDevice);
    put(frame_, device);
    end_frame();
  }
  for (const SnapshotRoot& root : header.roots) {
    frame_ += static_cast<char>(layout::kRoot);
    put(frame_, root);
    end_frame();
  }
  fits_ = fits_ && out_.size() <= kMaxSnapshotHead;
}

void SnapshotEncoder::begin_records(std::uint32_t root) {
  frame_ += static_cast<char>(layout::kRecords);
  put_number(frame_, root);
  in_records_ = true;
  root_ = root;
  device_ = header_.roots[root].device;
  inode_ = header_.roots[root].inode;
}

void SnapshotEncoder::add(const SnapshotRecord& record) {
  using namespace layout;
  if (in_records_ && (record.root != root_ || frame_.size() >= kFrame)) end_frame();
  if (!in_records_) begin_records(record.root);
  ++records_;
  const unsigned marks = (record.linked ? kLinked : 0) | (record.written ? kWritten : 0) |
                         (record.altered ? kAltered : 0) | (record.missed ? kMissed : 0);
  const bool extra = record.stamp.has_value() || record.moment.has_value();
  const std::uint32_t up = std::min(record.levels_up, kManyLevels);
  frame_ += static_cast<char>(static_cast<unsigned>(record.type) | (extra ? kExtra : 0) |
                              (record.device != device_ ? kOtherDevice : 0) |
                              (marks != 0 ? kMarks : 0) | (up << kLevelsShift));
  if (up == kManyLevels) put_number(frame_, record.levels_up - kManyLevels);
  if (record.device != device_) put_number(frame_, record.device);
  if (marks != 0) frame_ += static_cast<char>(marks);
  put_number(frame_, zigzag(record.inode - inode_));
  if (record.type == SnapshotType::directory) put_fixed(frame_, record.mode);
  if (record.moment) put_moment(frame_, *record.moment);
  if (record.stamp) {
    for (const std::uint8_t byte : *record.stamp) frame_ += static_cast<char>(byte);
  }
  put_text(frame_, record.name);
  fits_ = fits_ && record.name.size() <= kMaxSnapshotName;
  device_ = record.device;
  inode_ = record.inode;
}

void SnapshotEncoder::finish() {
  if (in_records_) end_frame();
  frame_ += static_cast<char>(layout::kEnd);
  put_fixed(frame_, records_);
  end_frame();
}

void SnapshotEncoder::end_frame() {
  fits_ = fits_ && frame_.size() <= kMaxSnapshotFrame;
  const std::size_t begin = out_.size();
  put_fixed(out_, static_cast<std::uint32_t>(frame_.size()));
  out_ += frame_;
  put_fixed(out_, crc32c(std::string_view(out_).substr(begin)));
  frame_.clear();
  in_records_ = false;
}

std::string SnapshotEncoder::take() {
  return std::exchange(out_, {});
}

}  // namespace lookout
