import Formats
import Testing

@testable import Query

private func columns(_ rows: [(Int64, String?)]) -> [Column] {
    [
        Column.make(.bigint, rows.map { .integer($0.0) }),
        Column.make(.text, rows.map { row in row.1.map { .text($0) } ?? .null }),
    ]
}

private func all(_ rows: inout CurrentRows) -> [[Value]] {
    rows.take().flatMap { batch in (0..<batch.count).map { batch.row($0) } }
}

private func sorted(_ rows: [[Value]]) -> [String] { rows.map { "\($0)" }.sorted() }

@Test(arguments: [1, 7, 2026])
func `the rows that stand are the last of each key, whatever came before`(seed: UInt64) {
    var random = Generator(state: seed)
    var rows = CurrentRows([.bigint, .text], partitionCount: 1)
    var expected: [Int64: [Value]] = [:]
    for number in 0..<80_000 {
        let key = Int64(random.next() % 500)
        if random.next() % 5 == 0 {
            rows.remove(.integer(key), partition: 0)
            expected[key] = nil
        } else {
            let text = "value \(number) that is longer than a view holds"
            rows.put(.integer(key), columns([(key, text)]), 0, partition: 0)
            expected[key] = [.integer(key), .text(text)]
        }
        if number == 60_000 {
            rows.removeAll(partition: 0)
            expected = [:]
        }
    }
    #expect(rows.count == expected.count)
    let found = all(&rows)
    #expect(sorted(found) == sorted(Array(expected.values)))
    #expect(rows.count == 0)
}

@Test func `a value that a change leaves out stays, under another key too`() {
    var rows = CurrentRows([.bigint, .text], partitionCount: 1)
    rows.put(.integer(1), columns([(1, "large")]), 0, partition: 0)
    rows.put(.integer(1), columns([(2, nil)]), 0, partition: 0, keeping: [1])
    rows.put(.integer(5), columns([(5, "other")]), 0, partition: 0)
    rows.remove(.integer(1), partition: 0)
    rows.remove(.integer(1), partition: 0)
    rows.put(.integer(9), columns([(9, nil)]), 0, partition: 0, keeping: [1], mayHaveMoved: true)
    rows.put(.integer(8), columns([(8, nil)]), 0, partition: 0, keeping: [1], mayHaveMoved: true)
    // A change of a row that is not known has nothing to do with the one that was deleted.
    rows.put(.integer(2), columns([(2, "secret")]), 0, partition: 0)
    rows.remove(.integer(2), partition: 0)
    rows.put(.integer(3), columns([(3, nil)]), 0, partition: 0, keeping: [1])
    rows.put(.integer(2), columns([(2, "secret")]), 0, partition: 0)
    rows.remove(.integer(2), partition: 0)
    rows.remove(.integer(77), partition: 0)
    rows.put(.integer(4), columns([(4, nil)]), 0, partition: 0, keeping: [1], mayHaveMoved: true)
    #expect(rows.incomplete == 3)
    let found = all(&rows)
    #expect(
        sorted(found)
            == sorted([
                [.integer(5), .text("other")], [.integer(9), .text("large")], [.integer(8), .null],
                [.integer(3), .null], [.integer(4), .null],
            ]))
}

@Test func `rows without a key are as many as were put, and a truncate is its partition's`() {
    var rows = CurrentRows([.bigint, .text], partitionCount: 2)
    for _ in 0..<3 { rows.put(nil, columns([(1, "a")]), 0, partition: 0) }
    rows.put(.integer(7), columns([(7, "b")]), 0, partition: 1)
    let isThere = rows.remove(equalTo: [.integer(1), .text("a")])
    let isNotThere = rows.remove(equalTo: [.integer(1), .text("b")])
    #expect(isThere && !isNotThere)
    rows.put(nil, columns([(1, "b")]), 0, partition: 0)
    let isThereNow = rows.remove(equalTo: [.integer(1), .text("b")])
    #expect(isThereNow)
    #expect(rows.count == 3)
    rows.removeAll(partition: 0)
    let found = all(&rows)
    #expect(sorted(found) == sorted([[.integer(7), .text("b")]]))
}

/// Numbers from a seed.
private struct Generator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}

@Test func `memory is that of the rows that stand, about`() {
    var rows = CurrentRows([.bigint, .text], partitionCount: 1)
    let text = String(repeating: "x", count: 100)
    for key in 0..<20_000 {
        rows.put(.integer(Int64(key)), columns([(Int64(key), text)]), 0, partition: 0)
    }
    let full = rows.memory
    #expect(full > 2_000_000 && full < 6_000_000, "\(full)")
    rows.removeAll(partition: 0)
    #expect(rows.memory < 10_000, "\(rows.memory)")
}
