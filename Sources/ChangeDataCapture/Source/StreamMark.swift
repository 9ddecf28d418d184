import Bytes
import Formats

/// A logical message of our own in the stream: a request to a capture, a mark of its backfill, or
/// where the changes of a table begin. The slot says which capture is meant.
struct StreamMark: Equatable {
    enum Kind: String { case backfill, low, high, table, anew, cancel, pause, resume }

    static let prefix = "rtd.cdc"

    var kind: Kind
    var slot: String
    /// Of a pair of marks; the request's text for a request; the table that is published from here
    /// on, or whose rows are read anew.
    var word: String

    init(_ kind: Kind, slot: String, _ word: String) {
        self.kind = kind
        self.slot = slot
        self.word = word
    }

    init?(_ content: RawSpan) {
        let members = JSONMembers.read(content.copied())
        guard let kind = members["kind"].flatMap({ Kind(rawValue: $0) }),
            let slot = members["slot"], let word = members["word"]
        else { return nil }
        self.init(kind, slot: slot, word)
    }

    var text: String {
        var buffer = OutputBuffer(capacity: 128)
        buffer.append(utf8: "{\"kind\":\"\(kind.rawValue)\",\"slot\":")
        buffer.append(jsonString: slot)
        buffer.append(",\"word\":")
        buffer.append(jsonString: word)
        buffer.append(UInt8(ascii: "}"))
        return String(decoding: buffer.bytes.copied(), as: UTF8.self)
    }

    /// The statement that writes it into the server's log: as a transaction of its own, which the
    /// server flushes at once, or just there. A message carries the bytes that the database's
    /// encoding has for it, so there is nothing in it but ASCII.
    func statement(isTransactional: Bool) -> String {
        "SELECT pg_catalog.pg_logical_emit_message(\(isTransactional), \(quotedText(Self.prefix)), "
            + "\(quotedText(Self.plain(text))))"
    }

    private static func plain(_ json: String) -> String {
        guard json.utf8.contains(where: { $0 >= 0x80 }) else { return json }
        return json.utf16.map { unit in
            if unit < 0x80 { return String(Unicode.Scalar(UInt8(unit))) }
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }

    static func isOwn(_ prefix: RawSpan) -> Bool {
        let own = Array(Self.prefix.utf8)
        guard prefix.byteCount == own.count else { return false }
        let bytes = ByteReader(prefix)
        return own.indices.allSatisfy { bytes.peek(at: $0) == own[$0] }
    }
}
