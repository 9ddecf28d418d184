import Bytes
import PostgresProtocol

/// Messages of pgoutput, written as a server writes them.
enum Written {
    static func message(_ tag: Unicode.Scalar, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(UInt8(ascii: tag))
        body(&writer)
        return writer.bytes
    }

    static func text(_ text: String, _ writer: inout ByteWriter) {
        writer.append(utf8: text)
        writer.uint8(0)
    }

    static func tuple(_ values: [String?], _ writer: inout ByteWriter) {
        writer.int16(Int16(values.count))
        for value in values {
            guard let value else {
                writer.uint8(UInt8(ascii: "n"))
                continue
            }
            if value == "<u>" {
                writer.uint8(UInt8(ascii: "u"))
                continue
            }
            writer.uint8(UInt8(ascii: "t"))
            writer.int32(Int32(value.utf8.count))
            writer.append(utf8: value)
        }
    }

    static func begin(final: UInt64, xid: UInt32) -> [UInt8] {
        message("B") {
            $0.uint64(final)
            $0.int64(1)
            $0.uint32(xid)
        }
    }

    static func commit(_ commit: UInt64, end: UInt64) -> [UInt8] {
        message("C") {
            $0.uint8(0)
            $0.uint64(commit)
            $0.uint64(end)
            $0.int64(2)
        }
    }

    static func relation(_ oid: UInt32, _ name: String, columns: [String], xid: UInt32? = nil)
        -> [UInt8]
    {
        message("R") {
            if let xid { $0.uint32(xid) }
            $0.uint32(oid)
            text("public", &$0)
            text(name, &$0)
            $0.uint8(UInt8(ascii: "d"))
            $0.int16(Int16(columns.count))
            for column in columns {
                $0.uint8(1)
                text(column, &$0)
                $0.uint32(25)
                $0.int32(-1)
            }
        }
    }

    static func insert(_ oid: UInt32, _ values: [String?], xid: UInt32? = nil) -> [UInt8] {
        message("I") {
            if let xid { $0.uint32(xid) }
            $0.uint32(oid)
            $0.uint8(UInt8(ascii: "N"))
            tuple(values, &$0)
        }
    }

    static func update(_ oid: UInt32, _ old: [String?], _ new: [String?], kind: Unicode.Scalar)
        -> [UInt8]
    {
        message("U") {
            $0.uint32(oid)
            $0.uint8(UInt8(ascii: kind))
            tuple(old, &$0)
            $0.uint8(UInt8(ascii: "N"))
            tuple(new, &$0)
        }
    }

    /// One of each kind, with what it needs to be read.
    static var all: [(bytes: [UInt8], inStream: Bool)] { whole + streamed + twoPhase }

    private static var whole: [(bytes: [UInt8], inStream: Bool)] {
        [
            (begin(final: 10, xid: 7), false), (commit(10, end: 20), false),
            (relation(1, "t", columns: ["a", "b"]), false),
            (relation(1, "t", columns: ["a", "b"], xid: 9), true),
            (insert(1, ["x", nil]), false), (insert(1, ["x", "<u>"], xid: 9), true),
            (update(1, ["k", nil], ["x", "y"], kind: "K"), false),
            (
                message("D") {
                    $0.uint32(1)
                    $0.uint8(UInt8(ascii: "O"))
                    tuple(["a"], &$0)
                }, false
            ),
            (
                message("T") {
                    $0.uint32(2)
                    $0.uint8(3)
                    $0.uint32(1)
                    $0.uint32(2)
                }, false
            ),
            (
                message("M") {
                    $0.uint8(1)
                    $0.uint64(99)
                    text("prefix", &$0)
                    $0.uint32(3)
                    $0.append(utf8: "abc")
                }, false
            ),
            (
                message("Y") {
                    $0.uint32(5)
                    text("public", &$0)
                    text("mood", &$0)
                }, false
            ),
            (
                message("O") {
                    $0.uint64(1)
                    text("origin", &$0)
                }, false
            ),
        ]
    }

    private static var streamed: [(bytes: [UInt8], inStream: Bool)] {
        [
            (
                message("S") {
                    $0.uint32(5)
                    $0.uint8(1)
                }, false
            ),
            (message("E") { _ in }, true),
            (
                message("c") {
                    $0.uint32(5)
                    $0.uint8(0)
                    $0.uint64(1)
                    $0.uint64(2)
                    $0.int64(3)
                }, false
            ),
            (
                message("A") {
                    $0.uint32(5)
                    $0.uint32(6)
                }, false
            ),
            (
                message("A") {
                    $0.uint32(5)
                    $0.uint32(6)
                    $0.uint64(7)
                    $0.int64(8)
                }, false
            ),
        ]
    }

    private static var twoPhase: [(bytes: [UInt8], inStream: Bool)] {
        ["b", "P", "p", "K", "r"].map { (prepare($0), false) }
    }

    /// The messages of two-phase commit.
    static func prepare(_ tag: Unicode.Scalar) -> [UInt8] {
        message(tag) {
            if tag != "b" { $0.uint8(0) }
            $0.uint64(1)
            $0.uint64(2)
            $0.int64(3)
            if tag == "r" { $0.int64(4) }
            $0.uint32(5)
            text("gid", &$0)
        }
    }
}
