import ChangeDataCapture
import Formats
import Platform

/// `rtd cdc SOURCE --emit PREFIX`: each line of stdin becomes a logical message in the source's
/// log, a transaction of its own. Captures give it where it stands among the changes.
enum MessageEmitter {
    private static let readBytes = 64 << 10
    /// A record of the log holds 1 GB, and the statement has two digits for each byte.
    private static let lineBytesMax = 256 << 20
    /// Lines that are sent together.
    private static let linesMax = 1_000
    private static let statementBytesMax = 1 << 20

    static func run(
        _ address: PostgresAddress, prefix: String, _ reporting: ReportingOptions
    ) throws(CommandFailure) {
        let connection: PostgresConnection
        do throws(CaptureError) { connection = try PostgresConnection.open(address) } catch {
            throw CommandFailure(error)
        }
        defer { connection.close() }
        guard connection.version >= 140_000 else {
            throw CommandFailure("--emit needs PostgreSQL 14: older ones do not send messages")
        }
        let input = InputFile.standardInput()
        var rest: [UInt8] = []
        var count = 0
        while true {
            let piece: [UInt8]
            do throws(SystemError) { piece = try input.read(atMost: readBytes) } catch {
                throw CommandFailure(error)
            }
            if piece.isEmpty { break }
            rest += piece
            guard let end = rest.lastIndex(of: 0x0A) else {
                guard rest.count <= lineBytesMax else {
                    throw CommandFailure("stdin: a line has more than \(lineBytesMax) bytes")
                }
                continue
            }
            let lines = rest[..<end].split(separator: 0x0A, omittingEmptySubsequences: false)
            count += try send(lines, prefix, connection, after: count)
            rest.removeFirst(end + 1)
        }
        if !rest.isEmpty { count += try send([rest[...]], prefix, connection, after: count) }
        if reporting.isVerbose { StandardError.write(line: "rtd: \(count) messages") }
    }

    /// In statements that each hold some lines; gives how many there are.
    private static func send(
        _ lines: [ArraySlice<UInt8>], _ prefix: String, _ connection: PostgresConnection,
        after count: Int
    ) throws(CommandFailure) -> Int {
        let start =
            "BEGIN;SELECT pg_catalog.pg_logical_emit_message(true, "
            + "\(CaptureText.literal(prefix)), '\\x"
        var statement = ""
        var inside = 0
        for (index, line) in lines.enumerated() {
            statement += start + hex(line) + "'::pg_catalog.bytea);COMMIT;"
            inside += 1
            guard
                inside == linesMax || statement.utf8.count > statementBytesMax
                    || index == lines.count - 1
            else { continue }
            do throws(CaptureError) {
                _ = try connection.rows(statement, doing: "write a message")
            } catch {
                throw CommandFailure(
                    "stdin line \(count + index + 2 - inside) or one behind it: \(error)")
            }
            statement = ""
            inside = 0
        }
        return lines.count
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
