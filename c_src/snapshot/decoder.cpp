#include "snapshot/decoder.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "snapshot/crc32c.h"
#include "snapshot/layout.h"

namespace lookout {
namespace {

constexpr std::size_t kPreamble = 16;
constexpr std::size_t kWord = 4;

template <class Number>
Number fixed_at(std::string_view bytes) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number |=
        static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  }
  return number;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxSnapshotName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool is_path(std::string_view path) {
  return path.size() <= kMaxSnapshotPath && path.starts_with('/') &&
         path.find('\0') == std::string_view::npos && (path.size() == 1 || !path.ends_with('/'));
}

// The directories and the single files that roots name.
class Watched {
 public:
  // Returns false if an earlier root names the same directory or one of the same files, or if too
  // many of them have files in the same directory.
  bool add(const SnapshotRoot& root) {
    if (!root.single) return directories_.insert(root.path).second;
    Files& files = files_[root.path];
    if (++files.roots > kMaxSnapshotFileRoots) return false;
    return std::all_of(root.names.begin(), root.names.end(), [&files](const std::string& name) {
      return files.names.insert(name).second;
    });
  }

 private:
  struct Files {
    std::size_t roots = 0;
    std::set<std::string> names;
  };
  std::set<std::string> directories_;
  std::map<std::string, Files> files_;  // by directory
};

}  // namespace

class SnapshotDecoder::Fields {
 public:
  Fields(std::string_view bytes, std::size_t& at) : bytes_(bytes), at_(at) {}

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == bytes_.size(); }

  std::string_view bytes(std::size_t size) {
    if (failed_ || bytes_.size() - at_ < size) {
      failed_ = true;
      return {};
    }
    return bytes_.substr(std::exchange(at_, at_ + size), size);
  }
  unsigned byte() {
    const std::string_view one = bytes(1);
    return one.empty() ? 0 : static_cast<unsigned char>(one[0]);
  }
  template <class Number>
  Number fixed() {
    const std::string_view raw = bytes(sizeof(Number));
    return raw.empty() ? Number{0} : fixed_at<Number>(raw);
  }
  std::int64_t moment() { return static_cast<std::int64_t>(fixed<std::uint64_t>()); }
  // At most `most`, in the shortest form.
  std::uint64_t number(std::uint64_t most) {
    std::uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const unsigned part = byte();
      if (failed_) return 0;
      const std::uint64_t bits = part & 0x7f;
      if (shift > 63 || (bits << shift) >> shift != bits || (shift > 0 && part == 0)) break;
      number |= bits << shift;
      if ((part & 0x80) != 0) continue;
      if (number > most) break;
      return number;
    }
    failed_ = true;
    return 0;
  }
  std::string_view text(std::size_t most) { return bytes(number(most)); }

 private:
  std::string_view bytes_;
  std::size_t& at_;
  bool failed_ = false;
};

Error SnapshotDecoder::bad(std::string_view what) const {
  return Error{"bad_snapshot", "load", path_,
               "this is no whole snapshot: " + std::string(what) +
                   "; use an older cursor, or start again with on_bad_cursor: :restart"};
}

// Reads exactly `size` bytes. With `may_end` the file may be at its end before the first byte:
// then `bytes` is empty.
std::optional<Error> SnapshotDecoder::read(std::string& bytes, std::size_t size, bool may_end) {
  bytes.resize(size);
  std::size_t filled = 0;
  while (filled < size) {
    const auto got = source_(bytes.data() + filled, size - filled);
    if (const Error* error = std::get_if<Error>(&got)) return *error;
    if (std::get<std::size_t>(got) == 0) break;
    filled += std::get<std::size_t>(got);
  }
  bytes.resize(filled);
  bytes_ += filled;
  if (filled == size || (may_end && filled == 0)) return std::nullopt;
  return bad("it is cut short");
}

