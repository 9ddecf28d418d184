import Formats

/// The functions of regular expressions that give one value a row.
enum RegexKernels {
    /// `text ~ pattern` and its kin.
    static func matching(
        ignoresCase: Bool, isNegated: Bool
    ) -> ScalarFunction.Kernel {
        var options = RegexOptions()
        options.ignoresCase = ignoresCase
        let chosen = options
        return { arguments, context throws(SQLError) in
            var user = RegexUser()
            let (texts, patterns) = (arguments[0], arguments[1])
            return try RowLoop.booleans(arguments, context) { row throws(SQLError) in
                let expression = try user.expression(pattern(patterns, row), chosen)
                return unsafe text(texts, row).withBytes { unsafe expression.matches($0) }
                    != isNegated
            }
        }
    }

    @inline(__always)
    static func text(_ column: Column, _ row: Int) -> StringView {
        unsafe column.strings[row & column.indexMask]
    }

    @inline(__always)
    static func pattern(_ column: Column, _ row: Int) -> StringView { text(column, row) }

    static func flags(
        _ arguments: [Column], _ index: Int, _ row: Int
    ) throws(SQLError) -> RegexFlags {
        guard index < arguments.count else { return RegexFlags() }
        return try RegexFlags(text(arguments[index], row).string)
    }

    static func like(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.booleans(arguments, context) { row throws(SQLError) in
            let flags = try flags(arguments, 2, row).refusingGlobal("regexp_like")
            let expression = try user.expression(text(arguments[1], row), flags.options)
            return unsafe text(arguments[0], row).withBytes { unsafe expression.matches($0) }
        }
    }

