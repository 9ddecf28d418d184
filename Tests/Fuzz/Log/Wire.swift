import Bytes
import KafkaProtocol

/// A request frame of any key and version. What is read is written again and must read the same.
func fuzzRequest(_ bytes: RawSpan) {
    guard let (header, body) = try? MessageCatalog.decodeRequest(bytes) else { return }
    func encode<R: KafkaRequest>(_ request: R, _ header: RequestHeader) -> EncodedFrame {
        encodeRequest(
            request, version: header.apiVersion, correlationID: header.correlationId,
            clientID: header.clientId)
    }
    let first = encode(body, header)
    // The bytes of holes lie elsewhere: such a frame is not whole by itself.
    guard first.holes.isEmpty else { return }
    guard let again = try? MessageCatalog.decodeRequest(first.bytes.span.bytes.extracting(4...))
    else { fatalError("a request that was read cannot be read again once it is written") }
    precondition(encode(again.body, again.header) == first, "a request changes on the way")
}

/// A response: two bytes choose the request it answers.
func fuzzResponse(_ bytes: RawSpan) {
    guard bytes.byteCount > 2 else { return }
    var reader = ByteReader(bytes)
    let key = Int16(reader.int8())
    let version = Int16(reader.int8() & 15)
    _ = try? MessageCatalog.decodeResponse(bytes.extracting(2...), key: key, version: version)
}
