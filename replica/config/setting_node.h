// Answers: how are the keys of a [[node]] read and printed?
//
// The forms that only one row of the table of settings has, because such a key
// is about one node, or hangs on another one.
#pragma once

#include "replica/config/setting_form.h"

namespace quorate {

// In the order of Roles.
inline constexpr std::string_view kRoleNames[] = {"leader", "depsvc",
                                                  "acceptor", "executor"};
// The set of that role, counted as kRoleNames are.
ReplicaSet& RoleOf(Roles& roles, std::size_t role);

extern const SettingForm kNodeName;
extern const SettingForm kNodePeer;
extern const SettingForm kNodeClient;
extern const SettingForm kNodeListen;
extern const SettingForm kNodePeerListen;
extern const SettingForm kNodeClientListen;
extern const SettingForm kNodeDirectory;
extern const SettingForm kNodeSite;
extern const SettingForm kNodeRoles;
extern const SettingForm kNodeShard;
extern const SettingForm kNodeGroup;

}  // namespace quorate
