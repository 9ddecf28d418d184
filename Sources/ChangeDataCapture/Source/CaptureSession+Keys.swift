import Bytes

// By what the rows of a table are told apart in an output that keeps the last one of each key.
extension CaptureSession {
    /// Another text when the key of the table's records is another one: other columns, by the
    /// catalog or --key, or another mask on one of them. `columns`: those of the catalog's key,
    /// each with what its values look like.
    func key(of table: String, in schema: String, columns: String) -> String {
        let parts = columns.split(separator: "\u{1}").map { part in
            part.split(separator: "\u{2}", maxSplits: 1).map(String.init)
        }
        let names: [String]
        let text: String
        if let chosen = configuration.keys["\(schema).\(table)"] {
            names = chosen
            text = chosen.joined(separator: ",")
        } else {
            names = parts.compactMap(\.first)
            text = parts.map { $0.joined(separator: " ") }.joined(separator: ",")
        }
        let masks = names.compactMap { name in
            configuration.masks.first { $0.covers(name, of: table, in: schema) }
        }
        guard !masks.isEmpty else { return text }
        // A salt is a secret.
        let digest = SHA256.digest(of: Array("\(masks.map(\.method))".utf8))
        return "\(text) #" + digest.prefix(8).map { String($0, radix: 16) }.joined(separator: "-")
    }

    /// Its rows are messages, which are not sent twice.
    func isOutbox(_ name: String) -> Bool {
        guard let outbox = configuration.outbox else { return false }
        return TableSelection(included: [outbox]).selects(name)
    }
}
