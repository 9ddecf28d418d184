import Formats

/// regexp_replace: what stands in the place of a match, `\1` to `\9` and `\&` in it.
struct RegexReplacement {
    private enum Piece {
        case bytes([UInt8])
        /// 0 is the whole match.
        case group(Int)
    }

    private var pieces: [Piece] = []
    private(set) var wantsGroups = false

    init(_ text: [UInt8]) {
        var plain: [UInt8] = []
        var index = 0
        func isGroup(_ byte: UInt8) -> Bool { byte >= 0x31 && byte <= 0x39 }
        while index < text.count {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < text.count else {
                plain.append(byte)
                continue
            }
            let next = text[index]
            if next == UInt8(ascii: "&") || isGroup(next) {
                if !plain.isEmpty { pieces.append(.bytes(plain)) }
                plain = []
                let group = next == UInt8(ascii: "&") ? 0 : Int(next) - 0x30
                if group > 0 { wantsGroups = true }
                pieces.append(.group(group))
                index += 1
            } else if next == UInt8(ascii: "\\") {
                plain.append(next)
                index += 1
            } else {
                // A backslash before anything else is kept.
                plain.append(byte)
            }
        }
        if !plain.isEmpty { pieces.append(.bytes(plain)) }
    }

    func append(
        _ expression: RegularExpression, _ text: UnsafeRawBufferPointer,
        to target: inout [UInt8]
    ) {
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): target.append(contentsOf: bytes)
            case .group(let group):
                guard group <= expression.groupCount, expression.starts[group] >= 0 else {
                    continue
                }
                let range = expression.starts[group]..<expression.ends[group]
                unsafe target.append(contentsOf: text[range])
            }
        }
    }

    /// The text with its n-th match replaced, or all if `number` is 0; nil if nothing matched.
    func replacing(
        _ expression: RegularExpression, _ text: UnsafeRawBufferPointer, from: Int,
        number: Int64, into target: inout [UInt8]
    ) -> Bool {
        var last = 0
        var seen: Int64 = 0
        target.removeAll(keepingCapacity: true)
        unsafe RegexKernels.forEachMatch(
            expression, text, from: from, wantsGroups: wantsGroups
        ) {
            seen += 1
            guard number == 0 || seen == number else { return true }
            unsafe target.append(contentsOf: text[last..<expression.starts[0]])
            unsafe append(expression, text, to: &target)
            last = expression.ends[0]
            return number == 0
        }
        guard last > 0 || !target.isEmpty || seen > 0 else { return false }
        unsafe target.append(contentsOf: text[last...])
        return true
    }
}

extension RegexKernels {
    /// regexp_replace(text, pattern, replacement[, flags]) and
    /// regexp_replace(text, pattern, replacement, start[, n[, flags]])
    static func replace(hasStart: Bool) -> ScalarFunction.Kernel {
        { arguments, context throws(SQLError) in
            var user = RegexUser()
            var known: (view: StringView, replacement: RegexReplacement)?
            var target: [UInt8] = []
            return try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                var start: Int64 = 1
                var number: Int64 = 1
                let flags: RegexFlags
                if hasStart {
                    start = try positive(arguments, 3, row, "start")
                    if arguments.count > 4 {
                        number = try positive(arguments, 4, row, "n", least: 0)
                    }
                    // With n the flag g says nothing.
                    flags = try self.flags(arguments, 5, row)
                } else {
                    try refuseNumber(arguments, row)
                    flags = try self.flags(arguments, 3, row)
                    number = flags.isGlobal ? 0 : 1
                }
                let view = text(arguments[2], row)
                if known?.view != view {
                    known = (view, RegexReplacement(view.bytes))
                }
                let expression = try user.expression(text(arguments[1], row), flags.options)
                unsafe text(arguments[0], row).withBytes { bytes in
                    let from = unsafe offset(bytes, ofCharacter: start)
                    guard let replacement = known?.replacement,
                        unsafe replacement.replacing(
                            expression, bytes, from: from, number: number, into: &target)
                    else { return unsafe builder.append(bytes: bytes) }
                    unsafe target.withUnsafeBytes { unsafe builder.append(bytes: $0) }
                }
            }
        }
    }

    /// A digit among the flags was meant as the place to start.
    private static func refuseNumber(_ arguments: [Column], _ row: Int) throws(SQLError) {
        guard arguments.count > 3, let first = text(arguments[3], row).string.unicodeScalars.first,
            first >= "0", first <= "9"
        else { return }
        throw SQLError(
            "invalid regular expression option: \"\(first)\"", .invalidParameterValue,
            hint: "If you meant to use regexp_replace() with a start parameter, cast the fourth "
                + "argument to integer explicitly.")
    }
}
