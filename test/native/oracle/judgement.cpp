#include "oracle/judgement.h"

#include "mutator/operation.h"

namespace lookout::oracle {
namespace {

class Judge {
 public:
  explicit Judge(Recall recall) : recall_(recall) {}

  void compare(MirrorNode& told, const SnapshotNode& found, const std::string& path) {
    for (auto& [name, child] : told.children) {
      std::string below = path + '/' + name;
      auto match = found.children.find(name);
      if (match == found.children.end()) {
        complain(below, "was told, but is not on the disk");
      } else if (!same_type(child->type, match->second->type)) {
        complain(below, "was told as " + std::string(type_name(child->type)) + " but is " +
                            std::string(type_name(match->second->type)));
      } else {
        if (recall_ != Recall::none) recall(*child, *match->second, below);
        compare(*child, *match->second, below);
      }
    }
    for (const auto& [name, child] : found.children) {
      std::string below = path + '/' + name;
      if (!told.children.contains(name)) complain(below, "is on the disk, but was not told");
    }
  }

  Judgement take() { return std::move(judgement_); }

 private:
  void complain(const std::string& path, const std::string& what) {
    if (judgement_.violations.size() < 20)
      judgement_.violations.push_back(escape(path) + ' ' + what);
  }

  // A created entry was told in its final state; any other must have been told where it differs.
  void recall(const MirrorNode& told, const SnapshotNode& found, const std::string& path) {
    const SnapshotNode* before = told.before;
    if (told.created || !before) return;
    if (told.renamed && recall_ == Recall::lenient) return;
    bool is_directory = found.type == FileType::directory;
    bool replaced = before->inode != found.inode || before->device != found.device;
    bool any = told.modified || told.attributes;
    if (is_directory) {
      if (replaced && !any) complain(path, "is another directory now, and nothing was told of it");
    } else {
      if (replaced && !told.modified) complain(path, "is another file now, but was not modified");
      if (before->size != found.size && !told.modified)
        complain(path, "has another size now, but was not modified");
      if (before->mtime_ns != found.mtime_ns && !any)
        complain(path, "has another mtime now, and nothing was told of it");
    }
    if (before->mode != found.mode && !any)
      complain(path, "has another mode now, and nothing was told of it");
    if (any && !replaced && before->ctime_ns == found.ctime_ns) ++judgement_.false_reports;
  }

  Recall recall_;
  Judgement judgement_;
};

void begin_interval(MirrorNode& told, const SnapshotNode& found) {
  told.created = told.modified = told.attributes = told.renamed = false;
  told.before = &found;
  for (auto& [name, child] : told.children) {
    auto match = found.children.find(name);
    if (match != found.children.end()) begin_interval(*child, *match->second);
  }
}

}  // namespace

Disk walk_all(const std::vector<std::string>& roots, Beyond* beyond) {
  Disk disk;
  for (const std::string& root : roots) disk.emplace(root, walk(root, Vanished::fail, beyond));
  return disk;
}

Judgement judge(Mirror& mirror, const Disk& disk, Recall recall) {
  Judge verdict(recall);
  for (const auto& [root, node] : mirror.roots()) {
    auto found = disk.find(root);
    if (found != disk.end()) verdict.compare(*node, *found->second, root);
  }
  for (const auto& [root, node] : mirror.roots()) {
    auto found = disk.find(root);
    if (found != disk.end()) begin_interval(*node, *found->second);
  }
  return verdict.take();
}

}  // namespace lookout::oracle
