import ArgumentParsing

/// How much a command says on stderr.
struct ReportingOptions: Sendable, Equatable {
    var isQuiet = false
    var isVerbose = false
    /// nil: when stderr is a terminal.
    var showsProgress: Bool?

    static let quiet = Flag<ReportingOptions>.toggle(
        "quiet", "q", \.isQuiet, "Say nothing on stderr but errors."
    ).exclusive("verbosity")

    static let verbose = Flag<ReportingOptions>.toggle(
        "verbose", "v", \.isVerbose, "Say on stderr what is done."
    ).exclusive("verbosity")

    static let progress = Flag<ReportingOptions>.negatable(
        "progress", \.showsProgress, "Show progress on stderr; the default on a terminal.")

    static let group = FlagGroup("Messages", [quiet, verbose, progress])
    static let groupWithoutProgress = FlagGroup("Messages", [quiet, verbose])
}

/// What happens to a record that cannot be read or is refused.
enum ErrorPolicy: String, CaseIterable, Sendable {
    case fail, skip
}

/// The compression of record batches, by the name that Kafka gives it.
enum CompressionChoice: String, CaseIterable, Sendable {
    case none, gzip, snappy, lz4, zstd
}

/// When a produce request is answered.
enum Acknowledgement: Sendable, Equatable {
    case none, leader, all

    init(_ text: String) throws(UsageError) {
        switch text {
        case "0": self = .none
        case "1": self = .leader
        case "all", "-1": self = .all
        default: throw UsageError("wants 0, 1 or all, not \"\(text)\"")
        }
    }
}

extension ValueParser where Value == Acknowledgement {
    static let acks = ValueParser("ACKS", completion: .choices(["0", "1", "all"])) {
        text throws(UsageError) in try Acknowledgement(text)
    }
}

/// Which records a consumer sees of transactions.
enum IsolationChoice: String, CaseIterable, Sendable {
    case readUncommitted = "read_uncommitted"
    case readCommitted = "read_committed"
}

extension ValueParser where Value == [UInt8] {
    /// Bytes between records or parts of them, with the escapes `\n \r \t \0 \\ \xNN`.
    static let delimiter = ValueParser("DELIMITER") { text throws(UsageError) in
        try unescaped(text)
    }
}

private func unescaped(_ text: String) throws(UsageError) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "\\") else {
            bytes.append(byte)
            continue
        }
        switch rest.popFirst() {
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "0"): bytes.append(0x00)
        case UInt8(ascii: "\\"): bytes.append(0x5C)
        case UInt8(ascii: "x"):
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else {
                throw UsageError("wants two hex digits after \\x, not \"\(text)\"")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        default:
            throw UsageError("knows the escapes \\n \\r \\t \\0 \\\\ \\xNN, not \"\(text)\"")
        }
    }
    return bytes
}
