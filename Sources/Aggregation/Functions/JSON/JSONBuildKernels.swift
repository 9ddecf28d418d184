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
        let names = arguments.map { TextWriter($0, context.session.text) }
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
                var name = OutputBuffer(capacity: 64)
                names[index].append(row, to: &name)
                _ = buffer.append(jsonString: name.bytes)
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
