// Who may commit and read offsets: members by their epochs, others while nobody is there.
extension ConsumerGroup {
    /// What there is against a commit; inside a transaction (TxnOffsetCommit) clients need not say
    /// who they are, and do not know of epochs.
    func faultOfCommit(_ identity: MemberIdentity, isTransactional: Bool) -> GroupError? {
        if kind == .share { return .groupIDNotFound }
        if identity.generation < 0, members.isEmpty { return nil }
        if isTransactional, identity.generation == -1, identity.memberID.isEmpty,
            identity.instanceID == nil
        {
            return nil
        }
        guard let member = members[identity.memberID] else { return .unknownMemberID }
        if member.classic == nil, !isTransactional, !identity.knowsEpochs {
            return .unsupportedVersion
        }
        guard identity.generation != member.epoch else { return nil }
        return member.classic != nil || isTransactional ? .illegalGeneration : .staleMemberEpoch
    }

    /// What there is against an OffsetFetch of version 9 or later that names a member.
    func faultOfFetch(_ memberID: String?, _ epoch: Int32) -> GroupError? {
        if memberID == nil, epoch < 0 { return nil }
        guard let member = members[memberID ?? ""] else { return .unknownMemberID }
        guard epoch != member.epoch else { return nil }
        return member.classic == nil ? .staleMemberEpoch : .illegalGeneration
    }
}