std::optional<Error> SnapshotDecoder::next_frame() {
  std::string head;
  if (auto error = read(head, kWord, false)) return error;
  const auto size = fixed_at<std::uint32_t>(head);
  if (size == 0 || size > kMaxSnapshotFrame) return bad("a frame has an impossible length");
  if (auto error = read(frame_, size + kWord, false)) return error;
  const std::string_view payload = std::string_view(frame_).substr(0, size);
  const auto expected = fixed_at<std::uint32_t>(std::string_view(frame_).substr(size));
  if (crc32c(payload, crc32c(head)) != expected) return bad("a checksum is wrong");
  frame_.resize(size);
  at_ = 0;
  return std::nullopt;
}

Result<SnapshotHeader> SnapshotDecoder::header() {
  std::string preamble;
  if (auto error = read(preamble, kPreamble, true)) return *error;
  const std::string_view bytes = preamble;
  if (bytes.empty()) return bad("it is empty");
  if (!bytes.starts_with(kSnapshotMagic)) return bad("it does not begin as one");
  const auto version = fixed_at<std::uint32_t>(bytes.substr(kSnapshotMagic.size()));
  if (crc32c(bytes.substr(0, kPreamble - kWord)) !=
      fixed_at<std::uint32_t>(bytes.substr(kPreamble - kWord))) {
    return bad("a checksum is wrong");
  }
  if (version > kSnapshotVersion) {
    return Error{"newer_snapshot", "load", path_,
                 "it was written by a later version of Lookout (format " + std::to_string(version) +
                     ", this one reads " + std::to_string(kSnapshotVersion) +
                     "); use that version, or start again with on_bad_cursor: :restart"};
  }
  if (version == 0) return bad("its version is 0");
  if (auto error = next_frame()) return *error;
  Fields fields(frame_, at_);
  if (fields.byte() != layout::kHeader) return bad("it does not begin with a header");
  header_.moment = fields.moment();
  header_.seq = fields.fixed<std::uint64_t>();
  header_.salt = fields.fixed<std::uint64_t>();
  const auto devices = fields.number(kMaxSnapshotDevices);
  const auto roots = fields.number(kMaxSnapshotRoots);
  if (fields.failed() || !fields.at_end()) return bad("its header is wrong");
  // Not reserved: the numbers may be made up.
  for (std::uint64_t i = 0; i < devices; ++i) {
    auto device = read_device();
    if (auto* error = std::get_if<Error>(&device)) return std::move(*error);
    header_.devices.push_back(std::get<SnapshotDevice>(std::move(device)));
  }
  Watched watched;
  for (std::uint64_t i = 0; i < roots; ++i) {
    auto root = read_root();
    if (auto* error = std::get_if<Error>(&root)) return std::move(*error);
    header_.roots.push_back(std::get<SnapshotRoot>(std::move(root)));
    if (!watched.add(header_.roots.back())) return bad("it names a directory or a file too often");
  }
  return header_;
}

std::optional<Error> SnapshotDecoder::next_head_frame() {
  if (auto error = next_frame()) return error;
  if (bytes_ > kMaxSnapshotHead) return bad("its list of watched directories is too long");
  return std::nullopt;
}

Result<SnapshotDevice> SnapshotDecoder::read_device() {
  if (auto error = next_head_frame()) return std::move(*error);
  Fields in(frame_, at_);
  SnapshotDevice device;
  const bool right = in.byte() == layout::kDevice;
  device.number = in.fixed<std::uint64_t>();
  device.file_system = in.fixed<std::uint64_t>();
  device.type = in.fixed<std::uint64_t>();
  device.path = in.text(kMaxSnapshotPath);
  if (!right || in.failed() || !in.at_end() || !is_path(device.path)) {
    return bad("a file system is described wrongly");
  }
  return device;
}

Result<SnapshotRoot> SnapshotDecoder::read_root() {
  if (auto error = next_head_frame()) return std::move(*error);
  Fields in(frame_, at_);
  SnapshotRoot root;
  bool right = in.byte() == layout::kRoot;
  const unsigned flags = in.byte();
  root.recursive = (flags & layout::kRecursive) != 0;
  root.single = (flags & layout::kSingle) != 0;
  root.path = in.text(kMaxSnapshotPath);
  root.device = static_cast<std::uint32_t>(in.number(kMaxSnapshotDevices));
  root.inode = in.number(~std::uint64_t{0});
  root.mode = in.fixed<std::uint16_t>();
  if ((flags & layout::kRootMoment) != 0) root.moment = in.moment();
  if (root.single) {
    const auto names = in.number(kMaxSnapshotFiles - files_);
    files_ += names;
    for (std::uint64_t name = 0; name < names && !in.failed(); ++name) {
      root.names.emplace_back(in.text(kMaxSnapshotName));
      right = right && is_name(root.names.back());
    }
  }
  if (!right || in.failed() || !in.at_end() || flags > layout::kRootFlags || root.mode > 07777 ||
      !is_path(root.path) || root.device >= header_.devices.size()) {
    return bad("a watched directory is described wrongly");
  }
  return root;
}

