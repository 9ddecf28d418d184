import Formats

/// A pattern of LIKE, taken apart: `%` stands for any text, `_` for one character, the escape makes
/// the next character stand for itself.
struct LikePattern {
    /// What stands between two `%`.
    struct Segment {
        /// 0 stands for any character where `hasWildcards` is set: text holds no such byte.
        var bytes: [UInt8] = []
        var characters = 0
        var hasWildcards = false
    }

    private enum Shape {
        /// No `%`: all of the text.
        case whole
        /// `abc%`
        case prefix
        /// `%abc`
        case suffix
        /// `%abc%`
        case contains
        /// `%`
        case anything
        case general
    }

    private var segments: [Segment] = []
    private var shape = Shape.general
    /// It ends in its escape character, which fails for a text that comes so far.
    private var failsWhenMatched = false

    init(
        _ pattern: UnsafeRawBufferPointer, escape: UInt8? = UInt8(ascii: "\\")
    ) throws(SQLError) {
        var current = Segment()
        var index = 0
        while index < pattern.count {
            var byte = unsafe pattern[index]
            switch byte {
            case UInt8(ascii: "%"):
                segments.append(current)
                current = Segment()
                index += 1
                continue
            case UInt8(ascii: "_"):
                current.hasWildcards = true
                current.characters += 1
                current.bytes.append(0)
                index += 1
                continue
            default: break
            }
            if byte == escape {
                index += 1
                guard index < pattern.count else {
                    // As if it ended in `_%`: what that matches has come to the escape.
                    failsWhenMatched = true
                    current.hasWildcards = true
                    current.characters += 1
                    current.bytes.append(0)
                    segments.append(current)
                    current = Segment()
                    break
                }
                byte = unsafe pattern[index]
            }
            if !UTF8Text.isContinuation(byte) { current.characters += 1 }
            current.bytes.append(byte)
            index += 1
        }
        segments.append(current)
        shape = findShape()
    }

    private func findShape() -> Shape {
        if segments.contains(where: { $0.hasWildcards }) { return .general }
        switch segments.count {
        case 1: return .whole
        case 2 where segments[0].bytes.isEmpty && segments[1].bytes.isEmpty: return .anything
        case 2 where segments[0].bytes.isEmpty: return .suffix
        case 2 where segments[1].bytes.isEmpty: return .prefix
        case 3 where segments[0].bytes.isEmpty && segments[2].bytes.isEmpty: return .contains
        default: return .general
        }
    }

    /// Calls `body` with a test of texts; the shape is looked at once, not for each text.
    func matches(
        _ rows: StringRows, _ context: KernelContext
    ) throws(SQLError) -> Column {
        let first = segments[0].bytes
        let last = segments[segments.count - 1].bytes
        switch shape {
        case .anything: return try TextLoop.booleans(context) { _ throws(SQLError) in true }
        case .whole:
            return unsafe try first.withBytes { (wanted) throws(SQLError) in
                try TextLoop.booleans(context) { row throws(SQLError) in
                    unsafe equalBytes(rows[row], wanted)
                }
            }
        case .prefix:
            return unsafe try first.withBytes { (wanted) throws(SQLError) in
                try TextLoop.booleans(context) { row throws(SQLError) in
                    unsafe LikePattern.hasPrefix(rows[row], wanted)
                }
            }
        case .suffix:
            return unsafe try last.withBytes { (wanted) throws(SQLError) in
                try TextLoop.booleans(context) { row throws(SQLError) in
                    unsafe LikePattern.hasSuffix(rows[row], wanted)
                }
            }
        case .contains:
            return unsafe try segments[1].bytes.withBytes { (wanted) throws(SQLError) in
                try TextLoop.booleans(context) { row throws(SQLError) in
                    unsafe UTF8Text.find(wanted, in: rows[row]) != nil
                }
            }
        case .general where failsWhenMatched:
            return try TextLoop.booleans(context) { row throws(SQLError) in
                unsafe try test(rows[row])
            }
        case .general:
            return try TextLoop.booleans(context) { row throws(SQLError) in
                unsafe matches(rows[row])
            }
        }
    }

    /// Whether the text matches; an error if it comes to an escape at the pattern's end.
    func test(_ text: UnsafeRawBufferPointer) throws(SQLError) -> Bool {
        let isMatch = unsafe matches(text)
        guard isMatch, failsWhenMatched else { return isMatch }
        throw SQLError(
            "LIKE pattern must not end with escape character", .invalidEscapeSequence)
    }

    @inline(__always)
    private static func hasPrefix(
        _ bytes: UnsafeRawBufferPointer, _ wanted: UnsafeRawBufferPointer
    ) -> Bool {
        unsafe bytes.count >= wanted.count
            && equalBytes(UnsafeRawBufferPointer(rebasing: bytes[..<wanted.count]), wanted)
    }

