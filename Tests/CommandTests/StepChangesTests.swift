import Formats
import Platform
import Testing

@testable import rtd

@Suite struct StepChangesTests {
    private typealias Row = (key: Int64, value: Value, weight: Int64)

    private static func batch(_ rows: [Row]) -> Batch {
        let keys = ColumnBuilder(.bigint, capacity: rows.count)
        let values = ColumnBuilder(.numeric(precision: nil, scale: 0), capacity: rows.count)
        let weights = Buffer<Int64>(capacity: max(rows.count, 1))
        for (index, row) in rows.enumerated() {
            keys.append(.integer(row.key))
            values.append(row.value)
            weights[index] = row.weight
        }
        return Batch([keys.finish(), values.finish()], count: rows.count, weights: weights)
    }

    private static let forms: [Value] = [
        .numeric(.finite(10, scale: 1)), .numeric(.finite(100, scale: 2)),
        .numeric(.finite(2, scale: 0)),
    ]

    @Test func `changes of a step come to one for a key in whatever order they are`() throws {
        var random = SeededRandom(seed: 7)
        let values = StepChangesTests.forms
        for _ in 0..<300 {
            let changes = StepChanges(key: [0])
            var before: [Int64: Value] = [:]
            var rows: [Row] = []
            for key in 0..<3 as Range<Int64> where random.chance(1, in: 2) {
                before[key] = values[random.below(3)]
            }
            var after = before
            for _ in 0..<random.below(12) {
                let key = Int64(random.below(3))
                if let old = after.removeValue(forKey: key) { rows.append((key, old, -1)) }
                guard random.chance(2, in: 3) else { continue }
                let new = values[random.below(3)]
                after[key] = new
                rows.append((key, new, 1))
            }
            rows = random.shuffled(rows)
            let cut = random.below(rows.count + 1)
            changes.add(StepChangesTests.batch(Array(rows[..<cut])))
            changes.add(StepChangesTests.batch(Array(rows[cut...])))
            var standing = before
            var seen: Set<Int64> = []
            for change in changes.take() {
                let place = try #require(change.after ?? change.before)
                guard case .integer(let key) = place.batch.columns[0].value(place.row) else {
                    continue
                }
                #expect(seen.insert(key).inserted, "one change a key")
                let old = change.before.map { $0.batch.columns[1].value($0.row) }
                #expect(old?.form == standing[key]?.form)
                standing[key] = change.after.map { $0.batch.columns[1].value($0.row) }
            }
            #expect(standing.mapValues(\.form) == after.mapValues(\.form))
        }
    }

    @Test func `a key that is written in another way is another one`() {
        let changes = StepChanges(key: [1])
        let values = StepChangesTests.forms
        changes.add(StepChangesTests.batch([(1, values[0], -1), (1, values[1], 1)]))
        #expect(changes.take().map(\.operation) == ["d", "c"])
    }
}
