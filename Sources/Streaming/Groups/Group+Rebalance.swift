// From one generation to the next: the join phase begins, waits and ends.
extension Group {
    /// Begins a rebalance, or goes on with the one that is under way.
    func rebalance(_ effects: inout Effects) {
        switch state {
        case .empty, .completingRebalance, .stable: prepareRebalance(&effects)
        case .preparingRebalance: completeJoinIfAllJoined(&effects)
        case .dead: break
        }
    }

    func prepareRebalance(_ effects: inout Effects) {
        pendingSyncs = []
        switch state {
        case .completingRebalance:
            spread(.rebalanceInProgress, &effects)
            fallthrough
        case .stable, .preparingRebalance, .dead:
            enter(.preparingRebalance(nil), &effects)
            guard !allMembersJoined else { return completeJoin(&effects) }
            armPhase(after: rebalanceTimeout, &effects)
        case .empty:
            let delay = effects.configuration.initialRebalanceDelayMilliseconds
            let initial = InitialDelay(delay: delay, remaining: max(0, rebalanceTimeout - delay))
            enter(.preparingRebalance(initial), &effects)
            guard delay > 0 else { return completeJoin(&effects) }
            armPhase(after: delay, &effects)
        }
    }

    /// Nothing to wait for any more; the first join phase lasts its time all the same.
    func completeJoinIfAllJoined(_ effects: inout Effects) {
        guard case .preparingRebalance(nil) = state, allMembersJoined else { return }
        completeJoin(&effects)
    }

    /// The join phase is over: who did not come is out, the others form the next generation.
    func completeJoin(_ effects: inout Effects) {
        phase.deadline = nil
        for member in orderedMembers where member.joinToken == nil && member.instanceID == nil {
            remove(member.id, &effects)
        }
        if !electJoinedLeader() && !members.isEmpty {
            // Only static members are left, and none of them has come: their sessions decide.
            armPhase(after: rebalanceTimeout, &effects)
            return
        }
        generation = generation == .max ? 1 : generation + 1
        guard !members.isEmpty else { return becomeEmpty(&effects) }
        protocolName = electProtocol()
        noteSubscriptions()
        enter(.completingRebalance(isAssigned: false), &effects)
        for member in orderedMembers {
            answerJoin(of: member, joined(member), &effects)
            effects.armSession(of: member, in: self)
            member.isNew = false
            pendingSyncs.insert(member.id)
        }
        armPhase(after: rebalanceTimeout, &effects)
    }

    private func becomeEmpty(_ effects: inout Effects) {
        protocolName = nil
        leader = nil
        noteSubscriptions()
        enter(.empty, &effects)
        effects.write(metadataWrite(metadata(assigning: [:]).bytes, then: .nothing))
    }

    /// A leader that did not come is replaced by the first that did. False if none did.
    private func electJoinedLeader() -> Bool {
        guard let leader, let current = members[leader] else { return false }
        if current.joinToken != nil { return true }
        guard let next = orderedMembers.first(where: { $0.joinToken != nil }) else { return false }
        self.leader = next.id
        return true
    }

    func armPhase(after milliseconds: Int64, _ effects: inout Effects) {
        effects.arm(&phase, after: milliseconds, .phase(group: id))
    }

    /// The join phase, or the wait for syncs, took too long.
    func phaseEnded(_ effects: inout Effects) {
        switch state {
        case .preparingRebalance(var initial?) where initial.memberAdded && initial.remaining > 0:
            let delay = min(
                effects.configuration.initialRebalanceDelayMilliseconds, initial.remaining)
            initial.remaining = max(0, initial.remaining - initial.delay)
            initial.delay = delay
            initial.memberAdded = false
            state = .preparingRebalance(initial)
            armPhase(after: delay, &effects)
        case .preparingRebalance:
            completeJoin(&effects)
        case .completingRebalance, .stable:
            guard !pendingSyncs.isEmpty else { return }
            for memberID in pendingSyncs.sorted() { remove(memberID, &effects) }
            prepareRebalance(&effects)
        case .empty, .dead: break
        }
    }

    /// A session, or the wait for a member that was given an id, is over.
    func sessionEnded(_ memberID: String, _ effects: inout Effects) {
        if pendingJoins[memberID] != nil {
            remove(memberID, &effects)
            completeJoinIfAllJoined(&effects)
        } else if let member = members[memberID], !member.outlivesItsSession {
            remove(memberID, &effects)
            rebalance(&effects)
        }
    }
}
