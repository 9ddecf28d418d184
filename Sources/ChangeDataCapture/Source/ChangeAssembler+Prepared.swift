import Bytes
import PostgresProtocol

// Two-phase commit, where the slot sends transactions when they are prepared: what they change is
// spooled, and given when they are committed. The server does not send again what was prepared
// before the position that it knows to be kept here, so that stays before the first transaction
// which waits.
extension ChangeAssembler {
    /// A transaction that is prepared.
    struct Prepared {
        /// What may be acknowledged while it waits.
        let hold: LogSequenceNumber
        /// It came in pieces before, whose messages carry its number.
        var inStream = false
        /// What its tables were when it began to come, where it has announced others; nil: unknown.
        var earlier: [UInt32: Entry?] = [:]
    }

    /// Whether transactions that wait keep the acknowledged position back.
    var holdsBack: Bool { !prepared.isEmpty }

    /// Whether the connection that begins may acknowledge what it has not seen.
    func acknowledges(_ tell: ((LogSequenceNumber) -> Void)?) {
        mayAcknowledge = tell
        seen = LogSequenceNumber(0)
        tellHold()
    }

    /// Everything that was prepared before `position` has come.
    func passed(_ position: LogSequenceNumber) {
        guard mayAcknowledge != nil else { return }
        seen = max(seen, position)
        tellHold()
    }

    private func tellHold() { mayAcknowledge?(prepared.values.map(\.hold).min() ?? seen) }

    func beginPrepare(_ prepare: LogicalPrepare) throws {
        guard pending == nil else { throw misplaced("a transaction inside of another") }
        if let last, LogSequenceNumber(prepare.prepare) >= last { return endHere() }
        // One that comes a second time.
        spool.drop(prepare.xid)
        spool.start(prepare.xid)
        preparing = prepare.xid
        hold(prepare.xid)
    }

    private func hold(_ xid: UInt32, inStream: Bool = false) {
        prepared[xid] = Prepared(hold: prepared[xid]?.hold ?? seen, inStream: inStream)
        tellHold()
    }

    /// The end of a transaction that came in pieces.
    func streamPrepared(_ prepare: LogicalPrepare) { hold(prepare.xid, inStream: true) }

    func receivedInPrepared(_ bytes: RawSpan, at position: UInt64, of xid: UInt32) throws {
        switch try read(bytes, inStream: false) {
        case .relation(let relation):
            // Announced for all that follows on this connection, whatever becomes of this one.
            if prepared[xid]?.earlier.keys.contains(relation.oid) == false {
                prepared[xid]?.earlier[relation.oid] = .some(entries[relation.oid])
            }
            try announced(relation)
            try spool.append(bytes, at: position)
        case .row, .type, .truncate, .message: try spool.append(bytes, at: position)
        case .origin: break
        case .prepare:
            preparing = nil
            spool.stop()
        default: throw misplaced("a message inside of a prepared transaction")
        }
    }

    func commitPrepared(_ xid: UInt32, _ commit: LogicalCommit, gid: String) throws {
        guard pending == nil else { throw misplaced("the commit of a prepared transaction") }
        guard let waiting = prepared[xid] else {
            let end = LogSequenceNumber(commit.end)
            let isWanted = last.map { LogSequenceNumber(commit.commit) < $0 } ?? true
            if LogSequenceNumber(commit.commit) >= given.end, isWanted {
                throw CaptureError.slotLost(
                    CaptureReport(
                        "transaction \"\(gid)\" was prepared before, and what it changes was "
                            + "given to another reader of slot \"\(slot)\"",
                        hint: "--snapshot always begins with a new snapshot"))
            }
            passed(end)
            _ = reached(end)
            return
        }
        for (oid, entry) in waiting.earlier { entries[oid] = entry }
        forgetRecent()
        prepared[xid] = nil
        // The position that may be kept moves with the commit.
        try replay(xid, commit, inStream: waiting.inStream)
    }

    func rolledBackPrepared(_ xid: UInt32, end: UInt64) {
        prepared[xid] = nil
        spool.drop(xid)
        passed(LogSequenceNumber(end))
    }

    /// The connection was lost: the server sends again what waits.
    func restartPrepared() {
        preparing = nil
        prepared = [:]
    }
}
