import Formats
import Query

// COPY (query) TO STDOUT | 'file'.
extension QueryOutput {
    /// What is asked for is checked before the file is touched.
    func copyTarget(
        _ file: String?, _ options: [String: String], _ place: Range<Int>
    ) throws(SQLError) -> (any ResultOutput)? {
        let ending = file.flatMap(Self.ending) ?? "csv"
        let asked = CopyOptions(options, place)
        let format = (options["format"] ?? ending).lowercased()
        switch format {
        case "json", "ndjson", "jsonl":
            try asked.allow([])
            return LinesOutput(.json, try target(file))
        case "debezium", "upsert":
            try asked.allow([])
            return ChangeOutput(format == "upsert" ? .upsert : .debezium, try target(file))
        case "csv":
            try asked.allow(["header", "delimiter", "null", "quote", "escape"])
            let form = LinesOutput.Form.csv(
                separator: try asked.delimiter() ?? UInt8(ascii: ","), null: options["null"] ?? "",
                hasHeader: try asked.header() ?? (file != nil))
            return LinesOutput(form, try target(file))
        case "tsv", "text":
            try asked.allow(["header", "delimiter", "null"])
            guard try asked.delimiter() ?? UInt8(ascii: "\t") == UInt8(ascii: "\t") else {
                throw SQLError(
                    "COPY format \"\(format)\" has tabs between its columns",
                    .featureNotSupported, at: place)
            }
            let form = LinesOutput.Form.tsv(
                null: options["null"] ?? "\\N", hasHeader: try asked.header() ?? false)
            return LinesOutput(form, try target(file))
        default:
            throw SQLError(
                "COPY format \"\(format)\" is not supported yet", .featureNotSupported, at: place,
                hint: "Formats are csv, tsv, json, debezium and upsert.")
        }
    }

    /// Of a path, without that of a compression.
    private static func ending(_ path: String) -> String? {
        let isCompressed = GzipTarget.isWanted(for: path)
        return (isCompressed ? path.dropLast(3) : path[...]).split(separator: ".").last
            .map(String.init)
    }

    private func target(_ file: String?) throws(SQLError) -> any ByteTarget {
        guard let file else { return StandardOutputTarget() }
        let target = try FileTarget(file)
        return GzipTarget.isWanted(for: file) ? GzipTarget(target) : target
    }
}

/// The options of one COPY: what has no effect is refused.
struct CopyOptions {
    private let options: [String: String]
    private let place: Range<Int>

    /// All that PostgreSQL knows.
    private static let known: Set<String> = [
        "format", "freeze", "delimiter", "null", "header", "quote", "escape", "force_quote",
        "force_not_null", "force_null", "encoding",
    ]

    init(_ options: [String: String], _ place: Range<Int>) {
        self.options = options
        self.place = place
    }

    /// `names` beside the format, the encoding, and quotes as they are.
    func allow(_ names: Set<String>) throws(SQLError) {
        for (name, value) in options.sorted(by: { $0.key < $1.key }) {
            guard CopyOptions.known.contains(name) else {
                throw SQLError("option \"\(name)\" not recognized", .syntaxError, at: place)
                    .suggesting(CopyOptions.known.sorted(), for: name)
            }
            let isDefault =
                switch name {
                case "format": true
                case "encoding": ["utf8", "utf-8"].contains(value.lowercased())
                case "quote", "escape": names.contains(name) && value == "\""
                default: names.contains(name)
                }
            guard isDefault else {
                throw SQLError(
                    "COPY option \"\(name)\" is not supported here", .featureNotSupported, at: place
                )
            }
        }
    }

    func header() throws(SQLError) -> Bool? {
        guard let value = options["header"]?.lowercased() else { return nil }
        switch value {
        case "true", "on", "1": return true
        case "false", "off", "0": return false
        default:
            throw SQLError(
                "header requires a Boolean value or \"match\"", .syntaxError, at: place)
        }
    }

    func delimiter() throws(SQLError) -> UInt8? {
        guard let value = options["delimiter"] else { return nil }
        guard let byte = value.utf8.first, value.utf8.count == 1 else {
            throw SQLError(
                "COPY delimiter must be a single one-byte character", .featureNotSupported,
                at: place)
        }
        guard byte != 0x0A, byte != 0x0D, byte != UInt8(ascii: "\"") else {
            throw SQLError(
                byte == UInt8(ascii: "\"")
                    ? "COPY delimiter and quote must be different"
                    : "COPY delimiter cannot be newline or carriage return",
                .invalidParameterValue, at: place)
        }
        return byte
    }
}
