import Formats

/// Rows by the time at which they are freed. Times mostly ascend: those that do wait in a queue,
/// the others in a binary heap. A row that went before its time leaves its entry behind, which is
/// passed over.
@safe final class ExpiryQueue {
    private struct Entry: BitwiseCopyable {
        var time: Int64
        var row: Int32
    }
    private let heap = PlainVector<Entry>()
    private var queue = PlainVector<Entry>()
    /// The first entry of the queue that has not been taken.
    private var head = 0
    /// Per row, what it waits for.
    private let times = PlainVector<Int64>()

    var memory: Int { heap.memory + queue.memory + times.memory }

    func add(_ row: Int32, _ time: Int64) {
        times.resize(to: max(times.count, Int(row) + 1), filling: Watermark.none)
        times[Int(row)] = time
        let entry = Entry(time: time, row: row)
        if queue.count == head || queue[queue.count - 1].time <= time {
            append(entry)
        } else {
            push(entry)
        }
    }

    private func append(_ entry: Entry) {
        // What was taken goes once it is the larger part.
        if head > 1024, head * 2 > queue.count {
            queue = waiting
            head = 0
        }
        queue.append(entry)
    }

    private var waiting: PlainVector<Entry> {
        let rest = PlainVector<Entry>(capacity: (queue.count - head) * 2)
        for index in head..<queue.count { rest.append(queue[index]) }
        return rest
    }

    private func push(_ entry: Entry) {
        heap.append(entry)
        var index = heap.count - 1
        let base = unsafe heap.base
        while index > 0 {
            let parent = (index - 1) / 2
            if unsafe base[parent].time <= entry.time { break }
            unsafe base[index] = unsafe base[parent]
            index = parent
        }
        unsafe base[index] = entry
    }

    /// A row whose time lies below the watermark (or with `inclusive` at it); nil: none is left.
    func next(below watermark: Int64, inclusive: Bool = false) -> Int32? {
        while let first, first.time < watermark || inclusive && first.time == watermark {
            removeFirst()
            if times[Int(first.row)] == first.time { return first.row }
        }
        return nil
    }

    /// The row waits for nothing any more.
    func forget(_ row: Int32) {
        if Int(row) < times.count { times[Int(row)] = Watermark.end }
    }

    /// The least time that a row waits for; nil: none waits.
    var least: Int64? {
        while let first {
            if times[Int(first.row)] == first.time { return first.time }
            removeFirst()
        }
        return nil
    }

    private var isHeapFirst: Bool {
        heap.count > 0 && (head == queue.count || heap[0].time < queue[head].time)
    }

    private var first: Entry? {
        if isHeapFirst { return heap[0] }
        return head < queue.count ? queue[head] : nil
    }

    private func removeFirst() {
        guard isHeapFirst else {
            head += 1
            return
        }
        let last = heap.removeLast()
        let count = heap.count
        guard count > 0 else { return }
        let base = unsafe heap.base
        var index = 0
        while true {
            var child = index * 2 + 1
            if child >= count { break }
            if child + 1 < count, unsafe base[child + 1].time < base[child].time { child += 1 }
            if unsafe base[child].time >= last.time { break }
            unsafe base[index] = unsafe base[child]
            index = child
        }
        unsafe base[index] = last
    }

    func write(_ state: inout OutputBuffer) {
        heap.write(&state)
        waiting.write(&state)
        times.write(&state)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        head = 0
        try heap.read(&state)
        try queue.read(&state)
        try times.read(&state)
    }

    func removeAll() {
        heap.removeAll()
        queue.removeAll()
        head = 0
        times.removeAll()
    }
}
