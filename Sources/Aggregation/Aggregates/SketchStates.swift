import Bytes
import Formats

/// The states of sketches that are values: bytea, or the base64 that JSON shows for it.
enum SketchState {
    static func bytes(_ column: Column, _ row: Int) throws(SQLError) -> [UInt8] {
        let held = unsafe column.strings[row & column.indexMask].bytes
        guard column.type != .bytea else { return held }
        var output = OutputBuffer(capacity: held.count)
        do throws(FormatError) {
            // encode() breaks its lines.
            let text = held.filter { $0 > 0x20 }
            try Base64.decode(text.rawSpan, into: &output)
        } catch {
            throw SQLError("a state of a sketch is bytea, or base64", .invalidParameterValue)
        }
        return unsafe output.bytes.withUnsafeBytes { unsafe Array($0) }
    }
}

/// quantile_state(value), quantile_merge(state) and quantile_value(state, fraction): t-digests that
/// are kept and merged later.
final class QuantileStateAccumulator: Accumulator {
    private static let version: UInt8 = 1
    private let takesStates: Bool
    private var sketches: [QuantileSketch?] = []
    private var fractions = StateVector<Double>()

    init(_ type: DataType, takesStates: Bool) {
        self.takesStates = takesStates
        super.init(type)
    }

    override func grow(to count: Int) {
        while sketches.count < count { sketches.append(nil) }
        fractions.grow(to: count, filling: .nan)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        for row in 0..<count {
            let group = unsafe Int(groups[row])
            var sketch = sketches[group] ?? QuantileSketch()
            // Of what is added to only one may hold the centroids.
            sketches[group] = nil
            if takesStates {
                sketch.merge(try read(try SketchState.bytes(arguments[0], row)))
            } else {
                sketch.add(unsafe arguments[0].doubles[row & arguments[0].indexMask])
            }
            sketches[group] = sketch
            guard arguments.count > 1 else { continue }
            let fraction = unsafe arguments[1].doubles[row & arguments[1].indexMask]
            guard fraction >= 0, fraction <= 1 else {
                throw SQLError(
                    "percentile value \(fraction) is not between 0 and 1",
                    .numericValueOutOfRange)
            }
            fractions[Int32(group)] = fraction
        }
    }

    private func read(_ bytes: [UInt8]) throws(SQLError) -> QuantileSketch {
        var reader = StateReader(bytes)
        do throws(SQLError) {
            if try reader.integer(UInt8.self) == Self.version {
                let sketch = try QuantileSketch(&reader)
                if reader.remaining == 0 { return sketch }
            }
        } catch {
            // Whatever is wrong with it.
        }
        throw SQLError("invalid state of quantiles", .invalidParameterValue)
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        if fractions[target].isNaN { fractions[target] = fractions[source] }
        guard let other = sketches[Int(source)] else { return }
        var sketch = sketches[Int(target)] ?? QuantileSketch()
        sketch.merge(other)
        sketches[Int(target)] = sketch
    }

    override func reset(_ group: Int32) {
        sketches[Int(group)] = nil
        fractions[group] = .nan
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let values = groups.map { group -> Value in
            guard var sketch = sketches[Int(group)] else { return .null }
            guard type == .bytea else {
                return sketch.quantile(fractions[group]).map { .double($0) } ?? .null
            }
            var state = OutputBuffer(capacity: 256)
            state.append(Self.version)
            sketch.write(&state)
            return unsafe .bytes(state.bytes.withUnsafeBytes { unsafe Array($0) })
        }
        return Column.make(type, values)
    }

    override var memory: Int {
        sketches.reduce(fractions.memory) { $0 + ($1?.memory ?? 0) + 64 }
    }

    override func write(_ target: inout OutputBuffer) {
        fractions.write(&target)
        target.append(bigEndian: Int64(sketches.count))
        for sketch in sketches {
            target.append(sketch == nil ? 0 : 1 as UInt8)
            sketch?.write(&target)
        }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try fractions.read(&source)
        sketches = []
        for _ in 0..<(try source.count()) {
            let isThere = try source.integer(UInt8.self) != 0
            sketches.append(isThere ? try QuantileSketch(&source) : nil)
        }
    }
}

/// top_k_state(value, k), top_k_merge(state) and top_k_values(state): counts of the most frequent
/// values, by their text, that are kept and merged later (Misra and Gries, as approx_top_k).
final class TopStateAccumulator: Accumulator {
    private static let version: UInt8 = 1
    private let takesStates: Bool
    private var groups: [Counts] = []

