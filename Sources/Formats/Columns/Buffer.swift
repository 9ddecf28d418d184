/// Memory for values without references, shared by the columns that view it and freed with the
/// last of them.
///
/// It is filled by one owner and read-only from the moment it is part of a column.
@safe public final class Buffer<Element: BitwiseCopyable>: @unchecked Sendable {
    public let base: UnsafeMutablePointer<Element>
    public let capacity: Int

    /// Uninitialised room.
    @inlinable
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: self.capacity)
    }

    @inlinable
    public convenience init(repeating value: Element, count: Int) {
        self.init(capacity: count)
        unsafe base.update(repeating: value, count: count)
    }

    @inlinable
    public convenience init(_ values: [Element]) {
        self.init(capacity: values.count)
        for (index, value) in values.enumerated() { unsafe base[index] = value }
    }

    @inlinable
    deinit { unsafe base.deallocate() }

    @inlinable
    public subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < capacity, "a buffer is read inside its room")
            return unsafe base[index]
        }
        set {
            precondition(index >= 0 && index < capacity, "a buffer is written inside its room")
            unsafe base[index] = newValue
        }
    }
}

/// A bit a row, 64 to a word; bit n of word n/64 belongs to row n. Set means: not null.
public typealias Bitmap = Buffer<UInt64>

extension Buffer<UInt64> {
    /// All rows set.
    public static func allSet(_ count: Int) -> Bitmap {
        Bitmap(repeating: .max, count: (count + 63) / 64)
    }

    @inlinable
    @inline(__always)
    public func isSet(_ row: Int) -> Bool {
        unsafe base[row &>> 6] &>> UInt64(row & 63) & 1 != 0
    }

    @inlinable
    @inline(__always)
    public func clear(_ row: Int) { unsafe base[row &>> 6] &= ~(1 &<< UInt64(row & 63)) }

    @inlinable
    @inline(__always)
    public func set(_ row: Int) { unsafe base[row &>> 6] |= 1 &<< UInt64(row & 63) }
}
