/// Leads one member towards its target: first it gives up, then it gets (KIP-848). What another
/// member holds is never given, so no partition has two owners.
struct Reconciliation {
    let group: ConsumerGroup
    let target: TopicShares
    let targetEpoch: Int32
    /// What the member says it has; nil if it did not say.
    let owned: TopicShares?

    init(_ group: ConsumerGroup, of member: ConsumerMember, owned: TopicShares?) {
        self.group = group
        target = group.target[member.id] ?? TopicShares()
        targetEpoch = group.targetEpoch
        self.owned = owned
    }

    /// The member as it is after this heartbeat.
    func next(_ member: ConsumerMember) -> ConsumerMember {
        switch member.state {
        case .stable:
            if member.epoch == targetEpoch { return member }
            return step(member, epoch: member.epoch)
        case .unrevoked:
            if ownsAny(of: member.pendingRevocation) { return member }
            return step(member, epoch: member.epoch + 1)
        case .unreleased:
            return step(member, epoch: member.epoch)
        }
    }

    private func ownsAny(of shares: TopicShares) -> Bool {
        guard let owned else { return true }
        return owned.intersects(shares)
    }

    private func step(_ member: ConsumerMember, epoch: Int32) -> ConsumerMember {
        let kept = member.assigned.intersection(target)
        let revoked = member.assigned.subtracting(kept)
        let wanted = target.subtracting(kept)
        let free = wanted.filter { group.isFree($0, $1, for: member.id) }
        var next = member
        guard revoked.isEmpty || !ownsAny(of: revoked) else {
            next.state = .unrevoked
            if member.epoch != epoch { next.advance(to: epoch) }
            next.assigned = kept
            next.pendingRevocation = revoked
            return next
        }
        next.state = free.count < wanted.count ? .unreleased : .stable
        // Else the epoch before stays: a client that missed the last answer comes with it.
        if member.epoch != targetEpoch { next.advance(to: targetEpoch) }
        next.assigned = kept.union(free)
        next.pendingRevocation = TopicShares()
        return next
    }
}
