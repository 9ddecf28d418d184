import Formats

extension Cast {
    /// From text to any other type, by its input function.
    static func parse(
        _ column: Column, _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        let views = unsafe column.strings
        let count = elements(column)
        switch type {
        case .smallint, .integer, .bigint:
            let target = Buffer<Int64>(capacity: count)
            for row in 0..<count {
                let isLive = isLive(column, context, row)
                target[row] = isLive ? try unsafe integer(views[row], type) : 0
            }
            return column.holding(.integer(target), type)
        case .double:
            let target = Buffer<Double>(capacity: count)
            for row in 0..<count {
                let isLive = isLive(column, context, row)
                target[row] = isLive ? try unsafe double(views[row]) : 0
            }
            return column.holding(.double(target), type)
        case .json:
            for row in 0..<count where isLive(column, context, row) {
                try unsafe checkJSON(views[row])
            }
            return column.retyped(type)
        default:
            let settings = context.session.text
            let builder = ColumnBuilder(type, capacity: count)
            for row in 0..<count {
                if isLive(column, context, row) {
                    builder.append(try unsafe value(views[row], type, settings))
                } else {
                    builder.appendNull()
                }
            }
            let result = builder.finish()
            return Column(
                type, count: column.count, result.storage, validity: result.validity,
                isConstant: column.isConstant)
        }
    }

    private static func integer(
        _ view: StringView, _ type: DataType
    ) throws(SQLError) -> Int64 {
        try unsafe view.withBytes { (raw: UnsafeRawBufferPointer) throws(SQLError) -> Int64 in
            try unsafe TypeText.parseInteger(raw, type)
        }
    }

    private static func double(_ view: StringView) throws(SQLError) -> Double {
        try unsafe view.withBytes { (raw: UnsafeRawBufferPointer) throws(SQLError) -> Double in
            try unsafe Double.parse(raw)
        }
    }

    private static func checkJSON(_ view: StringView) throws(SQLError) {
        try unsafe view.withBytes { (raw: UnsafeRawBufferPointer) throws(SQLError) -> Void in
            try unsafe JSONText.check(raw)
        }
    }

    static func value(
        _ view: StringView, _ type: DataType, _ settings: TextSettings
    ) throws(SQLError) -> Value {
        try unsafe view.withBytes { (raw: UnsafeRawBufferPointer) throws(SQLError) -> Value in
            try unsafe TypeText.parse(raw, as: type, settings)
        }
    }

    /// From any type to text, varchar or char, by its output function.
    static func text(
        _ column: Column, _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        let isBlankPadded = if case .char = column.type { true } else { false }
        switch column.type {
        case .json, .jsonb, .unknown, .text, .varchar, .char:
            if !isBlankPadded {
                if type == .text { return column.retyped(type) }
                if case .varchar(nil) = type { return column.retyped(type) }
            }
        default: break
        }
        let count = elements(column)
        let builder = ColumnBuilder(type, capacity: count)
        let writer = TextWriter(column, context.session.text)
        var buffer = OutputBuffer(capacity: 256)
        for row in 0..<count {
            guard !column.isNull(row) else {
                builder.appendNull()
                continue
            }
            buffer.removeAll()
            if case .boolean(let values) = column.storage {
                buffer.append(values[row] != 0 ? "true" : "false")
            } else {
                writer.append(row, to: &buffer)
            }
            if isBlankPadded || type == .char(nil) { buffer.dropTrailingBlanks() }
            append(buffer, to: builder, type)
        }
        let result = builder.finish()
        return Column(
            type, count: column.count, result.storage, validity: result.validity,
            isConstant: column.isConstant)
    }

    private static func append(
        _ buffer: borrowing OutputBuffer, to builder: ColumnBuilder, _ type: DataType
    ) {
        switch type {
        case .varchar(let length?):
            builder.append(text: cut(buffer.bytes.text(0..<buffer.count), Int(length)))
        case .char(let length?):
            let text = cut(buffer.bytes.text(0..<buffer.count), Int(length))
            let missing = Int(length) - text.unicodeScalars.count
            builder.append(text: text + String(repeating: " ", count: missing))
        default:
            unsafe buffer.bytes.withUnsafeBytes { unsafe builder.append(bytes: $0) }
        }
    }

    private static func cut(_ text: String, _ length: Int) -> String {
        guard text.utf8.count > length else { return text }
        return String(text.unicodeScalars.prefix(length))
    }
}

extension OutputBuffer {
    fileprivate mutating func dropTrailingBlanks() {
        var end = count
        while end > 0, bytes.byte(at: end - 1) == UInt8(ascii: " ") { end -= 1 }
        truncate(to: end)
    }
}
