// Taking rows out of columns and putting columns behind each other.
extension Column {
    /// The rows at `rows`, in that order, repeats allowed; -1 makes a null.
    public func gather(_ rows: UnsafeBufferPointer<Int32>, hasMissing: Bool = false) -> Column {
        if isConstant && !hasMissing { return repeated(rows.count) }
        let valid = unsafe gatheredValidity(rows, hasMissing)
        let mask = Int32(truncatingIfNeeded: indexMask)
        let picked: Storage
        switch storage {
        case .boolean(let buffer): picked = unsafe .boolean(Column.pick(buffer, rows, mask))
        case .integer(let buffer): picked = unsafe .integer(Column.pick(buffer, rows, mask))
        case .double(let buffer): picked = unsafe .double(Column.pick(buffer, rows, mask))
        case .interval(let buffer): picked = unsafe .interval(Column.pick(buffer, rows, mask))
        case .string(let buffer, let owners):
            picked = unsafe .string(Column.pick(buffer, rows, mask), owners: owners)
        case .numeric(let values):
            picked = .numeric(unsafe rows.map { values[Int(max($0, 0) & mask)] })
        case .array, .record:
            return unsafe gatherNested(rows)
        }
        let text = unsafe original?.gather(rows, hasMissing: hasMissing)
        return Column(type, count: rows.count, picked, validity: valid, original: text)
    }

    public func gather(_ rows: [Int32], hasMissing: Bool = false) -> Column {
        unsafe rows.withUnsafeBufferPointer { unsafe gather($0, hasMissing: hasMissing) }
    }

    private static func pick<T>(
        _ source: Buffer<T>, _ rows: UnsafeBufferPointer<Int32>, _ mask: Int32
    ) -> Buffer<T> {
        let target = Buffer<T>(capacity: rows.count)
        var index = 0
        while index < rows.count {
            // A missing row reads the first; its null hides it.
            unsafe target.base[index] = source.base[Int(max(rows[index], 0) & mask)]
            index &+= 1
        }
        return target
    }

    private func gatheredValidity(
        _ rows: UnsafeBufferPointer<Int32>, _ hasMissing: Bool
    ) -> Bitmap? {
        guard validity != nil || hasMissing else { return nil }
        let target = Bitmap.allSet(rows.count)
        var hasNull = false
        for index in 0..<rows.count {
            let row = unsafe Int(rows[index])
            if row < 0 || isNull(row) {
                target.clear(index)
                hasNull = true
            }
        }
        return hasNull ? target : nil
    }

    private func gatherNested(_ rows: UnsafeBufferPointer<Int32>) -> Column {
        let builder = ColumnBuilder(type, capacity: rows.count)
        for index in 0..<rows.count {
            let row = unsafe rows[index]
            if row < 0 { builder.appendNull() } else { builder.append(from: self, Int(row)) }
        }
        return builder.finish()
    }

    /// Rows `range`, which lies inside.
    public func slice(_ range: Range<Int>) -> Column {
        if range == 0..<count { return self }
        if isConstant { return repeated(range.count) }
        return gather(range.map { Int32($0) })
    }

    /// Each row as an element of its own: a constant written out.
    public var flat: Column {
        guard isConstant else { return self }
        let builder = ColumnBuilder(type, capacity: count)
        for _ in 0..<count { builder.append(from: self, 0) }
        return builder.finish()
    }
}

extension Column {
    /// The member at the end of `path` (positions, outermost first); null where something on the
    /// way is null.
    public func member(_ path: [Int]) -> Column {
        var column = self
        for position in path {
            let outer = column
            let inner = outer.members[position]
            guard outer.validity != nil else {
                column = inner
                continue
            }
            if let shared = inner.nulls(of: outer) {
                column = shared
                continue
            }
            let rows = (0..<outer.count).map { outer.isNull($0) ? Int32(-1) : Int32($0) }
            column = inner.gather(rows, hasMissing: true)
        }
        return column
    }

    /// The same values, null also where `outer`, of as many rows, is; nil if they cannot be shared.
    private func nulls(of outer: Column) -> Column? {
        guard !isConstant, !outer.isConstant, let nulls = outer.validity else { return nil }
        guard let original else { return sharing(nulls, nil) }
        return original.nulls(of: outer).map { sharing(nulls, $0) }
    }

    private func sharing(_ nulls: Bitmap, _ original: Column?) -> Column {
        guard let validity else {
            return Column(type, count: count, storage, validity: nulls, original: original)
        }
        let words = (count + 63) / 64
        let both = Bitmap(capacity: words)
        var dropped: UInt64 = 0
        var index = 0
        while index < words {
            let word = unsafe validity.base[index]
            let kept = unsafe word & nulls.base[index]
            unsafe both.base[index] = kept
            dropped |= word ^ kept
            index &+= 1
        }
        // Readers leave members null where the object is.
        if dropped == 0 && original === self.original { return self }
        return Column(type, count: count, storage, validity: both, original: original)
    }
}
