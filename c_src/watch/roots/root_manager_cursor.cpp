// Takes over the roots of a snapshot: each gets the node and the identity that it had, and is then
// checked as any other. So one that is gone, or that another directory has replaced, is reported.
#include <algorithm>
#include <map>
#include <utility>

#include "watch/disk/path_walk.h"
#include "watch/roots/root_manager.h"

namespace lookout {

void RootManager::resume(const Prepared& prepared, const WatchOptions& options,
                         const SnapshotHeader& header, const std::vector<NodeId>& nodes) {
  std::map<std::string, Pointer> asked;  // and not taken over yet
  for (const Pointer& root : prepared) asked.emplace(root->path, root);
  WatchOptions kept = options;
  kept.ignore.clear();  // the filters have the rules
  kept.only.clear();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const SnapshotRoot& saved = header.roots[i];
    if (saved.single) {
      adopt_files(header, saved, nodes[i], kept, asked);
      continue;
    }
    auto found = asked.extract(saved.path);
    const bool wanted = !found.empty();
    const Pointer root =
        wanted ? found.mapped() : root_paths_.make_root(saved.path, kept, Filter(options));
    root->removed = !wanted;
    adopt_directory(root, header, saved, nodes[i]);
  }
  Prepared created;
  for (const auto& [path, root] : asked) {
    root->report = true;
    // Roots in their base are known already.
    if (!root->joined) created.push_back(root);
  }
  begin(created);
  uses_fswatch_ = uses_fswatch_ || options.backend == Backend::fswatch;
}

void RootManager::adopt_directory(const Pointer& root, const SnapshotHeader& header,
                                  const SnapshotRoot& saved, NodeId node) {
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
  ScopePtr above;
  if (root->filter.gitignore && !root->is_base && !root->removed) {
    root->above = std::make_unique<RulesAbove>(saved.path, root->target.identity);
    while (!root->above->done() && !root->above->step(mounts_, visibility_)) continue;
    if (root->above->done()) above = root->above->scope();
    // complete_rules_above() reads the others later.
    if (root->above->done() && !root->above->incomplete()) root->above.reset();
  }
  RootOptions options = root_options(*root, std::move(above));
  options.crawl_began = header.moment;
  reconciler_.adopt_root(node, std::move(options), saved.recursive);
  roots_.add(root);
  checks_.add(root);
}

// Single files: those in one directory share a base.
void RootManager::adopt_files(const SnapshotHeader& header, const SnapshotRoot& saved, NodeId node,
                              const WatchOptions& options, std::map<std::string, Pointer>& asked) {
  const Pointer base = root_paths_.make_root(saved.path, options, {});
  base->is_base = true;
  adopt_directory(base, header, saved, node);
  for (const std::string& name : saved.names) {
    const auto found = asked.find(join(saved.path, name));
    if (found == asked.end() || found->second->base) {
      const NodeId entry = tree_.child(node, name);
      if (entry != kNoNode) reconciler_.remove_root(entry, {});
      continue;
    }
    const Pointer root = found->second;
    root->report = true;
    root->base = base;
    root->joined = true;
    base->members[name] = root.get();
    visibility_.show_single(node, name);
    roots_.add(root);
    presence_.track(root);
    checks_.add(root);
  }
  base->removed = base->members.empty();
}

}  // namespace lookout
