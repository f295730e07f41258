// Takes over the roots of a snapshot: each gets the node and the identity that it had, and is then
// checked as any other. So one that is gone, or that another directory has replaced, is reported.
#include <map>
#include <utility>

#include "watch/disk/path_walk.h"
#include "watch/roots/root_manager.h"

namespace lookout {

RootManager::Adoption RootManager::begin_adoption(const Prepared& prepared,
                                                  const WatchOptions& options) {
  Adoption adoption{{}, options, Filter(options)};
  adoption.options.ignore.clear();  // the filter has the rules
  adoption.options.only.clear();
  for (const Pointer& root : prepared) adoption.asked.emplace(root->path, root);
  return adoption;
}

bool RootManager::adopt(Adoption& adoption, const SnapshotHeader& header,
                        const std::vector<NodeId>& nodes) {
  if (adoption.next == nodes.size()) {
    Prepared created;
    for (const auto& [path, root] : adoption.asked) {
      root->report = true;
      created.push_back(root);
    }
    begin(created);
    uses_fswatch_ = uses_fswatch_ || adoption.options.backend == Backend::fswatch;
    return false;
  }
  const SnapshotRoot& saved = header.roots[adoption.next];
  Pointer& root = adoption.root;
  if (root == nullptr) root = make_adopted(adoption, saved, nodes[adoption.next]);
  if (roots_.find(root->node) == nullptr) {
    // Where a mount does not answer, complete_rules_above() reads the rest later.
    const bool rules = root->above && !root->above->done();
    if (!rules || root->above->step(mounts_, visibility_)) adopt_directory(root, header, saved);
    return true;
  }
  if (adoption.name < saved.names.size()) {
    adopt_file(adoption, saved.names[adoption.name++]);
    return true;
  }
  if (root->is_base) root->removed = root->members.empty();
  root = nullptr;
  adoption.name = 0;
  ++adoption.next;
  return true;
}

RootManager::Pointer RootManager::make_adopted(Adoption& adoption, const SnapshotRoot& saved,
                                               NodeId node) {
  Pointer root;
  if (saved.single) {
    root = root_paths_.make_root(saved.path, adoption.options, {});
    root->is_base = true;
  } else if (const auto found = adoption.asked.extract(saved.path)) {
    root = found.mapped();
  } else {
    root = root_paths_.make_root(saved.path, adoption.options, adoption.filter);
    root->removed = true;
  }
  if (tree_.has(node, Mark::adopts)) {
    const Result<Target> found = root_paths_.probe(saved.path);
    const Target* target = std::get_if<Target>(&found);
    if (target != nullptr && target->only.empty()) {
      tree_.adopt_identity(node, EntryType::directory, target->identity);
    }
  }
  root->target = {saved.path, {}, tree_.identity(node), false};
  root->phase = Root::Phase::reported;
  root->node = node;
  root->report = true;
  if (root->filter.gitignore && !root->is_base && !root->removed) {
    root->above = std::make_unique<RulesAbove>(saved.path, root->target.identity);
  }
  return root;
}

void RootManager::adopt_directory(const Pointer& root, const SnapshotHeader& header,
                                  const SnapshotRoot& saved) {
  ScopePtr above;
  if (root->above && root->above->done()) {
    above = root->above->scope();
    if (!root->above->incomplete()) root->above.reset();
  }
  RootOptions options = root_options(*root, std::move(above));
  options.crawl_began = header.moment;
  reconciler_.adopt_root(root->node, std::move(options), saved.recursive);
  roots_.add(root);
  checks_.add(root);
}

// Single files: those in one directory share a base.
void RootManager::adopt_file(Adoption& adoption, const std::string& name) {
  const Pointer& base = adoption.root;
  auto found = adoption.asked.extract(join(base->path, name));
  if (found.empty()) {
    const NodeId entry = tree_.child(base->node, name);
    if (entry != kNoNode) reconciler_.remove_root(entry, {});
    return;
  }
  const Pointer root = found.mapped();
  root->report = true;
  root->base = base;
  root->joined = true;
  base->members[name] = root.get();
  visibility_.show_single(base->node, name);
  roots_.add(root);
  presence_.track(root);
  checks_.add(root);
}

}  // namespace lookout
