import Platform

/// When to look for more. A server that is read from as soon as it sends wakes up both sides for
/// every message; while there is much to read, waiting a little brings it in gulps.
///
/// TCP: the kernel says when 128 KiB are there, or 3 ms have passed. A Unix socket holds about 270
/// small messages (or 200 KiB) and wakes its reader for each, whatever it asks for: there the pause
/// is made so long that the socket is about half full, as a full one stops the server. Between two
/// transactions of a backlog nothing comes for a moment; the pace is kept for so long, or the first
/// messages of each would wake us up one by one.
struct ReadingPace {
    private let isLocal: Bool
    private var windowStart: Int64 = 0
    private var reads = 0
    private(set) var gulps = false
    /// When much came last.
    private var muchAt: Int64 = 0
    private var bytes = 0
    private var frames = 0
    private var pause: Int64 = 300_000

    private static let windowNanoseconds: Int64 = 2_000_000
    private static let readsOfMuch = 24
    private static let bytesOfLittle = 4 << 10
    private static let bytesOfGulp = 128 << 10
    private static let gulpNanoseconds: Int64 = 3_000_000
    private static let halfOfSocketFrames = 130.0
    private static let halfOfSocketBytes = 96.0 * 1_024
    private static let pauses: ClosedRange<Int64> = 100_000...2_000_000
    /// Of a Unix socket.
    private static let lullNanoseconds: Int64 = 3_000_000

    init(isLocal: Bool) { self.isLocal = isLocal }

    mutating func received(_ bytes: Int, at now: Int64) {
        self.bytes = bytes
        if gulps {
            if bytes >= Self.bytesOfLittle { muchAt = now }
            gulps = now - muchAt < (isLocal ? Self.lullNanoseconds : 1)
            reads = 0
            windowStart = now
            return
        }
        if now - windowStart > Self.windowNanoseconds {
            windowStart = now
            reads = 0
        }
        reads += 1
        gulps = reads >= Self.readsOfMuch
        muchAt = now
    }

    /// So many messages were in what was received last.
    mutating func took(_ frames: Int) { self.frames = frames }

    mutating func rest(_ connection: PostgresConnection) {
        guard gulps else { return calm(connection) }
        guard isLocal else {
            return connection.waitForMuch(Self.bytesOfGulp, nanoseconds: Self.gulpNanoseconds)
        }
        let fill = max(
            Double(frames) / Self.halfOfSocketFrames, Double(bytes) / Self.halfOfSocketBytes)
        let wanted = Double(pause) / min(2, max(0.5, fill))
        pause = min(Self.pauses.upperBound, max(Self.pauses.lowerBound, Int64(wanted)))
        Thread.pause(nanoseconds: pause)
    }

    /// What comes next is wanted at once.
    func calm(_ connection: PostgresConnection) { connection.waitForAny() }
}
