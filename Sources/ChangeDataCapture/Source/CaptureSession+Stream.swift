import Bytes
import Platform
import PostgresProtocol

// The stream.
extension CaptureSession {
    /// Streams, and connects again when the connection is lost: a durable slot waits for that.
    func streamWithRetries(from start: CapturePosition) throws -> CaptureEnd {
        let spool = TransactionSpool(
            directory: configuration.spoolDirectory, memoryBytesMax: configuration.spoolMemoryBytes)
        let assembler = ChangeAssembler(
            sink: sink, spool: spool, selection: configuration.tables, after: start, last: last,
            describe: { [unowned self] relation, version throws(CaptureError) in
                try self.describe(relation, version)
            })
        announced.forEach(assembler.know)
        assembler.backfill = backfill
        assembler.takesMessages = configuration.takesMessages
        assembler.slot = slotName
        assembler.statementSeen = { [unowned self] in nextLook = 0 }
        assembler.typeSeen = { [unowned self] in catalog?.forget(type: $0) }
        if configuration.fillsUnchanged {
            assembler.fill = { [unowned self] table, row, bytes, xid throws(CaptureError) in
                try filled(table, row, of: bytes, by: xid)
            }
        }
        assembler.tableNamed = { [unowned self] name throws(CaptureError) in
            try self.table(named: name)
        }
        assembler.alteration = { [unowned self] in alteration(of: $0, isFirst: $1) }
        assembler.endsBehindBackfills = configuration.end == .now
        self.assembler = assembler
        try requestBackfills()
        var isFirst = true
        var sterile = SterileConnections(configuration.retryNanoseconds)
        var interval: Int64 = 0
        let clock = SystemClock()
        while true {
            let given = assembler.given
            var began = clock.monotonicNanoseconds
            do {
                let wait = isTemporary ? 0 : configuration.retryNanoseconds
                try retrying(wait) { () throws(CaptureError) in
                    if !isFirst {
                        try openConnections()
                        let before = server
                        try recognizeServer(behind: assembler.given.reach)
                        // Another one need not have all of the marks.
                        if server != before { backfill?.forgetMarks() }
                    }
                    isFirst = false
                    interval = try statusInterval()
                    // What was prepared before and waits comes again.
                    try startStream(
                        at: isTwoPhase ? LogSequenceNumber(0) : assembler.given.end)
                }
                began = clock.monotonicNanoseconds
                return try stream(assembler, interval: interval)
            } catch let error as CaptureError where error.isPassing && !stop.isSet {
                guard !isTemporary else { throw Self.lostTemporary(error) }
                assembler.restarted()
                // What fails again and again at once, without bringing anything, is given up.
                let pause = sterile.ended(
                    hasGiven: assembler.given != given, began: began,
                    at: clock.monotonicNanoseconds)
                guard let pause else { throw error }
                sink.notice("\(error); connecting again")
                _ = stop.wait(nanoseconds: pause)
            }
        }
    }

    private static func lostTemporary(_ error: CaptureError) -> CaptureError {
        .connection(
            CaptureReport(
                error.report.message, detail: error.report.detail,
                hint: "its temporary slot is gone with it; --slot NAME keeps one and goes on"))
    }

    private func describe(_ relation: LogicalRelation, _ version: Int) throws(CaptureError)
        -> CapturedTable
    {
        do throws(CaptureError) {
            return try table(relation, version)
        } catch {
            guard error.isPassing else { throw error }
            // The connection for statements is idle for long, and may have been ended for that.
            try openStatements()
            return try table(relation, version)
        }
    }

    private func table(_ relation: LogicalRelation, _ version: Int) throws(CaptureError)
        -> CapturedTable
    {
        guard let catalog else { throw .connection(CaptureReport("not connected")) }
        return try catalog.table(relation, version: version)
    }

    private func startStream(at position: LogSequenceNumber) throws(CaptureError) {
        guard let replication else { throw .connection(CaptureReport("not connected")) }
        let version = replication.version
        // 4 is of 16, 3 of 15, 2 of 14: a server refuses what it does not know.
        let proto = version >= 160_000 ? 4 : version >= 150_000 ? 3 : version >= 140_000 ? 2 : 1
        let names = publications.map(quotedName).joined(separator: ",")
        var options = ["proto_version '\(proto)'", "publication_names \(quotedText(names))"]
        if version >= 140_000 { options += ["streaming 'on'", "messages 'true'"] }
        if isTwoPhase { options.append("two_phase 'on'") }
        try replication.startCopyBoth(
            "START_REPLICATION SLOT \(quotedName(slotName)) LOGICAL \(position) "
                + "(\(options.joined(separator: ", ")))",
            doing: "stream from slot \"\(slotName)\"")
    }

