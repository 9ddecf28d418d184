import Bytes

// What of the group is in the offsets topic: a record for each epoch and for each member three.
extension ConsumerGroup {
    /// The records of what has changed since they were taken last.
    func takeRecords(_ groupID: String) -> [GroupRecord] {
        let changed = unwritten
        unwritten = Unwritten()
        return records(groupID, changed)
    }

    /// All that the log has to say of the group.
    func allRecords(_ groupID: String) -> [GroupRecord] {
        records(groupID, everything).filter { $0.value != nil }
    }

    /// What takes the group out of the log.
    func tombstones(_ groupID: String) -> [GroupRecord] {
        records(groupID, everything).map { GroupRecord(key: $0.key, value: nil) }
    }

    /// After a write that failed the next one says what it said.
    func forgetWrite(of records: [GroupRecord]) {
        for record in records {
            guard let key = try? ConsumerRecordKey.decode(record.key), key.kind == kind
            else { continue }
            switch key.what {
            case .epoch: unwritten.epoch = true
            case .targetEpoch: unwritten.targetEpoch = true
            case .member(let id): unwritten.members.insert(id)
            case .target(let id): unwritten.targets.insert(id)
            case .assignment(let id): unwritten.assignments.insert(id)
            }
        }
    }

    private var everything: Unwritten {
        let ids = Set(members.keys)
        return Unwritten(
            epoch: true, targetEpoch: true, members: ids, assignments: ids,
            targets: ids.union(target.keys))
    }

    private func records(_ groupID: String, _ what: Unwritten) -> [GroupRecord] {
        var records: [GroupRecord] = []
        func add(_ key: ConsumerRecordKey.What, _ value: [UInt8]?) {
            let key = ConsumerRecordKey(kind: kind, group: groupID, what: key)
            records.append(GroupRecord(key: key.bytes, value: value))
        }
        // A member's record goes before what it was assigned, the epochs before both.
        if what.epoch { add(.epoch, ConsumerRecord.epoch(epoch, topicsHash: topicsHash)) }
        for memberID in what.members.sorted() {
            add(.member(memberID), members[memberID].map { ConsumerRecord.member($0, kind) })
        }
        for memberID in what.targets.sorted() {
            add(.target(memberID), target[memberID].map(ConsumerRecord.target))
        }
        if what.targetEpoch { add(.targetEpoch, ConsumerRecord.targetEpoch(targetEpoch)) }
        for memberID in what.assignments.sorted() {
            add(
                .assignment(memberID), members[memberID].map { ConsumerRecord.assignment($0, kind) }
            )
        }
        return records
    }

    /// Replays a record.
    func load(_ what: ConsumerRecordKey.What, _ value: [UInt8]?) throws(MalformedBytes) {
        switch what {
        case .epoch:
            if let value {
                let (epoch, hash) = try ConsumerRecord.decodeEpoch(value)
                setEpoch(epoch, topicsHash: hash)
            }
        case .targetEpoch:
            if let value { setTargetEpoch(try ConsumerRecord.decodeTargetEpoch(value)) }
        case .member(let id):
            guard let value else {
                remove(id)
                break
            }
            put(try ConsumerRecord.decodeMember(value, over: members[id], id, kind))
        case .target(let id):
            if let value {
                setTarget(try ConsumerRecord.decodeTarget(value), of: id)
            } else {
                dropTarget(of: id)
            }
        case .assignment(let id):
            // Its tombstone goes with the member's.
            guard let value, let member = members[id] else { break }
            put(try ConsumerRecord.decodeAssignment(value, over: member, kind))
        }
        unwritten = Unwritten()
    }
}
