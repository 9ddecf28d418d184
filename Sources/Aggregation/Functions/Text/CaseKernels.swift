import Formats

/// lower, upper and initcap: a letter becomes the one letter that the Unicode tables give it.
enum CaseKernels {
    static func lower(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try convert(arguments[0], context, first: 0x41) }

    static func upper(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try convert(arguments[0], context, first: 0x61) }

    /// `first`: the first of the 26 ASCII letters that are changed.
    private static func convert(
        _ column: Column, _ context: KernelContext, first: UInt8
    ) throws(SQLError) -> Column {
        let rows = StringRows(column)
        let views = Buffer<StringView>(capacity: context.count)
        var writer = StringWriter()
        var row = 0
        while row < context.count {
            let view = rows.view(row)
            if view.isInlineASCII {
                unsafe views.base[row] = view.mapInline { $0.changingASCIICase(first) }
            } else if context.isLive(row) {
                unsafe convert(rows[row], first, &writer)
                unsafe views.base[row] = writer.end()
            } else {
                unsafe views.base[row] = StringView()
            }
            row &+= 1
        }
        return Column(
            context.type, count: context.count, .string(views, owners: [writer.arena]))
    }

    private static func convert(
        _ bytes: UnsafeRawBufferPointer, _ first: UInt8, _ writer: inout StringWriter
    ) {
        if unsafe convertASCII(bytes, first, &writer) { return }
        for scalar in unsafe UTF8Text.scalars(bytes) {
            writer.append(first == 0x41 ? lowered(scalar) : uppered(scalar))
        }
    }

    /// Eight bytes at a time; false (and nothing written) where one is not ASCII.
    @inline(__always)
    private static func convertASCII(
        _ bytes: UnsafeRawBufferPointer, _ first: UInt8, _ writer: inout StringWriter
    ) -> Bool {
        let count = bytes.count
        let target = unsafe UnsafeMutableRawPointer(writer.reserve(count &+ 8))
        var index = 0
        var high: UInt64 = 0
        while count &- index >= 8 {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            high |= word
            unsafe target.storeBytes(
                of: word.changingASCIICase(first), toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        if count >= 8, index < count {
            // The last eight bytes once more.
            index = count &- 8
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            high |= word
            unsafe target.storeBytes(
                of: word.changingASCIICase(first), toByteOffset: index, as: UInt64.self)
            index = count
        }
        while index < count {
            let byte = unsafe bytes[index]
            high |= UInt64(byte)
            unsafe target.storeBytes(
                of: byte &- first < 26 ? byte ^ 0x20 : byte, toByteOffset: index, as: UInt8.self)
            index &+= 1
        }
        guard high & 0x8080_8080_8080_8080 == 0 else { return false }
        writer.advance(count)
        return true
    }

    static func lowered(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar.isASCII {
            return ("A"..."Z").contains(scalar)
                ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar
        }
        let mapped = scalar.properties.lowercaseMapping.unicodeScalars
        return mapped.count == 1 ? mapped.first ?? scalar : scalar
    }

    static func uppered(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar.isASCII {
            return ("a"..."z").contains(scalar)
                ? Unicode.Scalar(UInt8(scalar.value) & 0xDF) : scalar
        }
        let mapped = scalar.properties.uppercaseMapping.unicodeScalars
        return mapped.count == 1 ? mapped.first ?? scalar : scalar
    }

    /// The first letter of each word upper, the others lower; words are of letters and digits.
    static func initcap(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            var isInside = false
            for scalar in unsafe UTF8Text.scalars(rows[row]) {
                writer.append(isInside ? lowered(scalar) : uppered(scalar))
                isInside = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
            }
        }
    }
}

extension UInt64 {
    /// Eight bytes of ASCII with the 26 letters from `first` on in the other case.
    @inline(__always)
    fileprivate func changingASCIICase(_ first: UInt8) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let low = self & 0x7F7F_7F7F_7F7F_7F7F
        // The highest bit of each byte: first <= byte < first + 26.
        let letters =
            (low &+ UInt64(0x80 &- first) &* ones) & ~(low &+ UInt64(0x80 &- first &- 26) &* ones)
            & 0x8080_8080_8080_8080
        return self ^ (letters &>> 2)
    }
}
