// The mirror: what a consumer knows who has taken a listing and applies every batch after it, and
// never looks at the disk. Strict: an event that cannot be applied to what is known is an error.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mutator/snapshot.h"
#include "watch/model/entry.h"

namespace lookout::oracle {

struct MirrorNode {
  EntryType type = EntryType::directory;
  MirrorNode* parent = nullptr;
  std::map<std::string, std::unique_ptr<MirrorNode>, std::less<>> children{};

  // What was told of this entry since the last rest. The marks move with the entry.
  bool created = false;
  bool modified = false;
  bool attributes = false;
  bool renamed = false;
  // How it looked at the last rest, wherever it stood then; nullptr for what came since.
  const SnapshotNode* before = nullptr;
};

class Mirror {
 public:
  // Absolute paths; one may lie in another (it is a directory of that one then).
  explicit Mirror(std::vector<std::string> roots);

  // The same entries, with the same marks.
  Mirror copy() const;

  // Each returns what is wrong, in words; nullopt when the entry or the event could be applied.
  std::optional<std::string> insert(const Entry& entry);
  std::optional<std::string> apply(const Event& event);

  // A directory that is a root from now on, empty; or no longer is one, which it must be then.
  void add_root(const std::string& root);
  std::optional<std::string> drop_root(const std::string& root);

  const std::map<std::string, std::unique_ptr<MirrorNode>>& roots() const { return roots_; }
  bool is_root(const std::string& path) const { return roots_.contains(path); }
  // The node of a root or of an entry; nullptr where nothing is known.
  const MirrorNode* find(const std::string& path) const;
  std::size_t size() const;

 private:
  struct Spot {
    MirrorNode* parent = nullptr;  // nullptr where the directory is not known, or no root holds it
    std::string name{};
    MirrorNode* node = nullptr;  // nullptr where nothing stands there
  };
  Spot spot(std::string_view path) const;
  std::optional<std::string> create(const std::string& path, EntryType type, bool news);
  std::optional<std::string> remove(const Event& event);
  std::optional<std::string> change(const Event& event);
  std::optional<std::string> rename(const Event& event);

  std::map<std::string, std::unique_ptr<MirrorNode>> roots_;
};

// For messages.
std::string describe(const Event& event);
std::string_view type_name(EntryType type);
std::string_view type_name(FileType type);
bool same_type(EntryType told, FileType found);

// How many entries are below a node.
std::size_t count_below(const MirrorNode& node);

// Where two mirrors differ first; nullopt when they hold the same entries.
std::optional<std::string> difference(const Mirror& one, const Mirror& other);

}  // namespace lookout::oracle
