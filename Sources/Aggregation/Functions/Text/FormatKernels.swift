import Bytes
import Formats

/// The text of values of any type, as output functions write it, for concat, format and `||`.
final class AnyText {
    private let column: Column
    private let writer: TextWriter
    private var buffer = OutputBuffer(capacity: 256)
    private let strings: StringRows?

    init(_ column: Column, _ session: SessionSettings) {
        self.column = column
        writer = TextWriter(column, session.text)
        strings = column.type.isText ? StringRows(column) : nil
    }

    /// False and nothing written for null.
    func append(_ row: Int, to target: inout StringWriter) -> Bool {
        if column.isNull(row) { return false }
        if let strings {
            unsafe target.append(strings[row])
        } else {
            writer.append(row, to: &buffer)
            AnyText.copy(buffer, to: &target)
            buffer.removeAll()
        }
        return true
    }

    private static func copy(_ buffer: borrowing OutputBuffer, to target: inout StringWriter) {
        unsafe buffer.bytes.withUnsafeBytes { unsafe target.append($0) }
    }

    private static func array(_ buffer: borrowing OutputBuffer) -> [UInt8] {
        unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
    }

    func bytes(_ row: Int) -> [UInt8]? {
        if column.isNull(row) { return nil }
        if let strings { return unsafe Array(strings[row]) }
        writer.append(row, to: &buffer)
        defer { buffer.removeAll() }
        return AnyText.array(buffer)
    }
}

/// concat, concat_ws, format, and `||` of a text and another value.
enum FormatKernels {
    static func concat(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let texts = arguments.map { AnyText($0, context.session) }
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            for text in texts { _ = text.append(row, to: &writer) }
        }
    }

    /// `||` of a text and a value of another type, which is cast to text.
    static func concatCast(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var texts: [Column] = []
        for argument in arguments {
            guard !argument.type.isText, let cast = Cast.kernel(from: argument.type, to: .text)
            else {
                texts.append(argument)
                continue
            }
            var inner = context
            inner.type = .text
            texts.append(try cast(argument, inner))
        }
        return try ConcatKernels.join(texts, context)
    }

    /// Null where the separator is; null values are left out.
    static func concatSeparated(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let separators = StringRows(arguments[0])
        let texts = arguments.dropFirst().map { AnyText($0, context.session) }
        let columns = arguments.dropFirst()
        let result = try TextLoop.write(context) { row, writer throws(SQLError) in
            if arguments[0].isNull(row) { return }
            var isFirst = true
            for (text, column) in zip(texts, columns) where !column.isNull(row) {
                if !isFirst { unsafe writer.append(separators[row]) }
                isFirst = false
                _ = text.append(row, to: &writer)
            }
        }
        return arguments[0].isConstant
            ? (arguments[0].isNull(0)
                ? Column.constant(.null, .text, count: context.count) : result)
            : result.clearing(arguments[0].validity)
    }

    static func format(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let formats = StringRows(arguments[0])
        let texts = arguments.dropFirst().map { AnyText($0, context.session) }
        let result = try TextLoop.write(context) { row, writer throws(SQLError) in
            if arguments[0].isNull(row) { return }
            var run = unsafe FormatRun(formats[row], texts, row)
            try run.write(to: &writer)
        }
        if arguments[0].isConstant && context.count > 0 && arguments[0].isNull(0) {
            return Column.constant(.null, .text, count: context.count)
        }
        return arguments[0].isConstant ? result : result.clearing(arguments[0].validity)
    }
}

/// One evaluation of format(): `%[position$][-][width]s`, `I` and `L`.
@safe private struct FormatRun {
    private let format: UnsafeRawBufferPointer
    private let values: [AnyText]
    private let row: Int
    private var index = 0
    private var nextValue = 0

    private struct Specifier {
        var position: Int?
        var isLeftAligned = false
        var width = 0
    }

    init(_ format: UnsafeRawBufferPointer, _ values: [AnyText], _ row: Int) {
        unsafe self.format = unsafe format
        self.values = values
        self.row = row
    }

