import HTTPProtocol

/// The answer to a request: whole, and in pieces of the size that the first byte says. Both must
/// give the same, and the connection may end behind it.
func fuzzHTTP(_ bytes: RawSpan) {
    guard bytes.byteCount > 1 else { return }
    let all = bytes.withUnsafeBytes { Array($0) }
    let method = all[0] & 1 == 0 ? "GET" : "HEAD"
    let whole = answer(all[1...], method, piece: all.count)
    let parts = answer(all[1...], method, piece: Int(all[0] >> 1) + 1)
    precondition(whole == parts, "pieces of another size give another answer")
}

/// nil: it was refused.
private func answer(_ bytes: ArraySlice<UInt8>, _ method: String, piece: Int) -> HTTPResponse? {
    var reader = HTTPResponseReader(method: method)
    var rest = bytes
    do {
        while !rest.isEmpty {
            try reader.received(rest.prefix(piece))
            rest = rest.dropFirst(piece)
        }
        try reader.ended()
    } catch {
        return nil
    }
    return reader.response
}
