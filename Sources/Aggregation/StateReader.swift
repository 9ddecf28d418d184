import Bytes
import Formats

/// Reads the state of operators from the bytes that they wrote; damage is an error, not a trap.
public struct StateReader {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var remaining: Int { bytes.count - position }

    private mutating func take(_ count: Int) throws(SQLError) -> Int {
        guard count >= 0, count <= remaining else {
            throw SQLError("the saved state ends too early", .internalError)
        }
        defer { position += count }
        return position
    }

    /// A fixed-width integer, most significant byte first, as `OutputBuffer.append(bigEndian:)`
    /// writes it.
    public mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(SQLError) -> T {
        let start = try take(MemoryLayout<T>.size)
        var value: T = 0
        for byte in bytes[start..<position] { value = value << 8 | T(truncatingIfNeeded: byte) }
        return value
    }

    /// Stands before what earlier builds wrote in another form, which begins with a count.
    static let exactMark: Int64 = -2

    /// Takes the next integer if it is this one.
    mutating func takesMark(_ mark: Int64) -> Bool {
        var ahead = self
        guard let next = try? ahead.integer(Int64.self), next == mark else { return false }
        self = ahead
        return true
    }

    /// Hands out the next bytes, which live as long as the call.
    public mutating func withBytes<Result>(
        _ count: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(SQLError) -> Result {
        let start = try take(count)
        return unsafe bytes.withUnsafeBytes { all in
            unsafe body(UnsafeRawBufferPointer(rebasing: all[start..<start + count]))
        }
    }

    /// Bytes with an Int64 length before them.
    public mutating func blob() throws(SQLError) -> [UInt8] {
        let count = Int(try integer(Int64.self))
        let start = try take(count)
        return Array(bytes[start..<position])
    }
}

extension OutputBuffer {
    /// What `StateReader.blob` reads.
    public mutating func append(blob: [UInt8]) {
        append(bigEndian: Int64(blob.count))
        append(blob)
    }

    /// The same.
    public mutating func append(blob: RawSpan) {
        append(bigEndian: Int64(blob.byteCount))
        append(blob)
    }
}
