import Bytes
import Formats

/// The values of one column that an operator keeps, by number: the keys of groups, the least value
/// of each, the rows of an array aggregate.
///
/// It owns copies; the columns that it hands out share the memory of strings. Used by one thread.
@safe final class StoredColumn {
    enum Layout { case word, string, numeric, interval, boxed }

    let type: DataType
    let layout: Layout
    /// Numbers below it can be set and read.
    private(set) var count = 0
    /// Integers, booleans as 0 and 1, doubles as their bits.
    private(set) var words = StateVector<Int64>()
    private(set) var views = StateVector<StringView>()
    private var numerics: [Numeric] = []
    private var intervals = StateVector<Interval>()
    private var boxes: [Value] = []
    /// A bit a value, set where it is null; grown with the first null.
    private var nulls = StateVector<UInt64>()
    private(set) var hasNulls = false
    private var arena = ByteArena()
    private var liveBytes = 0
    private var deadBytes = 0

    init(_ type: DataType) {
        self.type = type
        switch type.layout {
        case .integer, .boolean, .double: layout = .word
        case .string: layout = .string
        case .numeric: layout = .numeric
        case .interval: layout = .interval
        case .array, .record: layout = .boxed
        }
    }

    func grow(to count: Int) {
        guard count > self.count else { return }
        switch layout {
        case .word: words.grow(to: count, filling: 0)
        case .string: views.grow(to: count, filling: StringView())
        case .interval: intervals.grow(to: count, filling: Interval())
        case .numeric:
            // One by one, so that the room doubles.
            while numerics.count < count { numerics.append(Numeric(0)) }
        case .boxed: while boxes.count < count { boxes.append(.null) }
        }
        if hasNulls { nulls.grow(to: (count + 63) / 64, filling: 0) }
        self.count = count
    }

    @inline(__always)
    func isNull(_ id: Int32) -> Bool {
        guard hasNulls else { return false }
        return unsafe nulls.base[Int(id) &>> 6] &>> UInt64(id & 63) & 1 != 0
    }

    func setNull(_ id: Int32) {
        clear(id)
        hasNulls = true
        nulls.grow(to: (count + 63) / 64, filling: 0)
        nulls[Int(id) >> 6] |= 1 << UInt64(id & 63)
    }

    private func setNotNull(_ id: Int32) {
        if hasNulls { nulls[Int(id) >> 6] &= ~(1 << UInt64(id & 63)) }
    }

    /// Forgets a value; what it holds is unspecified then.
    func clear(_ id: Int32) {
        setNotNull(id)
        switch layout {
        case .string:
            discard(views[id])
            views[id] = StringView()
            if deadBytes > Limits.deadBytesMax, deadBytes > liveBytes { compact() }
        case .numeric: numerics[Int(id)] = Numeric(0)
        case .boxed: boxes[Int(id)] = .null
        case .word, .interval: break
        }
    }

    /// Takes row `row` of a column of the same layout.
    func set(_ id: Int32, from column: Column, _ row: Int) {
        if column.isNull(row) { return setNull(id) }
        setNotNull(id)
        let index = row & column.indexMask
        switch column.storage {
        case .integer(let buffer): words[id] = buffer[index]
        case .boolean(let buffer): words[id] = Int64(buffer[index])
        case .double(let buffer): words[id] = Int64(bitPattern: buffer[index].bitPattern)
        case .string(let buffer, _): setString(id, buffer[index])
        case .numeric(let values): numerics[Int(id)] = values[index]
        case .interval(let buffer): intervals[id] = buffer[index]
        case .array, .record: boxes[Int(id)] = column.value(row)
        }
    }

    /// Takes the value `source` of another column of the same type.
    func set(_ id: Int32, from other: StoredColumn, _ source: Int32) {
        if other.isNull(source) { return setNull(id) }
        setNotNull(id)
        switch layout {
        case .word: words[id] = other.words[source]
        case .string: setString(id, other.views[source])
        case .numeric: numerics[Int(id)] = other.numerics[Int(source)]
        case .interval: intervals[id] = other.intervals[source]
        case .boxed: boxes[Int(id)] = other.boxes[Int(source)]
        }
    }

    func setWord(_ id: Int32, _ word: Int64) {
        setNotNull(id)
        words[id] = word
    }

    func setString(_ id: Int32, _ view: StringView) {
        setNotNull(id)
        discard(views[id])
        views[id] = arena.copy(view)
        if !view.isInline {
            liveBytes += view.count
            if deadBytes > Limits.deadBytesMax, deadBytes > liveBytes { compact() }
        }
    }

    private func discard(_ view: StringView) {
        guard !view.isInline else { return }
        liveBytes -= view.count
        deadBytes += view.count
    }

    /// Copies what is alive; columns that were handed out keep the old bytes as long as they live.
    private func compact() {
        let fresh = ByteArena()
        for index in 0..<views.count { views[index] = fresh.copy(views[index]) }
        arena = fresh
        deadBytes = 0
    }

    var memory: Int {
        words.memory + views.memory + intervals.memory + nulls.memory
            + numerics.count * MemoryLayout<Numeric>.stride + boxes.count * 64
            + (layout == .string ? arena.capacity : 0)
    }
}

// Comparing.
extension StoredColumn {
    /// Negative, 0 or positive for values that are not null.
    func order(_ a: Int32, _ b: Int32) -> Int {
        switch layout {
        case .word: return orderWords(words[a], words[b])
        case .string: return orderStrings(views[a], views[b])
        case .numeric: return numerics[Int(a)].compare(numerics[Int(b)])
        case .interval:
            let (x, y) = (intervals[a], intervals[b])
            return x < y ? -1 : x == y ? 0 : 1
        case .boxed: return boxes[Int(a)].order(boxes[Int(b)])
        }
    }

