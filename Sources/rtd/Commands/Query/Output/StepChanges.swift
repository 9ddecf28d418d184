import Formats

/// A change of a result, with the rows that it takes away and puts there.
struct ResultChange {
    struct Place {
        var batch: Batch
        var row: Int
    }

    var before: Place?
    var after: Place?

    /// Debezium's letters.
    var operation: String {
        if after == nil { return "d" }
        return before == nil ? "c" : "u"
    }
}

/// Gathers the changes of a step. Under a known key they are what the step comes to: a row that
/// comes and goes again is none, and one that is taken away and one that comes are one update,
/// which stands where the new row does.
final class StepChanges {
    private let key: [Int]?
    private var batches: [Batch] = []

    init(key: [Int]?) { self.key = key }

    func add(_ batch: Batch) { batches.append(batch) }

    /// The step's changes; nothing is held afterwards.
    func take() -> [ResultChange] {
        defer { batches = [] }
        guard let key, batches.contains(where: { $0.weights != nil }) else {
            var changes: [ResultChange] = []
            for batch in batches {
                for row in 0..<batch.count {
                    let place = ResultChange.Place(batch: batch, row: row)
                    changes.append(place, weight: batch.weight(row))
                }
            }
            return changes
        }
        var net = NetChanges(key)
        for batch in batches { net.add(batch) }
        return net.take()
    }

    /// The step's changes as rows with `_op` before them.
    func takeLines() -> [Batch] {
        if batches.allSatisfy({ $0.weights == nil }) {
            defer { batches = [] }
            return batches.map { batch in
                let op = Column.constant(.text("c"), .text, count: batch.count)
                return Batch([op] + batch.columns, count: batch.count)
            }
        }
        var lines: [Batch] = []
        var source: Batch?
        var rows: [Int32] = []
        var ops = ColumnBuilder(.text, capacity: 64)
        func end() {
            guard let batch = source, !rows.isEmpty else { return }
            let picked = batch.gather(rows)
            lines.append(Batch([ops.finish()] + picked.columns, count: picked.count))
            rows = []
            ops = ColumnBuilder(.text, capacity: 64)
        }
        for change in take() {
            guard let place = change.after ?? change.before else { continue }
            if place.batch !== source {
                end()
                source = place.batch
            }
            rows.append(Int32(place.row))
            ops.append(text: change.operation)
        }
        end()
        return lines
    }
}

extension [ResultChange] {
    fileprivate mutating func append(_ place: ResultChange.Place, weight: Int64) {
        for _ in 0..<weight.magnitude {
            append(weight < 0 ? ResultChange(before: place) : ResultChange(after: place))
        }
    }
}

/// What the rows of a step come to for each key. They come in any order: a row may stand before
/// the one that it replaces, and behind it be replaced itself.
private struct NetChanges {
    private struct Entry {
        var place: ResultChange.Place
        /// What is left of it.
        var weight: Int64
        /// The entry of the same key before it that is still open; -1: none.
        var previous: Int
        /// The entry whose row it replaces.
        var replaced = -1
    }

    private let key: [Int]
    private var entries: [Entry] = []
    /// The last open entry of each key; -1: none.
    private var last: [[Value]: Int] = [:]

    init(_ key: [Int]) { self.key = key }

    mutating func add(_ batch: Batch) {
        entries.reserveCapacity(entries.count + batch.count)
        for row in 0..<batch.count {
            let values = key.map { batch.columns[$0].value(row) }
            let place = ResultChange.Place(batch: batch, row: row)
            let newest = last[values] ?? -1
            var chain = newest
            let rest = cancel(place, batch.weight(row), &chain)
            if rest != 0 {
                entries.append(Entry(place: place, weight: rest, previous: chain))
                chain = entries.count - 1
            }
            if chain != newest { last[values] = chain }
        }
    }

    /// Takes a row off the open ones of its key that are the same with the other sign; `chain` is
    /// the last of these. Gives what is left of its weight.
    private mutating func cancel(
        _ place: ResultChange.Place, _ weight: Int64, _ chain: inout Int
    ) -> Int64 {
        var rest = weight
        var index = chain
        var behind = -1
        while index >= 0, rest != 0 {
            let entry = entries[index]
            if (entry.weight < 0) != (rest < 0), isSame(entry.place, place) {
                let sum = entry.weight + rest
                let isGone = sum == 0 || (sum < 0) == (rest < 0)
                entries[index].weight = isGone ? 0 : sum
                rest = isGone ? sum : 0
                if isGone {
                    if behind < 0 {
                        chain = entry.previous
                    } else {
                        entries[behind].previous = entry.previous
                    }
                    index = entry.previous
                    continue
                }
            }
            behind = index
            index = entry.previous
        }
        return rest
    }

    /// The same row to the last digit: an update from 1.0 to 1.00 is one.
    private func isSame(_ a: ResultChange.Place, _ b: ResultChange.Place) -> Bool {
        // Most rows differ in a value, and those are told apart sooner than forms.
        zip(a.batch.columns, b.batch.columns).allSatisfy { $0.value(a.row) == $1.value(b.row) }
            && zip(a.batch.columns, b.batch.columns).allSatisfy {
                $0.value(a.row).form == $1.value(b.row).form
            }
    }

    /// The changes, each where its row came.
    mutating func take() -> [ResultChange] {
        for newest in last.values { pair(newest) }
        var changes: [ResultChange] = []
        for entry in entries where entry.weight != 0 || entry.replaced >= 0 {
            if entry.replaced >= 0 {
                let old = entries[entry.replaced].place
                changes.append(ResultChange(before: old, after: entry.place))
            }
            changes.append(entry.place, weight: entry.weight)
        }
        return changes
    }

    /// Makes one update of a row of a key that is taken away and one that comes. A key that is
    /// written in another way (1.0 and 1.00) is another one where it is text.
    private mutating func pair(_ newest: Int) {
        var (gone, come, index) = (-1, -1, newest)
        while index >= 0 {
            if entries[index].weight < 0 {
                if gone < 0 { gone = index }
            } else if come < 0 {
                come = index
            }
            index = entries[index].previous
        }
        guard gone >= 0, come >= 0 else { return }
        let (old, new) = (entries[gone].place, entries[come].place)
        let isSameKey = key.allSatisfy {
            old.batch.columns[$0].value(old.row).isIdentical(
                to: new.batch.columns[$0].value(new.row))
        }
        guard isSameKey else { return }
        entries[come].replaced = gone
        entries[come].weight -= 1
        entries[gone].weight += 1
    }
}
