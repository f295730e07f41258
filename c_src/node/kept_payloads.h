// The last payloads that a named session has sent. When an owner resumes the session, NodeSession
// sends it again those after the last batch that the owner has processed. Makes no system call.
// NodeSession owns it and calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace lookout {

inline constexpr std::size_t kMaxKeptPayloads = 64;
// Not counting the last payload. As many batches of one credit each have no more.
inline constexpr std::size_t kMaxKeptBytes = kMaxKeptPayloads * 640 * 1024;

class KeptPayloads {
 public:
  void add_batch(std::uint64_t seq, std::string_view payload);
  void add_notice(std::string_view payload);

  // Whether everything that was sent after batch `seq` is kept. 0: before the first batch.
  bool has_all_after(std::uint64_t seq) const { return seq <= last_ && seq >= needed_; }
  // Calls `take` with each payload that was sent after batch `seq`, in order.
  void after(std::uint64_t seq, const std::function<void(std::string_view)>& take) const;

 private:
  struct Kept {
    std::uint64_t seq;  // of a notice: that of the batch before it
    bool is_notice;
    std::string payload;
  };

  void add(Kept kept);

  std::deque<Kept> kept_;
  std::size_t bytes_ = 0;     // of their payloads
  std::uint64_t last_ = 0;    // the last batch
  std::uint64_t needed_ = 0;  // an owner must have processed this batch
};

}  // namespace lookout
