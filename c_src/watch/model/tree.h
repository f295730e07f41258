// The model of what was reported to the subscriber: one node per entry. Makes no system call.
// EngineModel owns it; the classes of watch/ call it.
//
// A node takes 32 bytes and its name, a directory 12 more. Hash tables of 32-bit indexes find a
// node by identity and by watch descriptor, and by parent and name if a directory has many entries.
// If it has few, as most directories do, comparing each name is faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watch/model/device_table.h"
#include "watch/model/entry.h"
#include "watch/model/far_roots.h"
#include "watch/model/hint.h"
#include "watch/model/index_table.h"
#include "watch/model/link_group.h"
#include "watch/model/name_arena.h"
#include "watch/model/node_id.h"
#include "watch/model/slot_pool.h"
#include "watch/model/stamp_table.h"

namespace lookout {

// Identifies an inode under another name: device and inode number as returned by fstat.
struct Identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const Identity&) const = default;
};
struct HashIdentity {
  std::size_t operator()(Identity identity) const;
};

// Marks on any node. The classes of reconcile/ share the marks.
enum class Mark : std::uint8_t {
  parked = 1,     // it is no longer at its path and may have been renamed (Departures)
  seen = 2,       // the current listing of its parent has met it (DirectoryScan)
  written = 4,    // a hint reported a change of its content: the next check reports it
  altered = 8,    // a hint reported a change of its attributes: likewise
  deleting = 16,  // queued for deletion, with everything below it
  missed = 32,    // a listing that compares entries did not find it: compare it when it is found
  adopts = 64,    // its identity, from a snapshot, is not reliable: the first check replaces it
};

// Marks on a directory.
enum class DirMark : std::uint16_t {
  stale = 1,        // must be listed: its entries in the tree may be wrong
  suspect = 2,      // hints about its entries were lost: compare their times too
  opaque = 4,       // its entries are not tracked (root without recursion, pseudo file system)
  provisional = 8,  // its identity comes from a listing; the first open confirms it
  unreadable = 16,  // could not be opened or listed at the last attempt
  polled = 32,      // it has no watch and is checked every interval
  queued = 64,      // it is in the list of directories to be listed
  linked = 128,     // the entry at its path is a symbolic link that leads to it
  remote = 256,     // it was last opened, or was to be opened, on a remote mount
  mounted = 512,    // it was a mount point at the last check
  deep = 1024,      // its subdirectories must be listed after it, and so on downwards
};

// The capacity of a tree.
struct TreeLimits {
  std::size_t nodes = 0xfffffffe;
  std::size_t devices = 65536;
  std::size_t name_chunks = NameArena::kMaxChunks;
};

class Tree {
 public:
  explicit Tree(TreeLimits limits = {});
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Whether there is room for this name and device. If not, add(), add_root() and move() may throw
  // std::length_error.
  bool has_room(std::string_view name, std::uint64_t device) const;
  // Whether set_identity() may use this device.
  bool has_room_for(std::uint64_t device) const;

  // Adds a directory without a parent, for `path` (no trailing slash, except for "/").
  NodeId add_root(std::string_view path, Identity identity);
  // Adds an entry `name` to the directory `parent`, which has none of that name.
  NodeId add(NodeId parent, std::string_view name, EntryType type, Identity identity);
  // Removes a node without children.
  void remove(NodeId node);
  // Moves a node, and everything below it, to another path. No node may be at that path, and it
  // must not be below the node itself.
  void move(NodeId node, NodeId parent, std::string_view name);

  NodeId child(NodeId parent, std::string_view name) const;
  NodeId first_child(NodeId directory) const { return dir(directory).first_child; }
  NodeId next_sibling(NodeId node) const { return nodes_[node].next; }
  NodeId parent(NodeId node) const { return nodes_[node].parent; }
  bool is_root(NodeId node) const { return nodes_[node].parent == kNoNode; }
  bool is_below(NodeId node, NodeId ancestor) const;  // true for a node and itself, too
  bool alive(NodeId node) const { return nodes_[node].name != 0; }
  bool is_directory(NodeId node) const { return type(node) == EntryType::directory; }
  EntryType type(NodeId node) const { return static_cast<EntryType>(nodes_[node].type); }
  // The name in its directory; for a root its path.
  std::string_view name(NodeId node) const { return names_.get(nodes_[node].name); }
  std::string path(NodeId node) const;
  // The root above a node. Takes few steps even if the node is deep.
  NodeId root_of(NodeId node) const;
  // How many nodes root_of() has passed, for tests.
  std::uint64_t root_steps() const { return far_roots_.steps(); }

  Identity identity(NodeId node) const;
  void set_identity(NodeId node, Identity identity);
  // Gives an entry with Mark::adopts the identity of the entry that exists at its path: the inode
  // number in its snapshot is not reliable. Returns false for any other entry.
  bool adopt_identity(NodeId node, EntryType type, Identity identity);
  // The device numbers of all nodes.
  std::vector<std::uint64_t> devices() const;
  // All nodes with this identity: several for hard links and directories mounted twice.
  std::vector<NodeId> with_identity(Identity identity) const;
  bool knows(Identity identity) const { return head(identity) != kNoNode; }
  // The number of these nodes, and the node at each position. When a node is removed, the last one
  // takes its position.
  std::size_t links(Identity identity) const;
  NodeId link_at(Identity identity, std::size_t position) const;

