import Formats
import Testing

@testable import Aggregation

/// For each type values in ascending order, those on one line equal.
private let ordered: [(DataType, [[Value]])] = [
    (
        .bigint,
        [[.integer(.min)], [.integer(-1)], [.integer(0)], [.integer(256)], [.integer(.max)]]
    ),
    (
        .double,
        [
            [.double(-.infinity)], [.double(-1.5)], [.double(-1e-300)],
            [.double(-0.0), .double(0)],
            [.double(2)], [.double(.infinity)], [.double(.nan), .double(-.nan)],
        ]
    ),
    (
        .anyNumeric,
        [
            [.numeric(.negativeInfinity)], [.numeric(.finite(-1000, scale: 0))],
            [.numeric(.finite(-12, scale: 1))], [.numeric(.finite(-11, scale: 1))],
            [.numeric(.finite(-1, scale: 3))],
            [.numeric(.finite(0, scale: 5)), .numeric(.finite(0, scale: 0))],
            [.numeric(.finite(5, scale: 4))],
            [
                .numeric(.finite(10, scale: 1)), .numeric(.finite(1, scale: 0)),
                .numeric(.big(BigDecimal(isNegative: false, limbs: [1], scale: 0))),
            ],
            [.numeric(.finite(101, scale: 2))], [.numeric(.finite(10, scale: 0))],
            [.numeric(.finite(.max, scale: 0))],
            [.numeric(.big(BigDecimal(isNegative: false, limbs: [0, 0, 0, 0, 0, 1], scale: 0)))],
            [.numeric(.infinity)], [.numeric(.nan)],
        ]
    ),
    (
        .text,
        ["", "\0", "\0a", "a", "a\0", "aa", "aaaaaaaa", "aaaaaaaa\0", "aaaaaaaab", "b", "ä"]
            .map { [.text($0)] }
    ),
    (
        .bytea,
        [[.bytes([])], [.bytes([0])], [.bytes([0, 0])], [.bytes([0, 255])], [.bytes([255])]]
    ),
    (.boolean, [[.boolean(false)], [.boolean(true)]]),
    (
        .interval,
        [
            [.interval(Interval(months: -1))], [.interval(Interval())],
            [.interval(Interval(days: 30)), .interval(Interval(months: 1))],
            [.interval(Interval(months: 1, microseconds: 1))],
        ]
    ),
    (
        .array(.bigint),
        [
            [.array([])], [.array([.integer(1)])], [.array([.integer(1), .integer(2)])],
            [.array([.integer(1), .null])], [.array([.integer(2)])], [.array([.null])],
        ]
    ),
    (
        .record([Field("a", .bigint), Field("b", .text)]),
        [
            [.record([.integer(1), .text("x")])], [.record([.integer(1), .null])],
            [.record([.integer(2), .text("")])], [.record([.null, .text("")])],
        ]
    ),
]

@Suite struct RowsTests {
    @Test(arguments: ordered, [(false, false), (false, true), (true, false), (true, true)])
    func `the bytes of sort keys order as PostgreSQL orders the values`(
        _ sample: (DataType, [[Value]]), _ flags: (descends: Bool, nullsFirst: Bool)
    ) {
        let (type, classes) = sample
        let codec = SortKeyCodec([
            .init(type: type, isDescending: flags.descends, nullsFirst: flags.nullsFirst)
        ])
        var groups = flags.descends ? classes.reversed() : classes
        groups.insert([.null], at: flags.nullsFirst ? 0 : groups.count)
        let values = groups.flatMap(\.self)
        let ranks = groups.enumerated().flatMap { index, group in group.map { _ in index } }
        let column = Column.make(type, values)
        let keys = KeyBytes()
        codec.encode([column], count: values.count, into: keys, sizes: PlainVector())
        for i in values.indices {
            for j in values.indices {
                let order = compareBytes(keys.bytes(i), keys.bytes(j))
                #expect(
                    order.signum() == (ranks[i] - ranks[j]).signum(),
                    "\(values[i]) \(values[j])")
                if keys.prefix(i) != keys.prefix(j) {
                    #expect((keys.prefix(i) < keys.prefix(j)) == (order < 0))
                }
            }
        }
    }

    @Test func `rows come back from a store as they were put in, also after frees and compaction`()
        throws
    {
        let types = ordered.map(\.0) + [.timestamp]
        var random = SeededGenerator(7)
        let store = RowStore(types)
        var known: [Int32: [Value]] = [:]
        let ids = PlainVector<Int32>()
        for round in 0..<60 {
            let rows: [[Value]] = (0..<50).map { _ in
                types.enumerated().map { index, type in
                    if random.chance(20) { return .null }
                    if type == .timestamp { return .integer(Int64(random.below(1000))) }
                    if type == .text, random.chance(10) {
                        return .text(String(repeating: "x", count: random.below(90_000)))
                    }
                    let classes = ordered[index].1
                    let group = classes[random.below(classes.count)]
                    return group[random.below(group.count)]
                }
            }
            store.append(makeBatch(types, rows).columns, count: rows.count, ids: ids)
            for (index, row) in rows.enumerated() { known[ids[index]] = row }
            for id in known.keys.sorted() where random.chance(round > 40 ? 70 : 40) {
                store.free(id)
                known[id] = nil
            }
            store.compactIfSparse()
            #expect(store.liveCount == known.count)
        }
        func check(_ store: RowStore) {
            let list = Array(known.keys)
            let columns = store.decode(list + [-1])
            for (index, id) in list.enumerated() {
                let row = columns.map { $0.value(index) }
                #expect(row.map(bits) == known[id]?.map(bits))
            }
            #expect(columns.allSatisfy { $0.isNull(list.count) })
        }
        check(store)
        var state = OutputBuffer()
        store.write(&state)
        var bytes: [UInt8] = []
        state.bytes.withUnsafeBytes { bytes = Array($0) }
        let other = RowStore(types)
        var reader = StateReader(bytes)
        try other.read(&reader)
        check(other)
        other.append(makeBatch(types, [types.map { _ in .null }]).columns, count: 1, ids: ids)
        #expect(known[ids[0]] == nil)
    }

    /// A value as text that tells -0 from 0, 1.0 from 1.00 and NaN apart from itself no more.
    private func bits(_ value: Value) -> String { "\(value)" }

    @Test(arguments: [[DataType.bigint], [.text], [.bigint, .text]], [UInt64(1), 2, 3])
    func `a key table gives equal keys one slot, under insertions and removals`(
        _ types: [DataType], _ seed: UInt64
    ) throws {
        var random = SeededGenerator(seed)
        var table = KeyTable(types)
        var known: [[Value]: Int32] = [:]
        let slots = PlainVector<Int32>()
        for round in 0..<100 {
            let rows: [[Value]] = (0..<40).map { _ in
                types.map { type in
                    if random.chance(5) { return .null }
                    let number = random.below(300)
                    return type == .text
                        ? .text("key of some length \(number)") : .integer(Int64(number))
                }
            }
            let batch = makeBatch(types, rows)
            table.find(batch.columns, count: rows.count, into: slots)
            for (index, row) in rows.enumerated() { #expect(slots[index] == known[row] ?? -1) }
            table.insert(batch.columns, count: rows.count, into: slots)
            for (index, row) in rows.enumerated() {
                if let slot = known[row] {
                    #expect(slot == slots[index])
                } else {
                    #expect(!known.values.contains(slots[index]))
                    known[row] = slots[index]
                }
            }
            for (key, slot) in known where random.chance(30) {
                table.remove(slot)
                known[key] = nil
            }
            #expect(table.count == known.count)
            if round == 50 {
                var state = OutputBuffer()
                table.write(&state)
                var bytes: [UInt8] = []
                state.bytes.withUnsafeBytes { bytes = Array($0) }
                table = KeyTable(types)
                var reader = StateReader(bytes)
                try table.read(&reader)
            }
        }
    }
}

