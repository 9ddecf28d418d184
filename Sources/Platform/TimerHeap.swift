/// Timers ordered by deadline: a binary heap, with cancelled ones skipped when they come up.
struct TimerHeap {
    private struct Entry {
        var deadline: Int64
        var id: UInt64
    }

    private var heap: [Entry] = []
    private var jobs: [UInt64: @Sendable () -> Void] = [:]
    private var lastID: UInt64 = 0

    /// Monotonic nanoseconds of the next timer that was not cancelled.
    var nextDeadline: Int64? {
        mutating get {
            while let first = heap.first, jobs[first.id] == nil { removeFirst() }
            return heap.first?.deadline
        }
    }

    mutating func add(deadline: Int64, _ job: @escaping @Sendable () -> Void) -> TimerID {
        lastID += 1
        jobs[lastID] = job
        heap.append(Entry(deadline: deadline, id: lastID))
        siftUp(heap.count - 1)
        return TimerID(value: lastID)
    }

    mutating func cancel(_ timer: TimerID) {
        jobs[timer.value] = nil
        // Long timers that are cancelled all the time must not pile up.
        if heap.count > 64 && heap.count > 4 * jobs.count { rebuild() }
    }

    /// The job of the next timer that is due at `now`, removed.
    mutating func popDue(_ now: Int64) -> (@Sendable () -> Void)? {
        guard let deadline = nextDeadline, deadline <= now, let first = heap.first else {
            return nil
        }
        removeFirst()
        return jobs.removeValue(forKey: first.id)
    }

    private mutating func rebuild() {
        heap.removeAll { jobs[$0.id] == nil }
        heap.sort { $0.deadline < $1.deadline }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, before(child + 1, child) { child += 1 }
            guard before(child, parent) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard before(child, parent) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private func before(_ a: Int, _ b: Int) -> Bool {
        (heap[a].deadline, heap[a].id) < (heap[b].deadline, heap[b].id)
    }
}
