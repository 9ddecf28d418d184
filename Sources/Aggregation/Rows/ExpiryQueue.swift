import Formats

/// Rows by the time at which they are freed: a binary heap. A row that went before its time leaves
/// its entry behind, which is passed over.
@safe final class ExpiryQueue {
    private struct Entry: BitwiseCopyable {
        var time: Int64
        var row: Int32
    }
    private let heap = PlainVector<Entry>()
    /// Per row, what it waits for.
    private let times = PlainVector<Int64>()

    var memory: Int { heap.memory + times.memory }

    func add(_ row: Int32, _ time: Int64) {
        times.resize(to: max(times.count, Int(row) + 1), filling: Watermark.none)
        times[Int(row)] = time
        heap.append(Entry(time: time, row: row))
        var index = heap.count - 1
        let base = unsafe heap.base
        while index > 0 {
            let parent = (index - 1) / 2
            if unsafe base[parent].time <= time { break }
            unsafe base[index] = unsafe base[parent]
            index = parent
        }
        unsafe base[index] = Entry(time: time, row: row)
    }

    /// A row whose time lies below the watermark (or with `inclusive` at it); nil: none is left.
    func next(below watermark: Int64, inclusive: Bool = false) -> Int32? {
        while heap.count > 0, heap[0].time < watermark || inclusive && heap[0].time == watermark {
            let first = heap[0]
            removeFirst()
            if times[Int(first.row)] == first.time { return first.row }
        }
        return nil
    }

    /// The row waits for nothing any more.
    func forget(_ row: Int32) {
        if Int(row) < times.count { times[Int(row)] = Watermark.end }
    }

    private func removeFirst() {
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
        times.write(&state)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        try heap.read(&state)
        try times.read(&state)
    }

    func removeAll() {
        heap.removeAll()
        times.removeAll()
    }
}
