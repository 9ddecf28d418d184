/// A growing buffer of output bytes that is filled, written out and filled again without being
/// freed.
///
/// It owns its memory and is used by one thread at a time. Writers reserve once and then append
/// without further checks of their own; every append still checks the room that is left.
@safe public struct OutputBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var used = 0

    /// Room for `capacity` bytes at first; it grows as needed.
    public init(capacity: Int = 64 * 1024) {
        self.capacity = max(64, capacity)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    @inlinable public var count: Int { used }
    @inlinable public var isEmpty: Bool { used == 0 }

    /// What was appended and not yet removed.
    @inlinable public var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: used)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// A copy of the bytes.
    public var array: [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: used))
    }

    /// Makes sure that `more` bytes fit without growing.
    @inlinable
    public mutating func reserve(_ more: Int) {
        if more > capacity &- used { grow(more) }
    }

    @inline(never)
    @usableFromInline
    mutating func grow(_ more: Int) {
        precondition(more >= 0, "a buffer does not shrink")
        let larger = max(capacity * 2, used + more)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe moved.copyMemory(from: base, byteCount: used)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = larger
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
        used &+= 1
    }

    @inlinable
    public mutating func append(_ more: UnsafeRawBufferPointer) {
        guard let start = more.baseAddress, more.count > 0 else { return }
        reserve(more.count)
        unsafe (base + used).copyMemory(from: start, byteCount: more.count)
        used &+= more.count
    }

    @inlinable
    public mutating func append(_ more: RawSpan) {
        unsafe more.withUnsafeBytes { unsafe append($0) }
    }

    /// Appends the bytes of `source` in `range`, which lies inside it.
    @inlinable
    public mutating func append(_ source: RawSpan, _ range: Range<Int>) {
        append(source.extracting(range))
    }

    @inlinable
    public mutating func append(_ more: [UInt8]) {
        unsafe more.withUnsafeBytes { unsafe append($0) }
    }

    @inlinable
    public mutating func append(_ text: StaticString) {
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends once more what stands in `range`.
    public mutating func append(again range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= used, "it stands in the buffer")
        reserve(range.count)
        unsafe (base + used).copyMemory(from: base + range.lowerBound, byteCount: range.count)
        used &+= range.count
    }

    /// Appends `count` bytes, all of which `fill` writes.
    @inlinable
    public mutating func append(count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        reserve(count)
        unsafe fill(UnsafeMutableRawBufferPointer(start: base + used, count: count))
        used &+= count
    }

    public mutating func append(utf8 text: String) {
        var text = text
        text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends an integer, most significant byte first.
    @inlinable
    public mutating func append<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T) {
        reserve(MemoryLayout<T>.size)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: used, as: T.self)
        used &+= MemoryLayout<T>.size
    }

    /// Appends an integer in decimal digits.
    @inlinable
    public mutating func append(decimal value: Int64) {
        reserve(20)
        if value < 0 {
            unsafe base.storeBytes(of: UInt8(ascii: "-"), toByteOffset: used, as: UInt8.self)
            used &+= 1
        }
        let digits = Self.digitCount(value.magnitude)
        putDigits(value.magnitude, count: digits)
    }

    /// Appends the last `count` digits of a number, for which there is room, two at a time.
    @inlinable
    @inline(__always)
    mutating func putDigits(_ value: UInt64, count: Int) {
        let pairs: StaticString = """
            00010203040506070809101112131415161718192021222324252627282930313233343536373839\
            40414243444546474849505152535455565758596061626364656667686970717273747576777879\
            8081828384858687888990919293949596979899
            """
        let table = unsafe UnsafeRawPointer(pairs.utf8Start)
        var rest = value
        var index = used &+ count
        used = index
        var left = count
        while left >= 2 {
            let quotient = rest / 100
            let pair = Int(truncatingIfNeeded: rest &- quotient &* 100)
            rest = quotient
            index &-= 2
            left &-= 2
            unsafe base.storeBytes(
                of: table.loadUnaligned(fromByteOffset: pair &* 2, as: UInt16.self),
                toByteOffset: index, as: UInt16.self)
        }
        if left > 0 {
            let digit = UInt8(truncatingIfNeeded: rest % 10) &+ UInt8(ascii: "0")
            unsafe base.storeBytes(of: digit, toByteOffset: index &- 1, as: UInt8.self)
        }
    }

    /// Appends `value`, at least `width` digits wide, filled with zeros on the left.
    public mutating func append(decimal value: Int64, width: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        let digits = Self.digitCount(value.magnitude)
        for _ in 0..<max(0, width - digits) { append(UInt8(ascii: "0")) }
        if value == .min { return append("9223372036854775808") }
        append(decimal: abs(value))
    }

    /// Decimal digits of a number; of 0 one.
    @inlinable
    @inline(__always)
    static func digitCount(_ value: UInt64) -> Int {
        // log10(2) is close to 1233 / 4096.
        let guess = ((64 &- (value | 1).leadingZeroBitCount) &* 1233) &>> 12
        if guess == 19 { return value >= 10_000_000_000_000_000_000 ? 20 : 19 }
        return guess &+ (value | 1 >= UInt64(Numeric.shortPower(guess)) ? 1 : 0)
    }

    /// Appends two lower-case hexadecimal digits a byte.
    public mutating func append(hex source: RawSpan) {
        reserve(source.byteCount &* 2)
        for index in 0..<source.byteCount {
            let byte = unsafe source.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
            append(hexDigit(byte >> 4))
            append(hexDigit(byte & 15))
        }
    }

    /// Takes back what was appended after the buffer held `count` bytes.
    @inlinable
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= used, "a buffer is cut to what it holds")
        used = count
    }

    /// Forgets the first `count` bytes and moves the rest to the front.
    public mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= used, "a buffer gives up what it holds")
        let rest = used - count
        if rest > 0 && count > 0 { unsafe base.copyMemory(from: base + count, byteCount: rest) }
        used = rest
    }

    @inlinable public mutating func removeAll() { used = 0 }
}

// The memory has one owner, which moves with the value.
extension OutputBuffer: @unchecked Sendable {}

/// The lower-case hexadecimal digit of a number below 16.
@inlinable
func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? value &+ UInt8(ascii: "0") : value &+ (UInt8(ascii: "a") &- 10)
}
