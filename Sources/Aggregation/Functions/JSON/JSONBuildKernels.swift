import Formats

/// Functions that make json and jsonb of other values.
enum JSONBuildKernels {
    /// to_json(any), row_to_json(record), array_to_json(array), and to_jsonb(any)
    static func convert(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let writer = JSONWriter(arguments[0], context.session.text)
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            buffer.removeAll()
            writer.append(row, to: &buffer)
            try append(buffer, builder)
        }
    }

    /// row_to_json(record, lines) and array_to_json(array, lines): what is directly inside on a
    /// line each, if asked for.
    static func lines(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let column = arguments[0].flat
        let whole = JSONWriter(column, context.session.text)
        var names: [String] = []
        var parts: [Column] = []
        if case .record(let fields) = column.type {
            names = fields.map(\.name)
            parts = column.members
        } else {
            parts = [unsafe column.arrays.elements]
        }
        let writers = parts.map { JSONWriter($0, context.session.text) }
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build([column, arguments[1]], context) { row, builder in
            buffer.removeAll()
            if arguments[1].value(row) != .boolean(true) {
                whole.append(row, to: &buffer)
            } else if names.isEmpty {
                buffer.append("[")
                for (index, element) in (ArrayKernels.range(column, row) ?? 0..<0).enumerated() {
                    if index > 0 { buffer.append(",\n ") }
                    append(parts[0], writers[0], element, &buffer)
                }
                buffer.append("]")
            } else {
                buffer.append("{")
                for (index, name) in names.enumerated() {
                    if index > 0 { buffer.append(",\n ") }
                    buffer.append(jsonString: name)
                    buffer.append(":")
                    append(parts[index], writers[index], row, &buffer)
                }
                buffer.append("}")
            }
            JSONKernels.append(buffer, builder)
        }
    }

    /// As jsonb has it, if that is the type.
    static func append(
        _ buffer: borrowing OutputBuffer, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard builder.type == .jsonb else { return JSONKernels.append(buffer, builder) }
        let text = try unsafe buffer.bytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(SQLError) in
            unsafe try JSONText.normalised(bytes)
        }
        builder.append(text: text)
    }

    /// json_build_array(...)
    static func array(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let writers = arguments.map { JSONWriter($0, context.session.text) }
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            buffer.removeAll()
            buffer.append("[")
            for (index, writer) in writers.enumerated() {
                if index > 0 { buffer.append(", ") }
                append(arguments[index], writer, row, &buffer)
            }
            buffer.append("]")
            try append(buffer, builder)
        }
    }

    private static func append(
        _ column: Column, _ writer: JSONWriter, _ row: Int, _ buffer: inout OutputBuffer
    ) {
        if column.isNull(row) { buffer.append("null") } else { writer.append(row, to: &buffer) }
    }

    /// json_build_object(name, value, ...)
    static func object(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        guard arguments.count.isMultiple(of: 2) else {
            throw SQLError(
                "argument list must have even number of elements", .invalidParameterValue,
                hint: "The arguments of json_build_object() must consist of alternating keys "
                    + "and values.")
        }
        let writers = arguments.map { JSONWriter($0, context.session.text) }
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            buffer.removeAll()
            buffer.append("{")
            for index in stride(from: 0, to: arguments.count, by: 2) {
                if index > 0 { buffer.append(", ") }
                guard !arguments[index].isNull(row) else {
                    throw SQLError(
                        "argument \(index + 1) cannot be null", .invalidParameterValue,
                        hint: "Object keys should be text.")
                }
                try JSONKeyText.check(arguments[index].type)
                JSONKeyText.append(row, of: writers[index], to: &buffer)
                buffer.append(" : ")
                append(arguments[index + 1], writers[index + 1], row, &buffer)
            }
            buffer.append("}")
            try append(buffer, builder)
        }
    }

    /// {{name, value}, ...} laid out.
    private static func pairs(_ elements: [Value]) throws(SQLError) -> [Value] {
        var flat: [Value] = []
        for element in elements {
            guard case .array(let pair) = element, pair.count == 2 else {
                throw SQLError("array must have two columns", .arraySubscriptError)
            }
            flat += pair
        }
        return flat
    }

    /// json_object(text[]): names and values in turns; json_object(text[], text[]): names, values.
    static func fromTexts(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var buffer = OutputBuffer(capacity: 256)
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            guard case .array(var elements) = arguments[0].value(row) else {
                return builder.appendNull()
            }
            if elements.contains(where: { if case .array = $0 { true } else { false } }) {
                elements = try pairs(elements)
            }
            if arguments.count > 1, case .array(let values) = arguments[1].value(row) {
                guard values.count == elements.count else {
                    throw SQLError("mismatched array dimensions", .arraySubscriptError)
                }
                elements = zip(elements, values).flatMap { [$0, $1] }
            }
            guard elements.count.isMultiple(of: 2) else {
                throw SQLError("array must have even number of elements", .arraySubscriptError)
            }
            buffer.removeAll()
            buffer.append("{")
            for index in stride(from: 0, to: elements.count, by: 2) {
                guard case .text(let name) = elements[index] else {
                    throw SQLError("null value not allowed for object key", .nullValueNotAllowed)
                }
                if index > 0 { buffer.append(", ") }
                buffer.append(jsonString: name)
                buffer.append(" : ")
                if case .text(let value) = elements[index + 1] {
                    buffer.append(jsonString: value)
                } else {
                    buffer.append("null")
                }
            }
            buffer.append("}")
            try append(buffer, builder)
        }
    }
}

/// What stands for the key of an object: a scalar as JSON has it, in quotes.
enum JSONKeyText {
    static func check(_ type: DataType) throws(SQLError) {
        switch type {
        case .array, .record, .json, .jsonb:
            throw SQLError(
                "key value must be scalar, not array, composite, or json", .invalidParameterValue)
        default: break
        }
    }

    static func append(_ row: Int, of writer: JSONWriter, to buffer: inout OutputBuffer) {
        var key = OutputBuffer(capacity: 64)
        writer.append(row, to: &key)
        let isString = key.array.first == UInt8(ascii: "\"")
        if !isString { buffer.append("\"") }
        buffer.append(key.array)
        if !isString { buffer.append("\"") }
    }
}