    /// regexp_match(text, pattern[, flags]): the groups of the first match, or the match.
    static func match(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let flags = try flags(arguments, 2, row).refusingGlobal(
                "regexp_match", hint: "Use the regexp_matches function instead.")
            let expression = try user.expression(text(arguments[1], row), flags.options)
            let text = text(arguments[0], row)
            unsafe text.withBytes { bytes in
                if unsafe expression.find(bytes) {
                    unsafe appendGroups(expression, bytes, builder)
                } else {
                    builder.appendNull()
                }
            }
        }
    }

    /// One group of the first match (1: the match, if there are no groups), as a part of the text.
    static func matchedGroup(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        let texts = StringRows(arguments[0])
        let groups = unsafe arguments[2].integers
        let views = Buffer<StringView>(repeating: StringView(), count: context.count)
        let validity = Bitmap.allSet(context.count)
        for row in 0..<context.count {
            guard context.isLive(row) else { continue }
            let expression = try user.expression(text(arguments[1], row), RegexOptions())
            let bytes = unsafe texts[row]
            let group = unsafe Int(groups[row & arguments[2].indexMask])
            let last = max(expression.groupCount, 1)
            let place = expression.groupCount == 0 ? 0 : group
            guard group >= 1, group <= last, unsafe expression.find(bytes),
                expression.starts[place] >= 0, let base = bytes.baseAddress
            else {
                validity.clear(row)
                continue
            }
            let start = expression.starts[place]
            views[row] = unsafe StringView(
                (base + start).assumingMemoryBound(to: UInt8.self),
                count: expression.ends[place] - start)
        }
        guard case .string(_, let owners) = arguments[0].storage else {
            preconditionFailure("a text is stored as strings")
        }
        return Column(
            context.type, count: context.count, .string(views, owners: owners),
            validity: validity)
    }

    static func appendGroups(
        _ expression: RegularExpression, _ bytes: UnsafeRawBufferPointer,
        _ builder: ColumnBuilder
    ) {
        builder.appendArray { elements in
            let groups = expression.groupCount == 0 ? 0...0 : 1...expression.groupCount
            for group in groups {
                let start = expression.starts[group]
                if start < 0 {
                    elements.appendNull()
                } else {
                    let range = start..<expression.ends[group]
                    unsafe elements.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[range]))
                }
            }
        }
    }

    /// Calls `body` with each match, groups too if asked for; it gives false to stop.
    static func forEachMatch(
        _ expression: RegularExpression, _ bytes: UnsafeRawBufferPointer, from: Int = 0,
        wantsGroups: Bool = true, _ body: () -> Bool
    ) {
        var position = from
        while position <= bytes.count,
            unsafe expression.find(bytes, from: position, wantsGroups: wantsGroups)
        {
            guard body() else { return }
            // Behind an empty match the search goes on one character further.
            let end = expression.ends[0]
            position = end > expression.starts[0] ? end : unsafe next(bytes, end)
        }
    }

    /// The character's end, or what is behind the text.
    private static func next(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Int {
        var next = position + 1
        while next < bytes.count, unsafe bytes[next] & 0xC0 == 0x80 { next += 1 }
        return next
    }

    /// Where character `number`, counted from 1, begins; past the end of the text what is behind
    /// it.
    static func offset(_ bytes: UnsafeRawBufferPointer, ofCharacter number: Int64) -> Int {
        var position = 0
        var left = number - 1
        while left > 0, position < bytes.count {
            position = unsafe next(bytes, position)
            left -= 1
        }
        return left > 0 ? bytes.count + 1 : position
    }

    static func characters(_ bytes: UnsafeRawBufferPointer, before offset: Int) -> Int64 {
        var count: Int64 = 0
        for index in 0..<min(offset, bytes.count) where unsafe bytes[index] & 0xC0 != 0x80 {
            count += 1
        }
        return count
    }

    /// regexp_split_to_array(text, pattern[, flags])
    static func split(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let flags = try flags(arguments, 2, row).refusingGlobal("regexp_split_to_array")
            let expression = try user.expression(text(arguments[1], row), flags.options)
            unsafe text(arguments[0], row).withBytes { bytes in
                builder.appendArray { elements in
                    unsafe forEachPiece(expression, bytes) {
                        unsafe elements.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[$0]))
                    }
                }
            }
        }
    }

    /// Calls `body` with the text between matches. An empty match right behind another match, or at
    /// the beginning or the end of the text, separates nothing.
    static func forEachPiece(
        _ expression: RegularExpression, _ bytes: UnsafeRawBufferPointer,
        _ body: (Range<Int>) -> Void
    ) {
        var last = 0
        unsafe forEachMatch(expression, bytes, wantsGroups: false) {
            let (start, end) = (expression.starts[0], expression.ends[0])
            if end == start, start == bytes.count || start == last { return true }
            body(last..<start)
            last = end
            return true
        }
        body(last..<bytes.count)
    }

    /// regexp_count(text, pattern[, start[, flags]])
    static func count(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let start = try positive(arguments, 2, row, "start")
            let flags = try flags(arguments, 3, row).refusingGlobal("regexp_count")
            let expression = try user.expression(text(arguments[1], row), flags.options)
            var count: Int64 = 0
            unsafe text(arguments[0], row).withBytes { bytes in
                let from = unsafe offset(bytes, ofCharacter: start)
                unsafe forEachMatch(expression, bytes, from: from, wantsGroups: false) {
                    count += 1
                    return true
                }
            }
            builder.append(integer: count)
        }
    }

    /// An argument that counts from `least`; 1 where it is left out, 0 if it may be.
    static func positive(
        _ arguments: [Column], _ index: Int, _ row: Int, _ name: String, least: Int64 = 1
    ) throws(SQLError) -> Int64 {
        guard index < arguments.count else { return least }
        let column = arguments[index]
        let value = unsafe column.integers[row & column.indexMask]
        guard value >= least else {
            throw SQLError(
                "invalid value for parameter \"\(name)\": \(value)", .invalidParameterValue)
        }
        return value
    }

    /// regexp_substr(text, pattern[, start[, n[, flags[, group]]]])
    static func substring(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let start = try positive(arguments, 2, row, "start")
            let number = try positive(arguments, 3, row, "n")
            let flags = try flags(arguments, 4, row).refusingGlobal("regexp_substr")
            let group = try positive(arguments, 5, row, "subexpr", least: 0)
            let expression = try user.expression(text(arguments[1], row), flags.options)
            unsafe text(arguments[0], row).withBytes { bytes in
                guard let place = unsafe place(expression, bytes, start, number, group) else {
                    return builder.appendNull()
                }
                unsafe builder.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[place]))
            }
        }
    }

    /// Where the n-th match, or a group of it, is.
    private static func place(
        _ expression: RegularExpression, _ bytes: UnsafeRawBufferPointer, _ start: Int64,
        _ number: Int64, _ group: Int64
    ) -> Range<Int>? {
        // Without groups the first is the match itself.
        let index = expression.groupCount == 0 && group == 1 ? 0 : group
        guard index <= Int64(expression.groupCount) else { return nil }
        var left = number
        var result: Range<Int>?
        let from = unsafe offset(bytes, ofCharacter: start)
        unsafe forEachMatch(expression, bytes, from: from, wantsGroups: index > 0) {
            left -= 1
            guard left == 0 else { return true }
            let first = expression.starts[Int(index)]
            if first >= 0 { result = first..<expression.ends[Int(index)] }
            return false
        }
        return result
    }

    /// regexp_instr(text, pattern[, start[, n[, endoption[, flags[, group]]]]])
    static func position(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let start = try positive(arguments, 2, row, "start")
            let number = try positive(arguments, 3, row, "n")
            let end = try positive(arguments, 4, row, "endoption", least: 0)
            guard end <= 1 else {
                throw SQLError(
                    "invalid value for parameter \"endoption\": \(end)", .invalidParameterValue)
            }
            let flags = try flags(arguments, 5, row).refusingGlobal("regexp_instr")
            let group = try positive(arguments, 6, row, "subexpr", least: 0)
            let expression = try user.expression(text(arguments[1], row), flags.options)
            let position = unsafe text(arguments[0], row).withBytes { bytes in
                guard let place = unsafe place(expression, bytes, start, number, group) else {
                    return Int64(0)
                }
                let offset = end == 1 ? place.upperBound : place.lowerBound
                return unsafe characters(bytes, before: offset) + 1
            }
            builder.append(integer: position)
        }
    }

    /// substring(text FROM pattern): the first group, or the match.
    static func part(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var user = RegexUser()
        return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            let expression = try user.expression(text(arguments[1], row), RegexOptions())
            unsafe text(arguments[0], row).withBytes { bytes in
                let group = min(1, expression.groupCount)
                guard unsafe expression.find(bytes, wantsGroups: group > 0),
                    expression.starts[group] >= 0
                else { return builder.appendNull() }
                let place = expression.starts[group]..<expression.ends[group]
                unsafe builder.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[place]))
            }
        }
    }
}
