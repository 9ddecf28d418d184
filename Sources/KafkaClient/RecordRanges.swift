/// Which records of a batch that was handed over another one holds, in order.
struct RecordRanges: Sendable, Equatable {
    private(set) var ranges: [Range<Int>]
    private(set) var count: Int

    init(_ range: Range<Int>) {
        ranges = range.isEmpty ? [] : [range]
        count = range.count
    }

    private init(_ ranges: [Range<Int>]) {
        self.ranges = ranges
        count = ranges.reduce(0) { $0 + $1.count }
    }

    /// The number of the first one; 0 without any.
    var first: Int { ranges.first?.lowerBound ?? 0 }

    /// The first `count`, and the others.
    func cut(at count: Int) -> (RecordRanges, RecordRanges) {
        var head: [Range<Int>] = []
        var tail: [Range<Int>] = []
        var left = count
        for range in ranges {
            let middle = range.lowerBound + min(max(0, left), range.count)
            left -= range.count
            if middle > range.lowerBound { head.append(range.lowerBound..<middle) }
            if middle < range.upperBound { tail.append(middle..<range.upperBound) }
        }
        return (RecordRanges(head), RecordRanges(tail))
    }

    /// Takes out those at `places`, ascending, counted from 0 among these.
    mutating func remove(at places: [Int]) {
        var kept: [Range<Int>] = []
        var left = places[...]
        var index = 0
        for range in ranges {
            var start = range.lowerBound
            while let place = left.first, place - index < range.count {
                let record = range.lowerBound + place - index
                if record > start { kept.append(start..<record) }
                start = record + 1
                left.removeFirst()
            }
            if start < range.upperBound { kept.append(start..<range.upperBound) }
            index += range.count
        }
        self = RecordRanges(kept)
    }

    /// The number of the one at `place` among these.
    subscript(place: Int) -> Int {
        var left = place
        for range in ranges {
            if left < range.count { return range.lowerBound + left }
            left -= range.count
        }
        preconditionFailure("a place is below the count")
    }
}