    /// How the kept value lies to row `row` of a column; neither is null.
    func order(_ id: Int32, to column: Column, _ row: Int) -> Int {
        let index = row & column.indexMask
        switch column.storage {
        case .integer(let buffer): return orderWords(words[id], buffer[index])
        case .boolean(let buffer): return orderWords(words[id], Int64(buffer[index]))
        case .double(let buffer):
            return orderDoubles(Double(bitPattern: UInt64(bitPattern: words[id])), buffer[index])
        case .string(let buffer, _): return orderStrings(views[id], buffer[index])
        case .numeric(let values): return numerics[Int(id)].compare(values[index])
        case .interval(let buffer):
            let (x, y) = (intervals[id], buffer[index])
            return x < y ? -1 : x == y ? 0 : 1
        case .array, .record: return boxes[Int(id)].order(column.value(row))
        }
    }

    private func orderStrings(_ a: StringView, _ b: StringView) -> Int {
        if type == .jsonb, let order = try? JSONTree.compare(a, b) { return order }
        return StringView.compare(a, b)
    }

    @inline(__always)
    private func orderWords(_ a: Int64, _ b: Int64) -> Int {
        if type.layout == .double {
            return orderDoubles(
                Double(bitPattern: UInt64(bitPattern: a)), Double(bitPattern: UInt64(bitPattern: b))
            )
        }
        return a < b ? -1 : a == b ? 0 : 1
    }

    /// The hash of a kept value that is no null and no plain word.
    func hash(_ id: Int32, into hash: UInt64) -> UInt64 {
        switch layout {
        case .word: combineHash(hash, UInt64(bitPattern: words[id]))
        case .string:
            type == .jsonb ? JSONKey.hash(views[id], hash) : views[id].combineHash(hash)
        case .numeric: combineHash(hash, numerics[Int(id)].groupHash)
        case .interval: combineHash(hash, Value.interval(intervals[id]).groupHash)
        case .boxed: combineHash(hash, boxes[Int(id)].groupHash)
        }
    }
}

// Handing out.
extension StoredColumn {
    func value(_ id: Int32) -> Value { column([id]).value(0) }

    /// The values under `ids`, in that order.
    func column(_ ids: [Int32]) -> Column {
        var valid: Bitmap?
        if hasNulls {
            let bits = Bitmap.allSet(ids.count)
            for (row, id) in ids.enumerated() where isNull(id) { bits.clear(row) }
            valid = bits
        }
        let storage: Column.Storage
        switch layout {
        case .word: storage = wordStorage(ids)
        case .string:
            let buffer = Buffer<StringView>(capacity: ids.count)
            for (row, id) in ids.enumerated() { unsafe buffer.base[row] = views[id] }
            storage = .string(buffer, owners: [arena])
        case .numeric: storage = .numeric(ids.map { numerics[Int($0)] })
        case .interval:
            let buffer = Buffer<Interval>(capacity: ids.count)
            for (row, id) in ids.enumerated() { unsafe buffer.base[row] = intervals[id] }
            storage = .interval(buffer)
        case .boxed:
            return Column.make(type, ids.map { isNull($0) ? .null : boxes[Int($0)] })
        }
        return Column(type, count: ids.count, storage, validity: valid)
    }

    private func wordStorage(_ ids: [Int32]) -> Column.Storage {
        switch type.layout {
        case .boolean:
            let buffer = Buffer<UInt8>(capacity: ids.count)
            for (row, id) in ids.enumerated() {
                unsafe buffer.base[row] = UInt8(truncatingIfNeeded: words[id])
            }
            return .boolean(buffer)
        case .double:
            let buffer = Buffer<Double>(capacity: ids.count)
            for (row, id) in ids.enumerated() {
                unsafe buffer.base[row] = Double(bitPattern: UInt64(bitPattern: words[id]))
            }
            return .double(buffer)
        default:
            let buffer = Buffer<Int64>(capacity: ids.count)
            for (row, id) in ids.enumerated() { unsafe buffer.base[row] = words[id] }
            return .integer(buffer)
        }
    }
}

// On disk.
extension StoredColumn {
    func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: Int64(count))
        target.append(hasNulls ? 1 : 0)
        if hasNulls { nulls.write(&target) }
        switch layout {
        case .word: words.write(&target)
        case .interval: intervals.write(&target)
        case .string:
            for index in 0..<count { target.append(blob: views[index].bytes) }
        case .numeric: for value in numerics { target.append(value: .numeric(value)) }
        case .boxed: for value in boxes { target.append(value: value) }
        }
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        count = try source.count()
        hasNulls = try source.integer(UInt8.self) != 0
        if hasNulls { try nulls.read(&source) }
        switch layout {
        case .word: try words.read(&source)
        case .interval: try intervals.read(&source)
        case .string:
            views.removeAll()
            (arena, liveBytes, deadBytes) = (ByteArena(), 0, 0)
            for _ in 0..<count {
                let bytes = try source.blob()
                let view = unsafe bytes.withUnsafeBytes { unsafe arena.copy($0) }
                views.append(view)
                if !view.isInline { liveBytes += view.count }
            }
        case .numeric:
            numerics = []
            for _ in 0..<count {
                guard case .numeric(let value) = try source.value() else { throw damaged }
                numerics.append(value)
            }
        case .boxed:
            boxes = []
            for _ in 0..<count { boxes.append(try source.value()) }
        }
        let held =
            layout == .word ? words.count : layout == .interval ? intervals.count : count
        guard held >= count, !hasNulls || nulls.count * 64 >= count else { throw damaged }
    }

    private var damaged: SQLError { SQLError("the saved values are damaged", .internalError) }
}
