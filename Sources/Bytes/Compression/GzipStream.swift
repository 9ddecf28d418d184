/// gzip (RFC 1952) that comes in pieces: any number of members, one after the other. What they hold
/// comes out as they come in, and memory depends on the size of neither.
public struct GzipStream {
    /// What `decompress` has stopped at.
    public enum State: Equatable {
        /// There is more.
        case full
        /// Nothing more comes out before more goes in, or is said to have ended.
        case starved
        case ended
        /// What was given is what stands before that place.
        case failed(GzipFailure)
    }

    private enum Part { case header, body, trailer }

    /// As far back as DEFLATE refers.
    private static let windowBytes = 32 * 1024
    /// What is given at a time, about.
    private static let outputBytes = 512 * 1024
    /// A header may hold a name and a comment of any length.
    private static let headerBytesMax = 1 << 20

    private var input: [UInt8] = []
    /// The next bit of the input.
    private var bit = 0
    private var isWhole = false
    private var part = Part.header
    private var members = 0
    /// The block that is being read; nil: its header comes next.
    private var block: Inflate.Block?
    private var isLastBlock = false
    private var output = DecompressedBytes(limit: .max, expected: windowBytes + 2 * outputBytes)
    /// How much of the output was given already; it is kept to refer to.
    private var given = 0
    /// Where the member's own output begins.
    private var memberStart = 0
    /// Of the member's output that was given.
    private var checksum: UInt32 = 0
    private var size: UInt32 = 0
    private var end: State?

    public init() {}

    /// Takes more of the compressed bytes.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        input.removeFirst(bit / 8)
        bit %= 8
        unsafe input.append(contentsOf: bytes)
    }

    /// No more bytes follow.
    public mutating func finish() { isWhole = true }

    /// Appends to `bytes` what can be said now, a piece at a time.
    public mutating func decompress(into bytes: inout [UInt8]) -> State {
        if let end { return end }
        defer { give(to: &bytes) }
        do throws(GzipFailure) {
            while output.count - given < Self.outputBytes {
                if try step() { continue }
                guard isWhole else { return .starved }
                end = .ended
                return .ended
            }
            return .full
        } catch {
            end = .failed(error)
            return .failed(error)
        }
    }

    /// Goes on by a part; false where that takes more input, or there is none.
    private mutating func step() throws(GzipFailure) -> Bool {
        switch part {
        case .header: try readHeader()
        case .body: try readBody()
        case .trailer: try readTrailer()
        }
    }

    private func reading<Result>(
        _ body: (SourceBytes) throws(GzipFailure) -> Result
    ) throws(GzipFailure) -> Result {
        try unsafe input.withUnsafeBufferPointer { (bytes) throws(GzipFailure) -> Result in
            try body(unsafe SourceBytes(UnsafeRawBufferPointer(bytes)))
        }
    }

    private mutating func readHeader() throws(GzipFailure) -> Bool {
        let start = bit / 8
        if start == input.count, members > 0 || !isWhole { return false }
        do throws(GzipFailure) {
            bit = try reading { (source) throws(GzipFailure) -> Int in
                8 * (try Gzip.skipHeader(source, from: start))
            }
        } catch {
            guard error == .cut, !isWhole else { throw error }
            guard input.count - start <= Self.headerBytesMax else { throw .damaged }
            return false
        }
        part = .body
        return true
    }

    private mutating func readTrailer() throws(GzipFailure) -> Bool {
        let start = bit / 8
        guard input.count - start >= Gzip.trailerBytes else {
            if isWhole { throw .cut }
            return false
        }
        check()
        let (checksum, size) = (checksum, size)
        let isRight = try reading { (source) throws(GzipFailure) -> Bool in
            source.word32(start) == checksum && source.word32(start + 4) == size
        }
        guard isRight else { throw .damaged }
        bit += 8 * Gzip.trailerBytes
        members += 1
        memberStart = output.count
        (self.checksum, self.size) = (0, 0)
        part = .header
        return true
    }

    private mutating func readBody() throws(GzipFailure) -> Bool {
        let (bit, block, isWhole, start) = (bit, block, isWhole, memberStart)
        var output = DecompressedBytes(limit: 0, expected: 0)
        swap(&output, &self.output)
        defer { swap(&output, &self.output) }
        let outcome = try reading { (source) throws(GzipFailure) -> BodyOutcome in
            var inflate = Inflate(source, bit: bit, isOpen: !isWhole)
            do throws(CompressionError) {
                let step = try Self.readBody(block, &inflate, from: start, into: &output)
                return BodyOutcome(bit: inflate.bit, step: step)
            } catch {
                if inflate.isStarved { return BodyOutcome(bit: bit, step: .starved) }
                throw isWhole && inflate.isExhausted ? .cut : .damaged
            }
        }
        self.bit = outcome.bit
        switch outcome.step {
        case .begins(let block, let isLast):
            self.block = block
            isLastBlock = isLast
        case .goesOn(let block): self.block = block
        case .starved:
            if isWhole { throw .cut }
            return false
        case .ends:
            self.block = nil
            guard isLastBlock else { break }
            self.bit = (outcome.bit + 7) / 8 * 8
            part = .trailer
        }
        return true
    }

    private struct BodyOutcome {
        var bit: Int
        var step: BodyStep
    }

    private enum BodyStep {
        case begins(Inflate.Block, isLast: Bool)
        case goesOn(Inflate.Block)
        case starved
        case ends
    }

    private static func readBody(
        _ block: Inflate.Block?, _ inflate: inout Inflate, from start: Int,
        into output: inout DecompressedBytes
    ) throws(CompressionError) -> BodyStep {
        switch block {
        case nil:
            let (isLast, block) = try inflate.readBlock()
            return .begins(block, isLast: isLast)
        case .stored(let left):
            let count = try inflate.copyStored(left, into: &output)
            if count == left { return .ends }
            guard count > 0 else { return .starved }
            return .goesOn(.stored(bytes: left - count))
        case .coded(let literals, let distances):
            switch try inflate.decodeStretch(literals, distances, from: start, into: &output) {
            case .full: return .goesOn(.coded(literals, distances))
            case .block: return .ends
            case .starved: return .starved
            case .failed(let error): throw error
            }
        }
    }

    /// Takes the output that was not given yet into the member's checksum.
    private mutating func check() {
        let from = max(given, memberStart)
        checksum = output.reading(from: from) { CRC32.checksum($0, continuing: checksum) }
        size &+= UInt32(truncatingIfNeeded: output.count - from)
    }

    private mutating func give(to bytes: inout [UInt8]) {
        if part != .header { check() }
        output.append(to: &bytes, from: given)
        let passed = max(0, output.count - Self.windowBytes)
        output.removeFirst(passed)
        memberStart = max(0, memberStart - passed)
        given = output.count
    }
}