// The frame that was just read has records, or is the end.
std::optional<Error> SnapshotDecoder::begin_records() {
  Fields fields(frame_, at_);
  fields.byte();
  root_ = static_cast<std::uint32_t>(fields.number(kMaxSnapshotRoots));
  if (fields.failed() || root_ >= header_.roots.size() || root_ < next_root_ || fields.at_end()) {
    return bad("a frame is out of place");
  }
  next_root_ = root_;
  device_ = header_.roots[root_].device;
  inode_ = header_.roots[root_].inode;
  in_records_ = true;
  return std::nullopt;
}

Result<std::optional<SnapshotRecord>> SnapshotDecoder::end() {
  Fields fields(frame_, at_);
  fields.byte();
  const auto records = fields.fixed<std::uint64_t>();
  if (fields.failed() || !fields.at_end()) return bad("its end is wrong");
  if (records != records_) return bad("entries are missing");
  std::string more;
  if (auto error = read(more, 1, true)) return *error;
  if (!more.empty()) return bad("bytes follow its end");
  return std::optional<SnapshotRecord>();
}

Result<std::optional<SnapshotRecord>> SnapshotDecoder::next() {
  using namespace layout;
  if (in_records_ && at_ == frame_.size()) in_records_ = false;
  if (!in_records_) {
    if (auto error = next_frame()) return *error;
    const auto kind = static_cast<unsigned char>(frame_[0]);
    if (kind == kEnd) return end();
    if (kind != kRecords) return bad("a frame is out of place");
    if (auto error = begin_records()) return *error;
  }
  Fields fields(frame_, at_);
  SnapshotRecord record;
  const unsigned first = fields.byte();
  record.type = static_cast<SnapshotType>(first & kTypeMask);
  record.root = root_;
  record.levels_up = first >> kLevelsShift;
  if (record.levels_up == kManyLevels) {
    record.levels_up += static_cast<std::uint32_t>(fields.number(UINT32_MAX - kManyLevels));
  }
  if ((first & kOtherDevice) != 0) {
    device_ = static_cast<std::uint32_t>(fields.number(kMaxSnapshotDevices));
  }
  record.device = device_;
  const unsigned marks = (first & kMarks) != 0 ? fields.byte() : 0;
  record.linked = (marks & kLinked) != 0;
  record.written = (marks & kWritten) != 0;
  record.altered = (marks & kAltered) != 0;
  record.missed = (marks & kMissed) != 0;
  const std::uint64_t difference = fields.number(~std::uint64_t{0});
  inode_ += (difference >> 1) ^ ((difference & 1) != 0 ? ~std::uint64_t{0} : 0);
  record.inode = inode_;
  const bool directory = record.type == SnapshotType::directory;
  if (directory) record.mode = fields.fixed<std::uint16_t>();
  if (directory && (first & kExtra) != 0) record.moment = fields.moment();
  if (!directory && (first & kExtra) != 0) {
    const std::string_view raw = fields.bytes(kStampSize);
    StampBytes stamp{};
    std::transform(raw.begin(), raw.end(), stamp.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    record.stamp = stamp;
  }
  record.name = fields.text(kMaxSnapshotName);
  if (fields.failed()) return bad("an entry is cut short");
  if (!is_name(record.name)) return bad("an entry has an impossible name");
  if (device_ >= header_.devices.size() || marks > kAllMarks || record.mode > 07777 ||
      (record.linked && !directory)) {
    return bad("an entry is described wrongly");
  }
  ++records_;
  return std::optional(record);
}

}  // namespace lookout