    private struct Counts {
        var wanted: Int64 = 0
        var taken: Int64 = 0
        var values: [[UInt8]: Int64] = [:]

        mutating func purge() {
            guard values.count > max(256, Int(wanted) * 16) else { return }
            let median = values.values.sorted()[values.count / 2]
            values = values.compactMapValues { $0 > median ? $0 - median : nil }
            taken += median
        }

        mutating func merge(_ other: Counts) {
            wanted = max(wanted, other.wanted)
            taken += other.taken
            for (value, count) in other.values { values[value, default: 0] += count }
            purge()
        }

        /// The most frequent first.
        var sorted: [(value: [UInt8], count: Int64)] {
            values.map { ($0.key, $0.value) }.sorted {
                $0.1 != $1.1 ? $0.1 > $1.1 : $0.0.lexicographicallyPrecedes($1.0)
            }
        }

        func write(_ target: inout OutputBuffer) {
            target.append(bigEndian: wanted)
            target.append(bigEndian: taken)
            target.append(bigEndian: Int64(values.count))
            for (value, count) in sorted {
                target.append(blob: value)
                target.append(bigEndian: count)
            }
        }

        init() {}

        init(_ source: inout StateReader) throws(SQLError) {
            wanted = try source.integer(Int64.self)
            taken = try source.integer(Int64.self)
            for _ in 0..<(try source.count()) {
                let value = try source.blob()
                values[value] = try source.integer(Int64.self)
            }
        }
    }

    init(_ type: DataType, takesStates: Bool) {
        self.takesStates = takesStates
        super.init(type)
    }

    override func grow(to count: Int) {
        while groups.count < count { groups.append(Counts()) }
    }

    override func update(
        _ arguments: [Column], groups ids: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let writer = takesStates ? nil : TextWriter(arguments[0], TextSettings())
        for row in 0..<count {
            let group = unsafe Int(ids[row])
            guard let writer else {
                groups[group].merge(try read(try SketchState.bytes(arguments[0], row)))
                continue
            }
            let wanted = unsafe arguments[1].integers[row & arguments[1].indexMask]
            guard wanted > 0, wanted <= Limits.topValuesMax else {
                throw SQLError(
                    "top_k_state keeps 1 to \(Limits.topValuesMax) values", .invalidParameterValue)
            }
            var text = OutputBuffer(capacity: 32)
            writer.append(row, to: &text)
            let value = unsafe text.bytes.withUnsafeBytes { unsafe Array($0) }
            groups[group].wanted = wanted
            groups[group].values[value, default: 0] += unsafe weights?[row] ?? 1
            groups[group].purge()
        }
    }

    private func read(_ bytes: [UInt8]) throws(SQLError) -> Counts {
        var reader = StateReader(bytes)
        do throws(SQLError) {
            if try reader.integer(UInt8.self) == Self.version {
                let counts = try Counts(&reader)
                let isSound = counts.wanted > 0 && counts.wanted <= Limits.topValuesMax
                if isSound, reader.remaining == 0 { return counts }
            }
        } catch {
            // Whatever is wrong with it.
        }
        throw SQLError("invalid state of frequent values", .invalidParameterValue)
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        groups[Int(target)].merge(groups[Int(source)])
    }

    override func reset(_ group: Int32) { groups[Int(group)] = Counts() }

    override func results(_ ids: [Int32]) throws(SQLError) -> Column {
        let values = ids.map { id -> Value in
            let counts = groups[Int(id)]
            guard counts.wanted > 0 else { return .null }
            guard type == .bytea else {
                return .array(
                    counts.sorted.prefix(Int(counts.wanted)).map { entry in
                        .record([
                            .text(String(decoding: entry.value, as: UTF8.self)),
                            .integer(entry.count + counts.taken),
                        ])
                    })
            }
            var state = OutputBuffer(capacity: 256)
            state.append(Self.version)
            counts.write(&state)
            return unsafe .bytes(state.bytes.withUnsafeBytes { unsafe Array($0) })
        }
        return Column.make(type, values)
    }

    override var memory: Int {
        groups.reduce(0) { sum, group in
            sum + 64 + group.values.reduce(0) { $0 + $1.key.count + 64 }
        }
    }

    override func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: Int64(groups.count))
        for group in groups { group.write(&target) }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        groups = []
        for _ in 0..<(try source.count()) { groups.append(try Counts(&source)) }
    }
}
