import KafkaProtocol
import LogStorage
import Platform

/// What a connection still has to send: bytes, and ranges of files between them.
struct OutputQueue {
    private enum Chunk {
        case bytes([UInt8], sent: Int)
        case file(any File, position: Int64, count: Int)
    }

    private var chunks: [Chunk] = []
    private var head = 0
    /// Bytes held in memory.
    private(set) var byteCount = 0

    var isEmpty: Bool { head == chunks.count }
    /// Pieces that are not sent.
    var pieceCount: Int { chunks.count - head }
    /// Pieces that are kept, sent ones among them.
    var keptCount: Int { chunks.count }

    /// So many that are sent may be kept, so that they are not moved one by one.
    private static let sentMax = 256

    /// Small answers behind each other are sent as one.
    private static let joinedBytesMax = 64 * 1024

    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        byteCount += bytes.count
        if head < chunks.count, case .bytes(var last, let sent) = chunks[chunks.count - 1],
            last.count + bytes.count <= Self.joinedBytesMax
        {
            // Empty the slot first, so that the array is not shared while it grows.
            chunks[chunks.count - 1] = .bytes([], sent: 0)
            last.append(contentsOf: bytes)
            chunks[chunks.count - 1] = .bytes(last, sent: sent)
        } else {
            chunks.append(.bytes(bytes, sent: 0))
        }
    }

    mutating func append(_ file: any File, position: Int64, count: Int) {
        guard count > 0 else { return }
        chunks.append(.file(file, position: position, count: count))
    }

    /// Appends an encoded answer with the files that fill its holes, in order.
    mutating func append(_ frame: EncodedFrame, _ slices: [LogSlice]) {
        guard !frame.holes.isEmpty else { return append(frame.bytes) }
        var done = 0
        for (hole, slice) in zip(frame.holes, slices) {
            append(Array(frame.bytes[done..<hole.position]))
            append(slice.file, position: slice.position, count: slice.count)
            done = hole.position
        }
        append(Array(frame.bytes[done...]))
    }

    enum Progress {
        case done, wouldBlock, failed
    }

    /// Writes as much as the stream takes.
    mutating func flush(to stream: any Stream) -> Progress {
        while head < chunks.count {
            switch send(chunks[head], stream) {
            case .moved(let count): advance(count)
            case .wouldBlock:
                // A reader that always leaves something would make this grow for ever.
                if head > Self.sentMax {
                    chunks.removeFirst(head)
                    head = 0
                }
                return .wouldBlock
            case .end, .failed: return .failed
            }
        }
        chunks.removeAll(keepingCapacity: chunks.count <= 64)
        head = 0
        return .done
    }

    private func send(_ chunk: Chunk, _ stream: any Stream) -> StreamResult {
        switch chunk {
        case .bytes(let bytes, let sent):
            unsafe bytes.withUnsafeBytes { all in
                unsafe stream.write(UnsafeRawBufferPointer(rebasing: all[sent...]))
            }
        case .file(let file, let position, let count):
            stream.send(file, at: position, count: count)
        }
    }

    private mutating func advance(_ moved: Int) {
        switch chunks[head] {
        case .bytes(let bytes, let sent):
            if sent + moved < bytes.count {
                chunks[head] = .bytes(bytes, sent: sent + moved)
                return
            }
            byteCount -= bytes.count
            chunks[head] = .bytes([], sent: 0)
        case .file(let file, let position, let count):
            if moved < count {
                chunks[head] = .file(file, position: position + Int64(moved), count: count - moved)
                return
            }
            chunks[head] = .bytes([], sent: 0)
        }
        head += 1
    }
}