  bool has(NodeId node, Mark mark) const {
    return (nodes_[node].marks & static_cast<std::uint8_t>(mark)) != 0;
  }
  void set(NodeId node, Mark mark, bool on = true);
  bool has(NodeId directory, DirMark mark) const {
    return (dir(directory).marks & static_cast<std::uint16_t>(mark)) != 0;
  }
  void set(NodeId directory, DirMark mark, bool on = true);

  // For an entry that is no directory: a hash of size, mtime and mode, 0 while unknown.
  std::uint32_t signature(NodeId node) const { return nodes_[node].extra; }
  void set_signature(NodeId node, std::uint32_t signature) { nodes_[node].extra = signature; }

  // Stamps are kept beside the signatures if they may be saved. The stamp of a node without a
  // signature comes from a snapshot.
  void keep_stamps(std::uint64_t salt) { salt_ = salt; }
  std::optional<std::uint64_t> salt() const { return salt_; }
  const Stamp* stamp(NodeId node) const { return stamps_.find(node); }  // nullptr: unknown
  void set_stamp(NodeId node, const Stamp& stamp) { stamps_.set(node, stamp); }

  std::uint16_t mode(NodeId directory) const { return dir(directory).mode; }
  void set_mode(NodeId directory, std::uint16_t mode) { dir(directory).mode = mode & 07777; }

  // The watch descriptor of a directory, kNoWatch for none.
  int watch(NodeId directory) const { return dir(directory).watch; }
  void set_watch(NodeId directory, int watch);
  // The directories that have this watch: several if a directory is mounted twice.
  std::vector<NodeId> with_watch(int watch) const;
  // The only directory that has this watch; kNoNode if none has it, or several may.
  NodeId only_with_watch(int watch) const;
  bool watch_in_use(int watch) const { return watch_holder(watch) != kNoNode; }

  std::uint64_t directories() const { return directories_; }
  std::uint64_t others() const { return others_; }
  std::uint64_t watches() const { return by_watch_.size(); }

  // Calls f(NodeId) for every directory, in unspecified order.
  template <class F>
  void for_each_directory(F f) const {
    for (std::size_t slot = nodes_.next_used(1); slot < nodes_.end();
         slot = nodes_.next_used(slot + 1)) {
      const auto node = static_cast<NodeId>(slot);
      if (is_directory(node)) f(node);
    }
  }

  // The bytes of all nodes, names and tables, as far as they depend on the number of entries.
  std::size_t memory() const;
  // Frees memory if most of it is unused: one step of at most about a millisecond. Returns false
  // when there is nothing left to do.
  bool compact();

 private:
  struct Node {
    std::uint64_t inode = 0;
    NodeId parent = kNoNode;
    NodeId next = kNoNode;  // sibling
    NodeId previous = kNoNode;
    NameArena::Ref name = 0;   // 0 in a free node
    std::uint32_t extra = 0;   // for a directory its index in dirs_, else the signature
    std::uint16_t device = 0;  // index in devices_
    std::uint8_t type = 0;
    std::uint8_t marks = 0;
  };
  static_assert(sizeof(Node) == 32);
  struct Dir {
    NodeId first_child = kNoNode;
    std::int32_t watch = kNoWatch;
    std::uint16_t mode : 12 = 0;  // permission bits
    std::uint16_t few : 4 = 0;    // the number of its children, or kMany
    std::uint16_t marks = 0;
  };
  static_assert(sizeof(Dir) == 12);
  // Dir::few of a directory that has had more than kFew children and has not been empty since;
  // by_name_ has its children.
  static constexpr std::uint16_t kMany = 15;
  static constexpr std::uint16_t kFew = 8;
  struct NameHash {
    const Tree* tree;
    std::uint64_t operator()(std::uint32_t node) const;
  };
  struct IdentityHash {
    const Tree* tree;
    std::uint64_t operator()(std::uint32_t node) const;
  };
  struct WatchHash {
    const Tree* tree;
    std::uint64_t operator()(std::uint32_t node) const;
  };

  Dir& dir(NodeId node) { return dirs_[nodes_[node].extra]; }
  const Dir& dir(NodeId node) const { return dirs_[nodes_[node].extra]; }
  NodeId allocate(std::string_view name, EntryType type, Identity identity);
  void link(NodeId node, NodeId parent);
  void unlink(NodeId node);
  bool has_identity(NodeId node, Identity identity) const;
  NodeId head(Identity identity) const;
  void index_identity(NodeId node);
  void forget_identity(NodeId node);
  NodeId watch_holder(int watch) const;

  TreeLimits limits_;
  SlotPool<Node> nodes_;
  SlotPool<Dir> dirs_;
  NameArena names_;
  // The names of nodes below this index were moved out of retired chunks.
  std::size_t compacted_ = 0;
  DeviceTable devices_;
  IndexTable<NameHash> by_name_;          // the children of directories that have many
  IndexTable<IdentityHash> by_identity_;  // one node for each identity: the head
  IndexTable<WatchHash> by_watch_;        // one directory for each watch
  // The other nodes of an identity that has several nodes, keyed by the head.
  std::unordered_map<NodeId, LinkGroup<NodeId>> links_;
  mutable FarRoots far_roots_;  // what root_of() found before
  StampTable stamps_;
  std::optional<std::uint64_t> salt_;  // of the stamps, if they are kept
  std::uint64_t directories_ = 0;
  std::uint64_t others_ = 0;
};

// The node after `node` among those below `top`, parents first; kNoNode after the last.
NodeId next_below(const Tree& tree, NodeId node, NodeId top);

}  // namespace lookout
