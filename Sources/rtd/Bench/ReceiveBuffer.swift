import Bytes
import Records

/// The bytes that one connection has received and nobody has used yet. One buffer is filled over
/// and over, so it stays in the cache; it grows only for a frame that is asked for as a whole. Used
/// by the connection's thread.
final class ReceiveBuffer {
    /// Puts at least one byte into the range and gives their number; nil if none is there and it
    /// may not wait.
    typealias Receive = (inout [UInt8], Range<Int>, _ waits: Bool) throws(CommandFailure) -> Int?

    private(set) var bytes: [UInt8]
    /// Where the bytes lie that were received and not used.
    private(set) var held = 0..<0
    private let receive: Receive

    /// Fewer held bytes than this are moved to the front, so that the next call has all the room.
    private static let movedBytesMax = 4 << 10

    init(byteCount: Int, receive: @escaping Receive) {
        bytes = [UInt8](repeating: 0, count: byteCount)
        self.receive = receive
    }

    /// Receives once, with room for `need` bytes; false if nothing is there and `waits` is not set.
    func fill(need: Int, waits: Bool = true) throws(CommandFailure) -> Bool {
        makeRoom(need)
        guard let count = try receive(&bytes, held.upperBound..<bytes.count, waits) else {
            return false
        }
        held = held.lowerBound..<held.upperBound + count
        return true
    }

    private func makeRoom(_ need: Int) {
        let count = held.count
        let mustMove = held.lowerBound + need > bytes.count || count < Self.movedBytesMax
        if held.lowerBound > 0, mustMove {
            if count > 0 { bytes.replaceSubrange(0..<count, with: Array(bytes[held])) }
            held = 0..<count
        }
        if need > bytes.count {
            bytes += [UInt8](repeating: 0, count: need - bytes.count)
        }
    }

    /// Waits until `count` bytes are held.
    func require(_ count: Int) throws(CommandFailure) {
        while held.count < count { _ = try fill(need: count) }
    }

    /// Moves past bytes that are held.
    func use(_ count: Int) {
        precondition(count <= held.count, "only what is held can be used")
        held = held.lowerBound + count..<held.upperBound
    }

    /// Moves past `count` bytes, those to come included, without gathering them.
    func skip(_ count: Int) throws(CommandFailure) {
        var left = count
        while left > held.count {
            left -= held.count
            use(held.count)
            _ = try fill(need: 1)
        }
        use(left)
    }

    // MARK: What has been required

    func byte() -> UInt8 {
        use(1)
        return bytes[held.lowerBound - 1]
    }

    func array(_ count: Int) -> [UInt8] {
        use(count)
        return Array(bytes[held.lowerBound - count..<held.lowerBound])
    }

    func batchHeader() -> RecordBatchHeader? {
        let bytes = bytes
        let start = held.lowerBound
        use(RecordBatchHeader.size)
        return RecordBatchHeader(bytes.rawSpan.extracting(start..<held.lowerBound))
    }
}