    /// A third of what the server waits for a word from us, if that is less than what was set.
    private func statusInterval() throws(CaptureError) -> Int64 {
        let text = try replication?.value(
            "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'",
            doing: "read wal_sender_timeout")
        let wanted = configuration.statusIntervalNanoseconds
        guard let milliseconds = text.flatMap({ Int64($0) }), milliseconds > 0 else {
            return wanted
        }
        replication?.silenceMax = min(
            Limits.silenceNanosecondsMax,
            max(Limits.silenceNanosecondsMin, min(milliseconds, 1 << 31) * 1_000_000))
        if let replication { sql?.silenceMax = replication.silenceMax }
        return min(wanted, max(50, min(milliseconds, 1 << 31) / 3) * 1_000_000)
    }

    private func stream(_ assembler: ChangeAssembler, interval: Int64) throws -> CaptureEnd {
        guard let replication else {
            throw CaptureError.connection(CaptureReport("not connected"))
        }
        logGuard?.watch(replication)
        defer { logGuard?.watch(nil) }
        let keeper = StatusKeeper(
            replication, sink, from: assembler.given.end,
            interval: interval)
        if isTwoPhase { assembler.acknowledges { keeper.limit($0) } }
        keeper.start()
        defer {
            assembler.acknowledges(nil)
            keeper.end()
        }
        capture.update { $0.phase = .streaming }
        var stream = StreamLoop(replication, assembler, keeper, sink, capture)
        let end = try stream.run { try besideStream(assembler) }
        try sink.finishing(at: stream.position)
        try? keeper.send()
        if !isTemporary { endStream(replication) }
        return end
    }

    /// Between two looks at the stream: reads a chunk of a backfill, and when all of them are done
    /// sets the end that waited for them.
    private func besideStream(_ assembler: ChangeAssembler) throws {
        guard let backfill else { return }
        if assembler.isIdle { try lookForTables() }
        if assembler.isIdle, backfill.wantsChunk { try stepBackfill() }
        if assembler.isIdle { try notePending(backfill) }
        guard configuration.end == .now, assembler.last == nil, assembler.isIdle, backfill.isDone,
            backfill.accepted >= requested
        else { return }
        assembler.last = try endOfLog()
    }

    /// Ends CopyBoth in order, so that the server has read the last acknowledgement when we leave.
    private func endStream(_ connection: PostgresConnection) {
        guard (try? connection.send(FrontendMessage.copyDone)) != nil else { return }
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds + 2_000_000_000
        while clock.monotonicNanoseconds < deadline {
            do {
                while let frame = try connection.nextFrame() {
                    if frame.tag == UInt8(ascii: "Z") { return }
                }
                _ = try connection.receive(waitNanoseconds: 100_000_000, ignoresStop: true)
            } catch { return }
        }
    }
}

/// Reads the stream of one connection until its end.
struct StreamLoop {
    private let connection: PostgresConnection
    private let assembler: ChangeAssembler
    private let keeper: StatusKeeper
    private let sink: any ChangeSink
    private let capture: Capture
    private let clock = SystemClock()
    private var pace: ReadingPace
    private var serverPosition: UInt64 = 0
    private var idlePosition: LogSequenceNumber?
    private var owesReply = false
    private var bytes: Int64 = 0
    /// When it was asked for a word.
    private var askedForWord: Int64?
    /// How often in a row it has asked for our position while it stayed where it is.
    private var repeatedAsks = 0

    init(
        _ connection: PostgresConnection, _ assembler: ChangeAssembler, _ keeper: StatusKeeper,
        _ sink: any ChangeSink, _ capture: Capture
    ) {
        self.connection = connection
        pace = ReadingPace(isLocal: connection.isLocal)
        self.assembler = assembler
        self.keeper = keeper
        self.sink = sink
        self.capture = capture
    }

    /// Where the server was when it last said so, if all that lies before was given.
    var position: LogSequenceNumber? { assembler.isIdle ? idlePosition : nil }

    /// `beside` is called between two looks at what has come.
    mutating func run(beside: () throws -> Void) throws -> CaptureEnd {
        var asked: Int64 = 0
        while true {
            try drain()
            try beside()
            tell()
            let last = assembler.last
            if assembler.isAtEnd { return .reached }
            if capture.stopSignal.isSet { return .stopped }
            pace.rest(connection)
            var count = try connection.receiveCount(waitNanoseconds: 0)
            if count == 0 {
                pace.calm(connection)
                try sink.pause(at: assembler.isIdle ? idlePosition : nil)
                let now = clock.monotonicNanoseconds
                if owesReply || (last != nil && now - asked > 50_000_000) {
                    // Who waits for a position asks where the server is.
                    try keeper.send(wantsReply: last != nil)
                    owesReply = false
                    asked = now
                }
                count = try connection.receiveCount(
                    waitNanoseconds: last != nil ? 50_000_000 : 1_000_000_000)
                if count == 0 { try listen(now) }
            } else if owesReply {
                try keeper.send()
                owesReply = false
            }
            pace.received(count, at: clock.monotonicNanoseconds)
        }
    }

