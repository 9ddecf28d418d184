import Bytes
import Formats

/// A sketch of a distribution, finest at its ends: a merging t-digest (Dunning and Ertl, 2019) of
/// about 200 centroids.
public struct QuantileSketch: Sendable {
    private static let compression = 200.0
    private static let pendingMax = 1000

    private struct Centroid {
        var mean: Double
        var weight: Double
    }

    private var centroids: [Centroid] = []
    /// Not merged yet.
    private var pending: [Centroid] = []
    private var least = Double.infinity
    private var greatest = -Double.infinity

    public init() {}

    public mutating func add(_ value: Double) {
        guard !value.isNaN else { return }
        pending.append(Centroid(mean: value, weight: 1))
        least = min(least, value)
        greatest = max(greatest, value)
        if pending.count >= QuantileSketch.pendingMax { compress() }
    }

    public mutating func merge(_ other: QuantileSketch) {
        pending += other.centroids + other.pending
        least = min(least, other.least)
        greatest = max(greatest, other.greatest)
        if pending.count >= QuantileSketch.pendingMax { compress() }
    }

    /// Merges neighbours as long as they span less than one step of the scale function
    /// k(q) = compression / 2 * (asin(2q - 1) / pi + 1/2), whose step is kept as a bound on the
    /// weight: 4 * n * q * (1 - q) / compression.
    private mutating func compress() {
        guard !pending.isEmpty else { return }
        let all = (centroids + pending).sorted { $0.mean < $1.mean }
        let total = all.reduce(0) { $0 + $1.weight }
        pending = []
        centroids = []
        var current = all[0]
        var before = 0.0
        for next in all.dropFirst() {
            let weight = current.weight + next.weight
            let q = (before + weight / 2) / total
            if weight <= max(1, 4 * total * q * (1 - q) / QuantileSketch.compression) {
                current.mean += (next.mean - current.mean) * next.weight / weight
                current.weight = weight
            } else {
                before += current.weight
                centroids.append(current)
                current = next
            }
        }
        centroids.append(current)
    }

    /// The value below which `fraction` of the values lie; nil: there is none.
    public mutating func quantile(_ fraction: Double) -> Double? {
        compress()
        guard let first = centroids.first, let last = centroids.last else { return nil }
        let total = centroids.reduce(0) { $0 + $1.weight }
        let wanted = fraction * total
        // Each centroid stands at the middle of its weight; the ends are known exactly.
        if wanted <= first.weight / 2 {
            return between(
                least, first.mean, wanted / max(first.weight / 2, .leastNonzeroMagnitude))
        }
        var before = 0.0
        for index in 1..<max(centroids.count, 1) {
            let (a, b) = (centroids[index - 1], centroids[index])
            let start = before + a.weight / 2
            let end = before + a.weight + b.weight / 2
            if wanted <= end { return between(a.mean, b.mean, (wanted - start) / (end - start)) }
            before += a.weight
        }
        let start = total - last.weight / 2
        return between(last.mean, greatest, (wanted - start) / (last.weight / 2))
    }

    private func between(_ a: Double, _ b: Double, _ part: Double) -> Double {
        a == b ? a : a + (b - a) * min(max(part, 0), 1)
    }

    var memory: Int { (centroids.capacity + pending.capacity) * 16 + 48 }

    func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: least.bitPattern)
        target.append(bigEndian: greatest.bitPattern)
        for list in [centroids, pending] {
            target.append(bigEndian: Int64(list.count))
            for centroid in list {
                target.append(bigEndian: centroid.mean.bitPattern)
                target.append(bigEndian: centroid.weight.bitPattern)
            }
        }
    }

    init(_ source: inout StateReader) throws(SQLError) {
        least = Double(bitPattern: try source.integer(UInt64.self))
        greatest = Double(bitPattern: try source.integer(UInt64.self))
        centroids = try QuantileSketch.list(&source)
        pending = try QuantileSketch.list(&source)
    }

    private static func list(_ source: inout StateReader) throws(SQLError) -> [Centroid] {
        var list: [Centroid] = []
        for _ in 0..<(try source.count()) {
            let mean = Double(bitPattern: try source.integer(UInt64.self))
            let weight = Double(bitPattern: try source.integer(UInt64.self))
            list.append(Centroid(mean: mean, weight: weight))
        }
        return list
    }
}

/// approx_percentile(fraction) WITHIN GROUP (ORDER BY value).
final class QuantileAccumulator: Accumulator {
    private var sketches: [QuantileSketch] = []
    /// The fraction of each group; NaN: none was given yet.
    private var fractions = StateVector<Double>()

    override func grow(to count: Int) {
        while sketches.count < count { sketches.append(QuantileSketch()) }
        fractions.grow(to: count, filling: .nan)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let (fraction, values) = unsafe (arguments[0].doubles, arguments[1].doubles)
        for row in 0..<count where !arguments[0].isNull(row) && !arguments[1].isNull(row) {
            let group = unsafe groups[row]
            let wanted = unsafe fraction[row & arguments[0].indexMask]
            guard wanted >= 0, wanted <= 1 else {
                throw SQLError(
                    "percentile value \(wanted) is not between 0 and 1", .numericValueOutOfRange)
            }
            fractions[group] = wanted
            sketches[Int(group)].add(unsafe values[row & arguments[1].indexMask])
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        sketches[Int(target)].merge(sketches[Int(source)])
        if fractions[target].isNaN { fractions[target] = fractions[source] }
    }

    override func reset(_ group: Int32) {
        sketches[Int(group)] = QuantileSketch()
        fractions[group] = .nan
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let fraction = fractions[group]
            if !fraction.isNaN, let value = sketches[Int(group)].quantile(fraction) {
                builder.append(double: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    override var memory: Int { sketches.reduce(fractions.memory) { $0 + $1.memory } }

    override func write(_ target: inout OutputBuffer) {
        fractions.write(&target)
        target.append(bigEndian: Int64(sketches.count))
        for sketch in sketches { sketch.write(&target) }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try fractions.read(&source)
        sketches = []
        for _ in 0..<(try source.count()) { sketches.append(try QuantileSketch(&source)) }
    }
}
