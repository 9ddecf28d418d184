import Formats

/// Functions that give a part of a string; the result shares its bytes.
enum SubstringKernels {
    /// substring(text, from): characters count from 1.
    static func substringFrom(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let starts = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let skipped = unsafe Int(starts[row & mask]) - 1
            return unsafe UTF8Text.offset(bytes, max(skipped, 0))..<bytes.count
        }
    }

    /// substring(text, from, for)
    static func substring(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let starts = unsafe arguments[1].integers
        let counts = unsafe arguments[2].integers
        let (mask, other) = (arguments[1].indexMask, arguments[2].indexMask)
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let (first, end) = unsafe try range(Int(starts[row & mask]), Int(counts[row & other]))
            let low = unsafe UTF8Text.offset(bytes, first)
            return unsafe low..<UTF8Text.offset(bytes, end - first, from: low)
        }
    }

    /// Positions from 0, of what begins at the position `start` from 1 and is `count` long.
    static func range(_ start: Int, _ count: Int) throws(SQLError) -> (Int, Int) {
        guard count >= 0 else {
            throw SQLError("negative substring length not allowed", .substringError)
        }
        let first = max(start - 1, 0)
        return (first, max(first, start - 1 + count))
    }

    static func byteSubstringFrom(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let starts = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            unsafe min(max(Int(starts[row & mask]) - 1, 0), bytes.count)..<bytes.count
        }
    }

    static func byteSubstring(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let starts = unsafe arguments[1].integers
        let counts = unsafe arguments[2].integers
        let (mask, other) = (arguments[1].indexMask, arguments[2].indexMask)
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let (first, end) = unsafe try range(Int(starts[row & mask]), Int(counts[row & other]))
            return min(first, bytes.count)..<min(end, bytes.count)
        }
    }

    /// The first n characters; for a negative n all but the last -n.
    static func left(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let counts = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let count = unsafe Int(counts[row & mask])
            let kept = unsafe count >= 0 ? count : max(UTF8Text.count(bytes) + count, 0)
            return unsafe 0..<UTF8Text.offset(bytes, kept)
        }
    }

    /// The last n characters; for a negative n all but the first -n.
    static func right(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let counts = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let count = unsafe Int(counts[row & mask])
            let skipped = unsafe count >= 0 ? max(UTF8Text.count(bytes) - count, 0) : -count
            return unsafe UTF8Text.offset(bytes, skipped)..<bytes.count
        }
    }

    enum Side { case left, right, both }

    /// btrim, ltrim, rtrim: of blanks, or of the characters of a second argument.
    static func trim(
        _ side: Side, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        guard arguments.count > 1 else {
            return unsafe try TextLoop.view(arguments[0], context) { _, bytes throws(SQLError) in
                unsafe trimmed(bytes, side) { $0 == 0x20 }
            }
        }
        let sets = StringRows(arguments[1])
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let set = unsafe sets[row]
            if set.count == 1 {
                let only = unsafe set[0]
                return unsafe trimmed(bytes, side) { $0 == only }
            }
            if unsafe arguments[1].type == .bytea || UTF8Text.isASCII(set) {
                return unsafe trimmed(bytes, side) { byte in unsafe contains(set, byte) }
            }
            return unsafe trimmedCharacters(bytes, side, Set(UTF8Text.scalars(set)))
        }
    }

    private static func contains(_ set: UnsafeRawBufferPointer, _ byte: UInt8) -> Bool {
        for index in 0..<set.count where unsafe set[index] == byte { return true }
        return false
    }

    @inline(__always)
    private static func trimmed(
        _ bytes: UnsafeRawBufferPointer, _ side: Side, _ isDropped: (UInt8) -> Bool
    ) -> Range<Int> {
        var start = 0
        var end = bytes.count
        if side != .right { while start < end, unsafe isDropped(bytes[start]) { start += 1 } }
        if side != .left { while end > start, unsafe isDropped(bytes[end - 1]) { end -= 1 } }
        return start..<end
    }

    private static func trimmedCharacters(
        _ bytes: UnsafeRawBufferPointer, _ side: Side, _ set: Set<Unicode.Scalar>
    ) -> Range<Int> {
        var start = 0
        var end = bytes.count
        while side != .right, start < end {
            let (scalar, width) = unsafe UTF8Text.scalar(bytes, start)
            guard set.contains(scalar) else { break }
            start += width
        }
        while side != .left, end > start {
            var last = end - 1
            while last > start, unsafe UTF8Text.isContinuation(bytes[last]) { last -= 1 }
            guard unsafe set.contains(UTF8Text.scalar(bytes, last).scalar) else { break }
            end = last
        }
        return start..<end
    }

    /// split_part(text, delimiter, n): n counts from 1, from the end if negative.
    static func splitPart(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let delimiters = StringRows(arguments[1])
        let numbers = unsafe arguments[2].integers
        let mask = arguments[2].indexMask
        return unsafe try TextLoop.view(arguments[0], context) { row, bytes throws(SQLError) in
            let number = unsafe Int(numbers[row & mask])
            guard number != 0 else {
                throw SQLError("field position must not be zero", .invalidParameterValue)
            }
            return unsafe part(bytes, delimiters[row], number)
        }
    }

    /// The field of this number, from 1, between single bytes.
    private static func field(
        _ bytes: UnsafeRawBufferPointer, between delimiter: UInt8, _ number: Int
    ) -> Range<Int> {
        var start = number == 1 ? 0 : -1
        // Delimiters to the place that is looked for.
        var left = max(number &- 1, 1)
        var index = 0
        while index < bytes.count {
            var marks = unsafe ByteMarks.of(delimiter, in: bytes, from: index)
            var hits = marks.nonzeroBitCount
            while hits >= left {
                hits &-= left
                while left > 1 {
                    marks &= marks &- 1
                    left &-= 1
                }
                let place = index &+ marks.trailingZeroBitCount
                if start >= 0 { return start..<place }
                start = place &+ 1
                marks &= marks &- 1
            }
            left &-= hits
            index &+= 64
        }
        return start >= 0 ? start..<bytes.count : 0..<0
    }

    private static func part(
        _ bytes: UnsafeRawBufferPointer, _ delimiter: UnsafeRawBufferPointer, _ number: Int
    ) -> Range<Int> {
        if unsafe bytes.isEmpty { return 0..<0 }
        if unsafe delimiter.isEmpty { return number == 1 || number == -1 ? 0..<bytes.count : 0..<0 }
        if delimiter.count == 1, number > 0, unsafe delimiter[0] != 0 {
            return unsafe field(bytes, between: delimiter[0], number)
        }
        if number > 0 {
            var start = 0
            for _ in 1..<number {
                guard let place = unsafe UTF8Text.find(delimiter, in: bytes, from: start) else {
                    return 0..<0
                }
                start = place + delimiter.count
            }
            return unsafe start..<(UTF8Text.find(delimiter, in: bytes, from: start) ?? bytes.count)
        }
        var places: [Int] = []
        var start = 0
        while let place = unsafe UTF8Text.find(delimiter, in: bytes, from: start) {
            places.append(place)
            start = place + delimiter.count
        }
        let index = places.count + 1 + number
        guard index >= 0 else { return 0..<0 }
        let low = index == 0 ? 0 : places[index - 1] + delimiter.count
        return low..<(index < places.count ? places[index] : bytes.count)
    }
}