@Suite struct KeySorterTests {
    @Test(arguments: UInt64(1)...6)
    func `rows are sorted by keys of any length, equal ones as they came`(
        _ seed: UInt64
    ) throws {
        var random = SeededGenerator(seed)
        let types: [DataType] = seed % 2 == 0 ? [.bigint] : [.text]
        let sorter = RowSorter([.bigint], SortKeyCodec(types: types))
        var expected: [(key: String, number: Int)] = []
        for start in stride(from: 0, to: 3000, by: 500) {
            let keys = (0..<500).map { _ -> Value in
                if random.chance(5) { return .null }
                let number = random.below(random.chance(50) ? 40 : 100_000)
                if types == [.bigint] { return .int(number - 500) }
                return .text(
                    String(repeating: "a long beginning ", count: random.below(4)) + "\(number)")
            }
            for (index, key) in keys.enumerated() {
                let text: String
                switch key {
                case .text(let value): text = "0" + value
                case .integer(let value): text = "0" + "\(value + 2_000_000)"
                default: text = "1"
                }
                expected.append((text, start + index))
            }
            let rows = (start..<(start + 500)).map { [Value.int($0)] }
            sorter.add(makeBatch([.bigint], rows), [Column.make(types[0], keys)])
        }
        let sorted = try sorter.sortedRows()
        let column = sorter.store.decode((0..<sorted.count).map { sorted[$0] })[0]
        let numbers = expected.sorted {
            $0.key != $1.key ? $0.key < $1.key : $0.number < $1.number
        }.map { Value.int($0.number) }
        #expect(column.values == numbers)
    }
}

@Suite struct ExpiryQueueTests {
    @Test(arguments: UInt64(1)...8)
    func `rows leave by their times, in whatever order they came`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed)
        var queue = ExpiryQueue()
        var waiting: [Int32: Int64] = [:]
        var free = (0..<Int32(1_200)).reversed().map { $0 }
        for round in 0..<800 {
            for _ in 0..<random.below(4) {
                guard let row = free.popLast() else { continue }
                let late = random.chance(Int(seed) * 10) ? random.below(500) : 0
                let time = Int64(round * 10 - late)
                waiting[row] = time
                queue.add(row, time)
            }
            if random.chance(5), let row = waiting.keys.min() {
                queue.forget(row)
                waiting[row] = nil
            }
            let watermark = Int64(round * 10 - random.below(3_000))
            let inclusive = random.chance(50)
            let due = waiting.filter { $0.value < watermark || inclusive && $0.value == watermark }
            var left: [Int64] = []
            while let row = queue.next(below: watermark, inclusive: inclusive) {
                let time = waiting.removeValue(forKey: row)
                left.append(try #require(time))
                free.append(row)
            }
            #expect(left == due.values.sorted(), "seed \(seed), round \(round)")
            guard random.chance(2) else { continue }
            var state = OutputBuffer()
            queue.write(&state)
            var bytes: [UInt8] = []
            state.bytes.withUnsafeBytes { bytes = Array($0) }
            queue = ExpiryQueue()
            var reader = StateReader(bytes)
            try queue.read(&reader)
        }
    }
}
