// Writes that have become durable, or failed to.
extension GroupCoordinator {
    /// All records of a `write` action are durable. Call it in the order of the writes.
    public func written(_ id: GroupWriteID, now: Int64) -> [GroupAction] {
        begin(now)
        guard let write = effects.pending.removeValue(forKey: id) else { return [] }
        write.group?.pendingWrites -= 1
        for change in write.changes {
            change.group.apply(
                change.offset, to: change.partition, by: write.producer, &effects)
        }
        if let metadata = write.metadata { write.group?.keep(metadata, &effects) }
        if write.dropsMetadata { write.group?.keep(nil, &effects) }
        complete(write, error: nil)
        if let group = write.group { return end(group) }
        return effects.takeActions()
    }

    /// A `write` action could not be performed: nothing of it is true, and `error` is answered.
    public func writeFailed(
        _ id: GroupWriteID, error: GroupError, now: Int64
    ) -> [GroupAction] {
        begin(now)
        guard let write = effects.pending.removeValue(forKey: id) else { return [] }
        write.group?.pendingWrites -= 1
        write.group?.modern?.forgetWrite(of: write.records)
        complete(write, error: error)
        if let group = write.group { return end(group) }
        return effects.takeActions()
    }

    func complete(_ write: PendingWrite, error: GroupError?) {
        finish(write, write.completion, error)
        for follower in write.followers { finish(write, follower, error) }
    }

    private func finish(
        _ write: PendingWrite, _ completion: PendingWrite.Completion, _ error: GroupError?
    ) {
        switch completion {
        case .nothing: break
        case .assignment(let generation, let assignments):
            write.group?.assignmentWritten(generation, assignments, error: error, &effects)
        case .replacement(let token, let result):
            write.group?.replacementWritten(token, result, error: error, &effects)
        case .join(let token, let result):
            let answer = error.map { JoinResult(error: $0, memberID: result.memberID) }
            effects.actions.append(.answerJoin(token, answer ?? result))
        case .sync(let token, let result):
            effects.actions.append(
                .answerSync(token, error.map { SyncResult(error: $0) } ?? result))
        case .heartbeat(let token, let result):
            let answer = error.map {
                ConsumerHeartbeatResult(GroupRefusal($0), memberID: result.memberID)
            }
            effects.actions.append(.answerHeartbeat(token, answer ?? result))
        case .leave(let token, var result):
            // The member is out all the same; only its last record is missing.
            result.error = error
            effects.actions.append(.answerLeave(token, result))
        case .offsetCommit(let token, var result):
            if let error { result.fail(error) }
            effects.actions.append(.answerOffsetCommit(token, result))
        case .offsetDelete(let token, var result):
            if let error { result.fail(error) }
            effects.actions.append(.answerOffsetDelete(token, result))
        case .deletion(let token, let deleted, let answers):
            end(deletionOf: deleted, token, answers, error: error)
        }
    }

    private func end(
        deletionOf deleted: [Group], _ token: GroupToken?, _ answers: [GroupDeletion],
        error: GroupError?
    ) {
        for group in deleted {
            if error != nil {
                group.state = .empty
            } else if groups[group.id] === group {
                group.modern = nil
                effects.offsetCount -= group.offsets.count + group.openOffsetCount
                group.keep(nil, &effects)
                groups[group.id] = nil
            }
        }
        guard let token else { return }
        effects.actions.append(
            .answerDeleteGroups(
                token,
                answers.map { answer in
                    var answer = answer
                    answer.error = answer.error ?? error
                    return answer
                }))
    }

    /// The last word on an offset: of the writes that are under way, else the durable one.
    func pendingChanges(of group: Group) -> [OffsetChange] {
        guard group.pendingWrites > 0 else { return [] }
        return effects.pending.sorted { $0.key < $1.key }.flatMap { _, write in
            write.changes.filter { $0.group === group }
        }
    }
}
