// Answers: what does a setting mean, in words equal when the meaning is?
//
// For the settings that a cluster agrees on. A default and the number that it
// stands for, or two ways to write one quorum system, give one text; nullopt is
// a setting that the protocol has no use for. Pure.
#pragma once

#include <optional>
#include <string>

#include "replica/config/config.h"

namespace quorate::meaning {

using Value = std::optional<std::string>;

Value Id(const ClusterConfig& config);
Value ProtocolName(const ClusterConfig& config);
Value Members(const ClusterConfig& config);
Value DurabilityName(const ClusterConfig& config);
Value FastPath(const ClusterConfig& config);
Value Faults(const ClusterConfig& config);
Value FastFaults(const ClusterConfig& config);
Value LazyFastCommit(const ClusterConfig& config);
Value Conflicts(const ClusterConfig& config);
Value LeavesOut(const ClusterConfig& config);
Value Phase1(const ClusterConfig& config);
Value Phase2(const ClusterConfig& config);
Value Dependencies(const ClusterConfig& config);
Value RolesText(const ClusterConfig& config);
Value Shards(const ClusterConfig& config);
Value Groups(const ClusterConfig& config);
Value ResultBytes(const ClusterConfig& config);
Value KeptResultBytes(const ClusterConfig& config);
Value Limits(const ClusterConfig& config);
Value ConflictTable(const ClusterConfig& config);

}  // namespace quorate::meaning