    mutating func write(to writer: inout StringWriter) throws(SQLError) {
        while unsafe index < format.count {
            let byte = unsafe format[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                writer.append(byte)
                continue
            }
            guard unsafe index < format.count else { throw unterminated }
            if unsafe format[index] == UInt8(ascii: "%") {
                writer.append(byte)
                index += 1
                continue
            }
            let specifier = try readSpecifier()
            guard unsafe index < format.count else { throw unterminated }
            let kind = unsafe format[index]
            guard "sIL".utf8.contains(kind) else {
                let (scalar, _) = unsafe UTF8Text.scalar(format, index)
                throw SQLError(
                    "unrecognized format() type specifier \"\(Character(scalar))\"",
                    .invalidParameterValue,
                    hint: "For a single \"%\" use \"%%\".")
            }
            index += 1
            try write(try value(specifier.position), kind, specifier, to: &writer)
        }
    }

    private mutating func value(_ position: Int?) throws(SQLError) -> [UInt8]? {
        if let position { nextValue = position - 1 }
        guard nextValue < values.count else {
            throw SQLError("too few arguments for format()", .invalidParameterValue)
        }
        defer { nextValue += 1 }
        return values[nextValue].bytes(row)
    }

    private mutating func readSpecifier() throws(SQLError) -> Specifier {
        var specifier = Specifier()
        if let number = try readNumber() {
            if unsafe index < format.count, unsafe format[index] == UInt8(ascii: "$") {
                guard number > 0 else { throw zeroPosition }
                specifier.position = number
                index += 1
            } else {
                specifier.width = number
                return specifier
            }
        }
        while unsafe index < format.count, unsafe format[index] == UInt8(ascii: "-") {
            specifier.isLeftAligned = true
            index += 1
        }
        if unsafe index < format.count, unsafe format[index] == UInt8(ascii: "*") {
            index += 1
            let width = try readIndirectWidth()
            specifier.isLeftAligned = specifier.isLeftAligned || width < 0
            specifier.width = abs(width)
        } else if let width = try readNumber() {
            specifier.width = width
        }
        return specifier
    }

    private mutating func readIndirectWidth() throws(SQLError) -> Int {
        var position: Int?
        if let number = try readNumber() {
            guard unsafe index < format.count else { throw unterminated }
            guard unsafe format[index] == UInt8(ascii: "$") else {
                throw SQLError(
                    "width argument position must be ended by \"$\"", .invalidParameterValue)
            }
            guard number > 0 else { throw zeroPosition }
            index += 1
            position = number
        }
        guard let bytes = try value(position) else { return 0 }
        let parsed = unsafe try bytes.withBytes { (raw) throws(SQLError) in
            unsafe try TypeText.parse(String(decoding: raw, as: UTF8.self), as: .integer)
        }
        guard case .integer(let width) = parsed else { return 0 }
        return Int(width)
    }

    private mutating func readNumber() throws(SQLError) -> Int? {
        var value: Int?
        while unsafe index < format.count {
            let digit = unsafe format[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = (value ?? 0) * 10 + Int(digit)
            guard let small = value, small <= Int(Int32.max) else {
                throw SQLError("number is out of range", .numericValueOutOfRange)
            }
            index += 1
        }
        return value
    }

    private var unterminated: SQLError {
        SQLError(
            "unterminated format() type specifier", .invalidParameterValue,
            hint: "For a single \"%\" use \"%%\".")
    }

    private var zeroPosition: SQLError {
        SQLError(
            "format specifies argument 0, but arguments are numbered from 1",
            .invalidParameterValue)
    }

    private func write(
        _ value: [UInt8]?, _ kind: UInt8, _ specifier: Specifier, to writer: inout StringWriter
    ) throws(SQLError) {
        var part = StringWriter()
        switch (kind, value) {
        case (UInt8(ascii: "s"), let value): part.append(value ?? [])
        case (UInt8(ascii: "L"), nil): part.append("NULL")
        case (UInt8(ascii: "L"), let value?):
            unsafe value.withBytes { unsafe QuoteKernels.literal($0, &part) }
        case (_, nil):
            throw SQLError(
                "null values cannot be formatted as an SQL identifier", .nullValueNotAllowed)
        case (_, let value?): unsafe value.withBytes { unsafe QuoteKernels.identifier($0, &part) }
        }
        let bytes = unsafe UnsafeRawBufferPointer(part.written)
        let blanks = unsafe max(specifier.width - UTF8Text.count(bytes), 0)
        if !specifier.isLeftAligned { for _ in 0..<blanks { writer.append(0x20 as UInt8) } }
        unsafe writer.append(bytes)
        if specifier.isLeftAligned { for _ in 0..<blanks { writer.append(0x20 as UInt8) } }
        withExtendedLifetime(part.arena) {}
    }
}