    /// Nothing has come until `now`. A server has no need to say anything while we do; asked, it
    /// answers at once. It counts from then: what came while the sink was blocked was just read.
    private mutating func listen(_ now: Int64) throws(CaptureError) {
        let silence = connection.silenceMax
        guard let asked = askedForWord, asked > connection.heard else {
            guard now - connection.heard > silence / 2 else { return }
            try keeper.send(wantsReply: true)
            askedForWord = clock.monotonicNanoseconds
            return
        }
        guard now - asked > silence else { return }
        throw connection.lost("the server was silent for \(silence / 1_000_000_000) s")
    }

    private func tell() {
        let acknowledged = keeper.acknowledged()
        let assembler = assembler
        let (server, bytes) = (serverPosition, bytes)
        let idle = position ?? assembler.given.end
        capture.update {
            $0.changes = assembler.changes
            $0.transactions = assembler.transactions
            $0.bytes = bytes
            // A log that goes on without changes for the output is no lag.
            $0.position = max(assembler.given.end, idle)
            $0.acknowledged = acknowledged
            $0.serverPosition = LogSequenceNumber(server)
            $0.commitMicroseconds = assembler.commitMicroseconds
            $0.backfillRows = assembler.backfill?.rows ?? 0
            let state = assembler.backfill?.states.first
            $0.backfill = state?.request.label ?? ""
            $0.backfillDone = state?.rows ?? 0
            $0.backfillsWaiting = max(0, (assembler.backfill?.states.count ?? 0) - 1)
            $0.isBackfillPaused = assembler.backfill?.isPaused ?? false
            $0.prepared = assembler.prepared.count
            $0.backfillExpected = state == nil ? 0 : assembler.backfill?.rowsExpected ?? 0
        }
    }

    /// Takes all whole messages that are here.
    private mutating func drain() throws {
        let waiting = connection.waiting
        if waiting.isEmpty { return }
        // The array is shared until the end of this function, and written again after it only.
        let buffer = connection.buffer
        let all = buffer.rawSpan.extracting(0..<waiting.upperBound)
        var start = waiting.lowerBound
        var needs = 5
        var frames = 0
        defer { connection.consumed(upTo: start) }
        while !assembler.isAtEnd {
            if let piece = LogPiece.next(in: all, at: start) {
                start = piece.payload.upperBound
                frames &+= 1
                if piece.end > serverPosition { serverPosition = piece.end }
                try assembler.received(all.extracting(piece.payload), at: piece.position)
                continue
            }
            let next: BackendFrame?
            do throws(ProtocolError) {
                next = try BackendFrame.next(
                    in: all, at: start, bytesMax: PostgresProtocol.Limits.messageBytesMax,
                    needs: &needs)
            } catch { throw CaptureError.of(error, doing: "stream", connection.address) }
            guard let frame = next else { break }
            start = frame.body.upperBound
            frames &+= 1
            if frame.tag == UInt8(ascii: "d") {
                try take(all.extracting(frame.body))
            } else {
                try other(frame, all)
            }
        }
        bytes += Int64(start - waiting.lowerBound)
        pace.took(frames)
        keeper.moved(given: assembler.given.end, idle: assembler.isIdle ? idlePosition : nil)
    }

    private mutating func take(_ body: RawSpan) throws {
        let message: ReplicationMessage
        do throws(ProtocolError) { message = try ReplicationMessage.read(body) } catch {
            throw CaptureError.of(error, doing: "stream", connection.address)
        }
        switch message {
        case .data(let position, let end, _, let payload):
            if end > serverPosition { serverPosition = end }
            try assembler.received(body.extracting(payload..<body.byteCount), at: position)
        case .keepalive(let end, _, let wantsReply):
            repeatedAsks = wantsReply && end == serverPosition ? repeatedAsks + 1 : 0
            if end > serverPosition { serverPosition = end }
            if wantsReply { owesReply = true }
            // A server that shuts down asks until all is acknowledged.
            if repeatedAsks > Limits.repeatedAsksMax, assembler.holdsBack {
                throw connection.lost("the server shuts down")
            }
            if assembler.isIdle { idlePosition = LogSequenceNumber(end) }
            _ = assembler.reached(LogSequenceNumber(end))
        }
    }

    private func other(_ frame: BackendFrame, _ all: RawSpan) throws {
        let message: BackendMessage
        do throws(ProtocolError) {
            message = try BackendMessage.read(frame.tag, all.extracting(frame.body))
        } catch { throw CaptureError.of(error, doing: "stream", connection.address) }
        switch message {
        case .error(let report): throw CaptureError.of(report, doing: "stream")
        case .copyDone, .complete, .ready:
            throw CaptureError.connection(CaptureReport("the server has ended the stream"))
        case .notice(let report):
            // Since 18 a server goes on, and leaves out what the publication would have.
            if report.routine == "LoadPublications" {
                throw CaptureError.slotLost(
                    CaptureReport(
                        "the stream has changes without their publication (\(report.message))",
                        detail: report.detail, hint: CaptureError.olderPublication))
            }
            sink.notice(report.message)
        case .parameter, .other: break
        default: throw connection.unexpected("stream")
        }
    }
}
