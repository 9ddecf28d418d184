import Aggregation
import Bytes
import Formats
import SQL

/// Which query a state is of: all of it as a hash, and in words for those who read an error.
struct QueryFingerprint {
    /// The plan as EXPLAIN has it, with the types of what it reads.
    private(set) var words: String
    /// Of all that its rows hang on; empty: a state of format 3 or older, which has the words only.
    private(set) var digest: [UInt8]
    /// The words leave nothing out.
    private var isToldByWords = false

    init(words: String, digest: [UInt8]) { (self.words, self.digest) = (words, digest) }

    init(_ execution: QueryExecution) {
        let prepared = execution.prepared
        var lines = Explain.lines(prepared.plan, showsFacts: false)
        for input in execution.compiled.inputs {
            let types = input.scan.columns.map(\.type.shape).joined(separator: ", ")
            lines.append("\(input.relation.name): \(types)")
        }
        let columns = prepared.columns.map { "\($0.name) \($0.type.shape)" }
        lines.append(columns.joined(separator: ", "))
        let emit = prepared.emit.map { "\($0.kind)" } ?? ""
        lines.append(emit)
        if let limit = execution.idleLimit { lines.append("state-ttl \(limit)") }
        words = lines.joined(separator: "\n")

        let plan = PlanText(prepared.plan)
        isToldByWords = plan.isToldByExplain
        let rest = [
            columns.joined(separator: ", "), emit, "\(prepared.policy) \(prepared.isChangelog)",
            "state-ttl \(execution.idleLimit ?? -1)", execution.timeZone.name,
        ]
        let all = ([plan.text] + rest).joined(separator: "\n")
        digest = SHA256.digest(of: Array(all.utf8))
    }

    /// Throws where a state in `path` is of another query, or may be.
    func require(_ saved: QueryFingerprint, in path: String) throws(SQLError) {
        if saved.digest == digest { return }
        let anew = "remove \(path) to begin anew."
        guard saved.digest.isEmpty, saved.words == words else {
            throw SQLError(
                "the state in \(path) is of another query", .objectNotReady,
                hint: "Give each query a directory of its own; \(anew)",
                detail: "It was kept for: \(saved.inShort).")
        }
        guard isToldByWords else {
            throw SQLError(
                "the state in \(path) does not say whether it is of this query",
                .objectNotReady,
                hint: "Go on with the rtd that wrote it, or \(anew)",
                detail: "An older rtd wrote it, which noted less of a query than tells this one "
                    + "from others.")
        }
    }

    /// The operations of the plan in one line.
    private var inShort: String {
        let lines = words.split(separator: "\n").prefix(6).map { line in
            line.drop { $0 == " " || $0 == "-" || $0 == ">" }
        }
        return lines.joined(separator: "; ")
    }

    func write(_ target: inout OutputBuffer) {
        target.append(blob: Array(words.utf8))
        target.append(blob: digest)
    }

    /// `isInWords`: of format 3 or older.
    init(_ reader: inout StateReader, isInWords: Bool) throws(SQLError) {
        words = String(decoding: try reader.blob(), as: UTF8.self)
        digest = isInWords ? [] : try reader.blob()
    }
}
