/// A string of bytes in 16 bytes: its length, and the bytes themselves up to 12 of them, else the
/// first four and where all lie.
///
/// The memory behind the pointer belongs to an owner that the column holds; whoever keeps a string
/// longer than its column copies the bytes. Most comparisons end with the first eight bytes (after
/// Neumann and Freitag, "Umbra", CIDR 2020).
@safe public struct StringView: BitwiseCopyable, @unchecked Sendable {
    /// Length in the low half, the first four bytes in the high half, in the order of memory.
    @usableFromInline var head: UInt64
    /// Bytes 4 to 11, or the address.
    @usableFromInline var tail: UInt64

    public static let inlineMax = 12

    @inlinable
    public init() {
        head = 0
        tail = 0
    }

    /// A view of `count` bytes at `base`, which outlive it if there are more than 12.
    @inlinable
    @inline(__always)
    public init(_ base: UnsafePointer<UInt8>, count: Int) {
        precondition(count <= Int(UInt32.max), "a string has at most 4 GiB")
        var head = UInt64(UInt32(truncatingIfNeeded: count))
        if count <= Self.inlineMax {
            var tail: UInt64 = 0
            if count >= 8 {
                let low = unsafe UnsafeRawPointer(base).loadUnaligned(as: UInt32.self)
                head |= UInt64(low) &<< 32
                // The last eight bytes overlap the first; shifting drops what is there twice.
                let last = unsafe UnsafeRawPointer(base + (count &- 8))
                    .loadUnaligned(as: UInt64.self)
                tail = last &>> UInt64((12 &- count) &* 8)
            } else if count >= 4 {
                let low = unsafe UnsafeRawPointer(base).loadUnaligned(as: UInt32.self)
                head |= UInt64(low) &<< 32
                let last = unsafe UnsafeRawPointer(base + (count &- 4))
                    .loadUnaligned(as: UInt32.self)
                tail = UInt64(last) &>> UInt64((8 &- count) &* 8)
            } else {
                var index = 0
                while index < count {
                    unsafe head |= UInt64(base[index]) &<< UInt64(32 &+ index &* 8)
                    index &+= 1
                }
            }
            self.head = head
            self.tail = tail
        } else {
            let low = unsafe UnsafeRawPointer(base).loadUnaligned(as: UInt32.self)
            self.head = head | UInt64(low) &<< 32
            self.tail = UInt64(UInt(bitPattern: base))
        }
    }

    @inlinable
    @inline(__always)
    public var count: Int { Int(UInt32(truncatingIfNeeded: head)) }

    @inlinable
    @inline(__always)
    public var isInline: Bool { count <= Self.inlineMax }

    @inlinable
    @inline(__always)
    public var isInlineASCII: Bool {
        isInline && (head &>> 32 | tail) & 0x8080_8080_8080_8080 == 0
    }

    /// An inline string with its bytes changed, which `change` gets some at a time; those behind
    /// the end are 0 and must stay so.
    @inlinable
    @inline(__always)
    public func mapInline(_ change: (UInt64) -> UInt64) -> StringView {
        var result = self
        result.head = head & 0xFFFF_FFFF | change(head &>> 32) &<< 32
        result.tail = change(tail)
        return result
    }

    /// Calls `body` with the bytes, which live as long as the call.
    @inlinable
    @inline(__always)
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = count
        if count > Self.inlineMax {
            let start = unsafe UnsafeRawPointer(bitPattern: UInt(tail))
            return try unsafe body(UnsafeRawBufferPointer(start: start, count: count))
        }
        // Head and tail lie behind each other, so bytes 4 to 15 are the string (little-endian).
        return try unsafe withUnsafeBytes(of: self) { (raw) throws(Failure) in
            try unsafe body(UnsafeRawBufferPointer(rebasing: raw[4..<4 &+ count]))
        }
    }

    @inlinable
    public static func == (a: StringView, b: StringView) -> Bool {
        if a.head != b.head { return false }
        if a.tail == b.tail { return true }
        if a.isInline { return false }
        return unsafe a.withBytes { x in
            unsafe b.withBytes { y in unsafe equalBytes(x, y) }
        }
    }

    /// Negative, 0 or positive, by bytes (collation "C").
    @inlinable
    public static func compare(_ a: StringView, _ b: StringView) -> Int {
        let x = UInt32(truncatingIfNeeded: a.head &>> 32).bigEndian
        let y = UInt32(truncatingIfNeeded: b.head &>> 32).bigEndian
        if x != y { return x < y ? -1 : 1 }
        return unsafe a.withBytes { p in
            unsafe b.withBytes { q in unsafe compareBytes(p, q) }
        }
    }

    /// The bytes as text; what is not UTF-8 is replaced.
    public var string: String {
        unsafe withBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    public var bytes: [UInt8] { unsafe withBytes { unsafe Array($0) } }
}

extension StringView: Equatable {}

/// True if both hold the same bytes; they are of one length.
@inlinable
public func equalBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    var index = 0
    while a.count &- index >= 8 {
        let x = unsafe a.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        let y = unsafe b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if x != y { return false }
        index &+= 8
    }
    while index < a.count {
        if unsafe a[index] != b[index] { return false }
        index &+= 1
    }
    return true
}

/// Negative, 0 or positive, in the order of unsigned bytes, the shorter first.
@inlinable
public func compareBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let shared = min(a.count, b.count)
    var index = 0
    while shared &- index >= 8 {
        let x = unsafe a.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        let y = unsafe b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if x != y { return x.bigEndian < y.bigEndian ? -1 : 1 }
        index &+= 8
    }
    while index < shared {
        let x = unsafe a[index]
        let y = unsafe b[index]
        if x != y { return x < y ? -1 : 1 }
        index &+= 1
    }
    return a.count - b.count
}
