// From buffers to columns. Numbers and plain text are columns already; what has to be parsed from
// its text is parsed here, a column at a time.
extension RowBuffers {
    enum Outcome {
        case columns([Column])
        /// The value of this row does not fit its node's type.
        case misfit(row: Int, node: Int)
    }

    /// A row whose text cannot be converted.
    private struct BadRow: Error {
        var row: Int
        var node: Int
    }

    /// The columns of the rows in `range`. `isAll`: the buffers are given away; else copied.
    func columns(_ range: Range<Int>, isAll: Bool) -> Outcome {
        do {
            return .columns(try columnsOrBadRow(range, isAll))
        } catch {
            return .misfit(row: error.row, node: error.node)
        }
    }

    private func columnsOrBadRow(_ range: Range<Int>, _ isAll: Bool) throws(BadRow) -> [Column] {
        var columns: [Column] = []
        for (index, column) in plan.columns.enumerated() {
            switch column {
            case .file:
                columns.append(.constant(.text(file), .text, count: range.count))
            case .line:
                let whole = Column(.bigint, count: range.upperBound, .integer(lines))
                columns.append(isAll ? whole : copied(whole, range))
            case .value:
                let whole = try self.column(plan.columnNodes[index], range)
                columns.append(isAll ? whole : copied(whole, range))
            }
        }
        return columns
    }

    private func copied(_ column: Column, _ range: Range<Int>) -> Column {
        column.gather(range.map { Int32($0) })
    }

    /// All rows up to the end of `range`; those in it are converted.
    private func column(_ node: Int, _ range: Range<Int>) throws(BadRow) -> Column {
        let type = plan.nodes[node].type
        let count = range.upperBound
        let validity = validity(node, count)
        switch storages[node] {
        case .integer(let buffer):
            return Column(type, count: count, .integer(buffer), validity: validity)
        case .double(let buffer):
            return Column(type, count: count, .double(buffer), validity: validity)
        case .boolean(let buffer):
            return Column(type, count: count, .boolean(buffer), validity: validity)
        case .record:
            var members: [Column] = []
            guard case .record(let fields) = type else {
                preconditionFailure("\(type) has no members")
            }
            for position in fields.indices {
                guard let member = plan.nodes[node].members[position] else {
                    members.append(.constant(.null, fields[position].type, count: count))
                    continue
                }
                members.append(try column(member, range))
            }
            return Column(type, count: count, .record(members), validity: validity)
        case .string(let buffer):
            let texts = Column(
                .text, count: count, .string(buffer, owners: owners), validity: validity)
            switch type {
            case .text, .varchar, .char, .unknown, .json, .jsonb: return texts.retyped(type)
            case .date, .timestamp, .timestamptz: return try times(node, texts, range)
            default: return try parsed(node, texts, range)
            }
        }
    }

    /// nil if all of the first `count` rows have a value.
    private func validity(_ node: Int, _ count: Int) -> Bitmap? {
        let words = unsafe validities[node].base
        var index = 0
        while index < count / 64 {
            if unsafe words[index] != .max { return validities[node] }
            index += 1
        }
        let left: UInt64 = 1 << UInt64(count & 63) - 1
        if unsafe count & 63 != 0 && words[index] & left != left { return validities[node] }
        return nil
    }

    private func times(_ node: Int, _ texts: Column, _ range: Range<Int>) throws(BadRow) -> Column {
        let type = plan.nodes[node].type
        let target = Buffer<Int64>(repeating: 0, count: range.upperBound)
        let views = unsafe texts.strings
        var usual = UsualTime(type)
        for row in range where !texts.isNull(row) {
            if let value = unsafe usual.value(views[row]) {
                unsafe target.base[row] = value
                continue
            }
            guard let value = unsafe TextTime.value(views[row], type) else {
                throw BadRow(row: row, node: node)
            }
            unsafe target.base[row] = value
        }
        return Column(
            type, count: range.upperBound, .integer(target), validity: texts.validity,
            original: texts)
    }

    private func parsed(_ node: Int, _ texts: Column, _ range: Range<Int>) throws(BadRow) -> Column
    {
        let type = plan.nodes[node].type
        let builder = ColumnBuilder(type, capacity: range.upperBound)
        let isCoerced = plan.facts[node].isCoerced
        for row in 0..<range.upperBound {
            guard row >= range.lowerBound, !texts.isNull(row) else {
                builder.appendNull()
                continue
            }
            let isDone = unsafe texts.strings[row].withBytes { bytes in
                isPlainText
                    ? unsafe appendPlain(bytes, to: builder)
                    : unsafe JSONValueReader.append(bytes.bytes, to: builder, isCoerced: isCoerced)
            }
            if !isDone { throw BadRow(row: row, node: node) }
        }
        return builder.finish()
    }

    private func appendPlain(_ text: UnsafeRawBufferPointer, to builder: ColumnBuilder) -> Bool {
        do {
            builder.append(unsafe try TypeText.parse(text, as: builder.type))
            return true
        } catch {
            return false
        }
    }

    /// The text that was read for a value.
    func text(_ row: Int, node: Int) -> [UInt8] {
        guard case .string(let buffer) = storages[node] else { return [] }
        return buffer[row].bytes
    }
}
