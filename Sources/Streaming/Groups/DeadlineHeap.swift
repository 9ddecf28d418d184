/// A binary heap of deadlines, earliest first.
///
/// Deadlines move all the time (each heartbeat) and are seldom reached, so they are not moved
/// here: an `Alarm` remembers the true deadline, and an entry that comes up too early is put back.
struct DeadlineHeap<Owner> {
    struct Entry {
        var deadline: Int64
        var owner: Owner
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }
    var first: Entry? { entries.first }

    mutating func push(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].deadline < entries[parent].deadline else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> Entry? {
        guard let last = entries.popLast() else { return nil }
        guard let first = entries.first else { return last }
        entries[0] = last
        siftDown(from: 0)
        return first
    }

    /// Keeps what `isLive` accepts.
    mutating func filter(_ isLive: (Entry) -> Bool) {
        entries = entries.filter(isLive)
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) {
            siftDown(from: index)
        }
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].deadline < entries[child].deadline {
                child += 1
            }
            guard entries[child].deadline < entries[parent].deadline else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}

/// When something is due, kept by its owner; at most one live heap entry stands for it.
struct Alarm {
    /// Nil while nothing is due.
    var deadline: Int64?
    /// The deadline of the heap entry that stands for this alarm; never later than `deadline`.
    var armed: Int64?
}

/// Whose alarm a heap entry is.
enum AlarmOwner {
    /// A member's session, or the wait for one that was given an id.
    case session(group: String, member: String)
    /// The end of a group's join phase, or of its wait for syncs: never both.
    case phase(group: String)
    /// The session of a member that the server shares out for.
    case memberSession(group: String, member: String)
    /// Its time to give up partitions, to join or to sync.
    case memberRebalance(group: String, member: String)
}
