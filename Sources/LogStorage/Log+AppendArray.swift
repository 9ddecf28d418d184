public import Records

extension Log {
    /// As `append(_:headers:durability:nowMilliseconds:)`, for bytes that lie in an array.
    public func append(
        _ bytes: inout [UInt8], headers: [RecordBatchHeader], durability: Durability,
        nowMilliseconds: Int64
    ) throws(LogError) -> AppendResult {
        let result = unsafe bytes.withUnsafeMutableBytes {
            bytes -> Result<AppendResult, LogError> in
            do throws(LogError) {
                return unsafe .success(
                    try append(
                        bytes, headers: headers, durability: durability,
                        nowMilliseconds: nowMilliseconds))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