    @inline(__always)
    private static func hasSuffix(
        _ bytes: UnsafeRawBufferPointer, _ wanted: UnsafeRawBufferPointer
    ) -> Bool {
        unsafe bytes.count >= wanted.count
            && equalBytes(
                UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - wanted.count)...]), wanted)
    }

    /// Segments are found one behind the other, each as early as it can be.
    func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var start = unsafe end(of: segments[0], bytes, 0) else { return false }
        if segments.count == 1 { return start == bytes.count }
        for segment in segments[1..<(segments.count - 1)] {
            guard let next = unsafe find(segment, bytes, start) else { return false }
            start = next
        }
        let last = segments[segments.count - 1]
        var place = bytes.count
        for _ in 0..<last.characters {
            if place <= start { return false }
            place -= 1
            while place > start, unsafe UTF8Text.isContinuation(bytes[place]) { place -= 1 }
        }
        return unsafe place >= start && end(of: last, bytes, place) == bytes.count
    }

    /// Behind the segment, if it stands at `start`.
    private func end(
        of segment: Segment, _ bytes: UnsafeRawBufferPointer, _ start: Int
    ) -> Int? {
        var offset = start
        for byte in segment.bytes {
            guard offset < bytes.count else { return nil }
            if byte == 0 && segment.hasWildcards {
                unsafe offset += UTF8Text.width(bytes[offset])
            } else if unsafe bytes[offset] == byte {
                offset += 1
            } else {
                return nil
            }
        }
        return min(offset, bytes.count)
    }

    /// Behind the first place of the segment at or behind `start`.
    private func find(
        _ segment: Segment, _ bytes: UnsafeRawBufferPointer, _ start: Int
    ) -> Int? {
        if !segment.hasWildcards {
            return unsafe segment.bytes.withBytes { wanted in
                unsafe UTF8Text.find(wanted, in: bytes, from: start).map { $0 + wanted.count }
            }
        }
        var place = start
        while place <= bytes.count {
            if let end = unsafe end(of: segment, bytes, place) { return end }
            if place == bytes.count { return nil }
            unsafe place += UTF8Text.width(bytes[place])
        }
        return nil
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` with a typed error.
    @inline(__always)
    func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(SQLError) -> Result
    ) throws(SQLError) -> Result {
        unsafe try span.withUnsafeBytes { (raw) throws(SQLError) in unsafe try body(raw) }
    }

    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe withUnsafeBytes { unsafe body($0) }
    }
}

/// LIKE, ILIKE and the functions that rewrite patterns.
enum LikeKernels {
    static func like(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let patterns = StringRows(arguments[1])
        if arguments[1].isConstant {
            if context.count == 0 { return Column.constant(.null, .boolean, count: 0) }
            return unsafe try LikePattern(patterns[0]).matches(rows, context)
        }
        return try TextLoop.booleans(context) { row throws(SQLError) in
            unsafe try LikePattern(patterns[row]).test(rows[row])
        }
    }

    static func ilike(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try like(try lowered(arguments, context), context)
    }

    private static func lowered(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> [Column] {
        var text = context
        text.type = .text
        var one = text
        one.count = min(1, context.count)
        one.live = nil
        var result: [Column] = []
        for argument in arguments {
            if argument.isConstant {
                let column = try CaseKernels.lower([argument], one)
                result.append(
                    Column(.text, count: context.count, column.storage, isConstant: true))
            } else {
                result.append(try CaseKernels.lower([argument], text))
            }
        }
        return result
    }

    static func negated(
        _ kernel: @escaping ScalarFunction.Kernel
    ) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            let column = try kernel(arguments, context)
            let target = Buffer<UInt8>(capacity: column.count)
            for row in 0..<column.count { target[row] = unsafe column.booleans[row] ^ 1 }
            return Column(.boolean, count: column.count, .boolean(target))
        }
    }

    /// LIKE with ESCAPE.
    static func escaped(
        _ kernel: ScalarFunction.Kernel, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let pattern = try rewritten(Array(arguments[1...]), context, escape)
        return try kernel([arguments[0], pattern], context)
    }

    /// A pattern rewritten by `kernel`; once if it is constant.
    static func rewritten(
        _ arguments: [Column], _ context: KernelContext, _ kernel: ScalarFunction.Kernel
    ) throws(SQLError) -> Column {
        var text = context
        text.type = .text
        guard arguments.allSatisfy({ $0.isConstant }) else { return try kernel(arguments, text) }
        text.count = min(1, context.count)
        text.live = nil
        let column = try kernel(arguments.map { $0.repeated(text.count) }, text)
        return Column(.text, count: context.count, column.storage, isConstant: true)
    }

    /// like_escape(pattern, escape): the pattern with backslash as its escape.
    static func escape(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let escapes = StringRows(arguments[1])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let escape = unsafe UTF8Text.scalars(escapes[row])
            guard escape.count <= 1 else {
                throw SQLError(
                    "invalid escape string", .invalidEscapeSequence,
                    hint: "Escape string must be empty or one character.")
            }
            var isEscaped = false
            for scalar in unsafe UTF8Text.scalars(rows[row]) {
                if scalar == escape.first && !isEscaped {
                    writer.append(UInt8(ascii: "\\"))
                    isEscaped = true
                } else if scalar == "\\" {
                    writer.append("\\")
                    if !isEscaped { writer.append("\\") }
                    isEscaped = false
                } else {
                    writer.append(scalar)
                    isEscaped = false
                }
            }
        }
    }
}
