#include "oracle/visible.h"

#include <sys/stat.h>

#include <map>
#include <memory>
#include <utility>

#include "ignore/scope.h"
#include "mutator/operation.h"

namespace lookout::oracle {
namespace {

std::unique_ptr<SnapshotNode> copy(const SnapshotNode& node) {
  auto made = std::make_unique<SnapshotNode>();
  made->type = node.type;
  made->device = node.device;
  made->inode = node.inode;
  made->size = node.size;
  made->mtime_ns = node.mtime_ns;
  made->ctime_ns = node.ctime_ns;
  made->mode = node.mode;
  made->rules = node.rules;
  made->leads_to = node.leads_to;
  made->begins_repository = node.begins_repository;
  for (const auto& [name, child] : node.children) made->children.emplace(name, copy(*child));
  return made;
}

// Symbolic links that are followed.
class Links {
 public:
  explicit Links(const Beyond& beyond) : beyond_(beyond) {}

  // Puts a directory where a link was told as one, and notes which directories were told.
  void expand(const std::string& path, SnapshotNode& found, const MirrorNode& told) {
    paths_[found.id()].push_back(path);
    for (auto& [name, child] : found.children) {
      const std::string below = path + '/' + name;
      const auto known = told.children.find(name);
      const bool as_directory =
          known != told.children.end() && known->second->type == EntryType::directory;
      if (child->leads_to && as_directory) {
        links_[child->leads_to->id].push_back(below);
        child = copy(*beyond_.at(*child->leads_to));
      }
      if (child->type == FileType::directory && as_directory) expand(below, *child, *known->second);
    }
  }

  // A link to what was not told anywhere should have been told as a directory.
  void demand(SnapshotNode& found) const {
    for (auto& [name, child] : found.children) {
      if (child->leads_to && !paths_.contains(child->leads_to->id))
        child->type = FileType::directory;
      demand(*child);
    }
  }

  std::vector<std::string> told_twice() const {
    std::vector<std::string> wrong;
    for (const auto& [id, links] : links_) {
      for (const std::string& path : paths_.at(id)) {
        if (path != links[0] && !path.starts_with(links[0] + '/'))
          wrong.push_back("a link is told as a directory, " + escape(links[0]) +
                          ", that is told under another path, " + escape(path));
      }
    }
    return wrong;
  }

 private:
  const Beyond& beyond_;
  std::map<FileId, std::vector<std::string>> paths_;  // under which directories were told
  std::map<FileId, std::vector<std::string>> links_;  // those of them that are links
};

// What `ignore` and git's files say.
class Ignored {
 public:
  explicit Ignored(const Viewpoint& viewpoint) : viewpoint_(viewpoint) {}

  void take_out(SnapshotNode& found, ScopePtr scope) const {
    if (viewpoint_.options.gitignore) {
      const SnapshotNode* git = at(&found, ".git");
      scope = scope->in({rules_of(at(&found, ".gitignore")), git && git->begins_repository,
                         rules_of(at(at(git, "info"), "exclude")), nullptr});
      found.children.erase(".git");
    }
    std::erase_if(found.children, [&](const auto& entry) {
      const auto& [name, node] = entry;
      const Verdict verdict = scope->judge(name);
      const bool directory = node->type == FileType::directory;
      if ((directory ? verdict.directory : verdict.other) == Decision::ignored) return true;
      if (directory) take_out(*node, scope->enter(name));
      return false;
    });
  }

 private:
  static const SnapshotNode* at(const SnapshotNode* directory, const std::string& name) {
    if (!directory) return nullptr;
    const auto found = directory->children.find(name);
    return found == directory->children.end() ? nullptr : found->second.get();
  }

  RulesPtr rules_of(const SnapshotNode* file) const {
    if (!file || file->rules.empty()) return nullptr;
    if (viewpoint_.unprivileged && (file->mode & S_IRGRP) == 0) return nullptr;
    return Rules::parse(file->rules);
  }

  const Viewpoint& viewpoint_;
};

// Takes out what is no directory and is not matched, itself or with a directory above it.
void take_others(SnapshotNode& found, const ScopePtr& scope) {
  std::erase_if(found.children, [&](const auto& entry) {
    const auto& [name, node] = entry;
    const Verdict verdict = scope->judge(name);
    if (node->type != FileType::directory) return verdict.other != Decision::ignored;
    if (verdict.directory != Decision::ignored) take_others(*node, scope->enter(name));
    return false;
  });
}

// Takes out all that is not in the directory itself.
void flatten(SnapshotNode& found) {
  for (auto& [name, child] : found.children) child->children.clear();
}

ScopePtr scope_of(const std::vector<std::string>& lines) {
  return Scope::empty()->with(Rules::of(lines), Scope::Rank::option);
}

}  // namespace

std::vector<std::string> follow_links(Disk& disk, const Beyond& beyond, const Mirror& mirror) {
  Links links(beyond);
  for (const auto& [root, told] : mirror.roots()) {
    if (const auto found = disk.find(root); found != disk.end())
      links.expand(root, *found->second, *told);
  }
  for (const auto& [root, found] : disk) links.demand(*found);
  return links.told_twice();
}

void keep_visible(SnapshotNode& found, const std::string& path, const Viewpoint& viewpoint) {
  const WatchOptions& options = viewpoint.options;
  // If the outer root does not report the entries of the inner one, the inner root reports them and
  // applies its own rules: patterns are relative to the root that reports.
  decltype(found.children)::node_type inner;
  if (!options.recursive && viewpoint.inner.starts_with(path + '/'))
    inner = found.children.extract(viewpoint.inner.substr(path.size() + 1));
  if (inner) keep_visible(*inner.mapped(), viewpoint.inner, viewpoint);
  Ignored(viewpoint).take_out(found, scope_of(options.ignore));
  if (!options.only.empty()) take_others(found, scope_of(options.only));
  if (!options.recursive) flatten(found);
  found.children.insert(std::move(inner));
}

}  // namespace lookout::oracle
