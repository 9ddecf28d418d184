import Bytes

/// Where a byte stands in a text, 64 places at a time.
enum ByteMarks {
    /// A bit for each of the 64 bytes from `index` (inside) on that is `byte`; none is set behind
    /// the text's end, where nothing is read.
    @inline(__always)
    static func of(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from index: Int) -> UInt64 {
        let left = bytes.count &- index
        guard bytes.count >= 16, let base = bytes.baseAddress else {
            return unsafe ofShort(byte, in: bytes, from: index)
        }
        let at = unsafe base + index
        if left >= 64 {
            let low = unsafe UInt64(
                ByteVector.marks(of: byte, at: at) | ByteVector.marks(of: byte, at: at + 16) &<< 16)
            let high = unsafe UInt64(
                ByteVector.marks(of: byte, at: at + 32) | ByteVector.marks(of: byte, at: at + 48)
                    &<< 16)
            return low | high &<< 32
        }
        var marks: UInt64 = 0
        var width = 0
        while width &+ 16 <= left {
            unsafe marks |= UInt64(ByteVector.marks(of: byte, at: at + width)) &<< UInt64(width)
            width &+= 16
        }
        if width < left {
            // The last 16 bytes, without those that were looked at.
            let last = unsafe UInt64(ByteVector.marks(of: byte, at: base + (bytes.count &- 16)))
            marks |= (last &>> UInt64(16 &- (left &- width))) &<< UInt64(width)
        }
        return marks
    }

    @inline(never)
    private static func ofShort(
        _ byte: UInt8, in bytes: UnsafeRawBufferPointer, from index: Int
    ) -> UInt64 {
        var marks: UInt64 = 0
        for place in index..<bytes.count where unsafe bytes[place] == byte {
            marks |= 1 &<< UInt64(place &- index)
        }
        return marks
    }
}
