import PostgresProtocol

// What the user's words mean.
extension CaptureSession {
    /// The statement that lets a condition of the user's mean what it means to the user: names and
    /// operators in it are looked up where this role's sessions in this database look. Empty for
    /// conditions of our own.
    func pathStatement(_ request: BackfillRequest, of table: CatalogTable)
        throws(CaptureError) -> String
    {
        guard let condition = request.condition, !ReadParts.isRest(condition), !request.isSingle,
            request.partition == nil
        else { return "" }
        // The text of such values depends on the path, and must be that of the stream.
        guard !table.table.columns.contains(where: { Self.isNameOfObject($0.type) }) else {
            return ""
        }
        let path: String
        if let known = userPath { path = known } else { path = try readPath() }
        userPath = path
        return "SELECT pg_catalog.set_config('search_path', \(quotedText(path)), true); "
    }

    private func readPath() throws(CaptureError) -> String {
        let connection = try PostgresConnection.open(
            statements().address, stop: stop, keepsPath: true)
        defer { connection.close() }
        return try connection.value("SHOW search_path", doing: "read search_path") ?? ""
    }

    /// regclass and its kin, which leave out the schema of what the path finds.
    private static func isNameOfObject(_ type: ColumnType) -> Bool {
        if let element = type.element { return isNameOfObject(element) }
        return [24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4191].contains(type.oid)
            // It may hold one.
            || type.category == .composite
    }
}
