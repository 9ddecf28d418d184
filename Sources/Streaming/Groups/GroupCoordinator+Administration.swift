// What administrators ask for: describe, list, delete; and the clean-up nobody asks for.
extension GroupCoordinator {
    /// One group of a DescribeGroups request.
    public func description(of groupID: String) -> GroupDescription {
        // Groups of the other protocols have a request of their own, and are none here.
        guard let group = groups[groupID], group.modern == nil else {
            return GroupDescription(groupID: groupID, error: .groupIDNotFound, state: .dead)
        }
        var description = GroupDescription(groupID: groupID, state: group.publicState)
        description.protocolType = group.protocolType ?? ""
        let chosen = group.publicState == .stable ? group.protocolName : nil
        description.protocolName = chosen ?? ""
        description.members = group.orderedMembers.map { member in
            .init(
                memberID: member.id, instanceID: member.instanceID, clientID: member.clientID,
                clientHost: member.clientHost,
                metadata: chosen == nil ? [] : member.metadata(for: chosen),
                assignment: member.assignment)
        }
        return description
    }

    /// A ListGroups request; empty filters let everything through, upper and lower case are alike.
    public func listing(states: [String] = [], types: [String] = []) -> [GroupListing] {
        let types = Set(types.map { $0.lowercased() })
        let states = Set(states.map { $0.lowercased() })
        return groups.values.compactMap { group in
            let state = group.publicState
            guard states.isEmpty || states.contains(state.rawValue.lowercased()),
                types.isEmpty || types.contains(group.typeName)
            else { return nil }
            return GroupListing(
                groupID: group.id,
                protocolType: group.modern == nil ? group.protocolType ?? "" : group.typeName,
                state: state, type: group.typeName)
        }.sorted { $0.groupID < $1.groupID }
    }

    /// A DeleteGroups request; answered when the tombstones are durable.
    public func groupsDeleted(
        _ groupIDs: [String], token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        var doomed: [Group] = []
        let answers = groupIDs.map { groupID in
            var answer = GroupDeletion(groupID: groupID, error: nil)
            // The empty group id can have offsets, so it can be deleted.
            if let group = groups[groupID] {
                answer.error = group.faultOfDeletion
                if answer.error == nil {
                    condemn(group)
                    doomed.append(group)
                }
            } else {
                answer.error = groupID.isEmpty ? .invalidGroupID : .groupIDNotFound
            }
            return answer
        }
        guard !doomed.isEmpty else { return [.answerDeleteGroups(token, answers)] }
        bury(doomed, .deletion(token, doomed, answers))
        return effects.takeActions()
    }

    /// No more joins and commits; they are told to look for the coordinator again.
    private func condemn(_ group: Group) {
        for memberID in group.pendingJoins.keys { group.remove(memberID, &effects) }
        group.state = .dead
    }

    /// Tombstones for all that the groups have written.
    private func bury(_ doomed: [Group], _ completion: PendingWrite.Completion) {
        var records: [GroupRecord] = []
        for group in doomed {
            for gone in existingOffsets(of: group).sorted() {
                records.append(OffsetChange(group: group, gone, nil).record)
            }
            if let modern = group.modern { records += modern.tombstones(group.id) }
            if group.persisted != nil || group.pendingWrites > 0 {
                records.append(
                    GroupRecord(key: OffsetRecordKey.group(group.id).bytes, value: nil))
            }
        }
        let write = PendingWrite(records: records, completion: completion)
        // Groups that never wrote anything need no tombstone.
        if records.isEmpty { complete(write, error: nil) } else { effects.write(write) }
    }

    /// Offsets that nobody needs any more, and the empty groups that they leave behind.
    func expireOffsets() {
        for group in groups.values.sorted(by: { $0.id < $1.id }) {
            if group.isVacant {
                groups[group.id] = nil
                continue
            }
            // As in Kafka a share group is kept until somebody deletes it.
            if group.modern?.kind == .share { continue }
            let expired = group.expiredOffsets(effects)
            if case .empty = group.state, group.modern?.members.isEmpty ?? true,
                expired.count == group.offsets.count,
                group.pendingWrites == 0, group.pendingJoins.isEmpty,
                group.openTransactions.isEmpty
            {
                condemn(group)
                bury([group], .deletion(nil, [group], []))
            } else if !expired.isEmpty {
                effects.write(
                    PendingWrite(
                        records: expired.map(\.record), group: group, changes: expired,
                        completion: .nothing))
            }
        }
    }
}

extension Group {
    /// Kafka's name for the kind of group.
    var typeName: String {
        switch modern?.kind {
        case nil: "classic"
        case .consumer: "consumer"
        case .share: "share"
        }
    }
}
