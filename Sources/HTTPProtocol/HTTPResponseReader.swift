/// Puts the answer to one request together from what is received, in pieces of any size (RFC 9112).
///
/// `received` takes bytes, `ended` the end of the connection; `response` is there when all of it
/// is. After an error it is of no use.
public struct HTTPResponseReader: Sendable {
    private enum State: Equatable {
        case head
        /// So many bytes of the body are missing.
        case body(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
        /// The body is what comes until the end of the connection.
        case untilEnd
        case done
    }

    private let hasBody: Bool
    private var state = State.head
    private var input: [UInt8] = []
    private var start = 0
    private var made = HTTPResponse(status: 0, reason: "", headers: [], body: [])

    /// The answer to HEAD has headers only.
    public init(method: String = "GET") { hasBody = method != "HEAD" }

    /// nil while something is missing.
    public var response: HTTPResponse? { state == .done ? made : nil }

    public mutating func received(_ bytes: ArraySlice<UInt8>) throws(HTTPError) {
        input += bytes
        while try advance() {}
        input.removeFirst(start)
        start = 0
    }

    /// The peer has closed the connection.
    public mutating func ended() throws(HTTPError) {
        switch state {
        case .untilEnd: state = .done
        case .done: return
        case .head where input.isEmpty && made.status == 0:
            throw HTTPError("the connection was closed without an answer")
        default: throw HTTPError("the connection was closed in the middle of an answer")
        }
    }

    /// False: more must come first, or nothing may.
    private mutating func advance() throws(HTTPError) -> Bool {
        switch state {
        case .done: return false
        case .head: return try readHead()
        case .body(let left):
            let count = try take(left)
            state = count == left ? .done : .body(left - count)
            return false
        case .untilEnd:
            _ = try take(input.count - start)
            return false
        case .chunkSize: return try readChunkSize()
        case .chunk(let left):
            let count = try take(left)
            state = count == left ? .chunkEnd : .chunk(left - count)
            return count == left
        case .chunkEnd:
            guard let line = try line(limit: Limits.chunkLineBytes) else { return false }
            guard line.isEmpty else { throw HTTPError("a chunk is longer than its size") }
            state = .chunkSize
            return true
        case .trailers:
            guard let line = try line(limit: Limits.headBytes) else { return false }
            if line.isEmpty { state = .done }
            return true
        }
    }

    /// Moves at most `count` bytes to the body.
    private mutating func take(_ count: Int) throws(HTTPError) -> Int {
        let moved = min(count, input.count - start)
        guard made.body.count + moved <= Limits.bodyBytes else {
            throw HTTPError("the answer has more than \(Limits.bodyBytes) bytes")
        }
        made.body += input[start..<start + moved]
        start += moved
        return moved
    }

    /// The next line without its end; nil while that is missing.
    private mutating func line(limit: Int) throws(HTTPError) -> String? {
        guard let end = input[start...].firstIndex(of: 0x0A) else {
            guard input.count - start <= limit else {
                throw HTTPError("a line of the answer has more than \(limit) bytes")
            }
            return nil
        }
        guard end - start <= limit else {
            throw HTTPError("a line of the answer has more than \(limit) bytes")
        }
        var bytes = input[start..<end]
        if bytes.last == 0x0D { bytes.removeLast() }
        start = end + 1
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func readHead() throws(HTTPError) -> Bool {
        guard let end = Self.headEnd(of: input[start...]) else {
            guard input.count - start <= Limits.headBytes else {
                throw HTTPError("the answer's headers have more than \(Limits.headBytes) bytes")
            }
            // What is no HTTP at all may never have an end of its head.
            let begin = Array("HTTP/1.".utf8)
            guard
                input[start...].prefix(begin.count).elementsEqual(
                    begin.prefix(min(begin.count, input.count - start)))
            else { throw HTTPError("the answer is not HTTP/1.1") }
            return false
        }
        let limit = end - start
        guard limit <= Limits.headBytes else {
            throw HTTPError("the answer's headers have more than \(Limits.headBytes) bytes")
        }
        let status = try line(limit: limit) ?? ""
        let words = status.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]),
            (100...999).contains(code)
        else { throw HTTPError("the answer is not HTTP/1.1") }
        made.status = code
        made.reason = words.count > 2 ? String(words[2]) : ""
        made.headers = []
        while let line = try line(limit: limit), !line.isEmpty {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else {
                throw HTTPError("the answer has a header without a colon")
            }
            let value = line[line.index(after: colon)...]
            made.headers.append(Header(String(line[..<colon]), Self.trimmed(value)))
        }
        // 100 to 199 come before the answer.
        if code >= 200 { state = try framing() }
        return true
    }

    /// Behind the empty line; nil while that is missing.
    private static func headEnd(of bytes: ArraySlice<UInt8>) -> Int? {
        var index = bytes.startIndex
        while let end = bytes[index...].firstIndex(of: 0x0A) {
            let next = end + 1
            if next < bytes.endIndex, bytes[next] == 0x0A { return next + 1 }
            if next + 1 < bytes.endIndex, bytes[next] == 0x0D, bytes[next + 1] == 0x0A {
                return next + 2
            }
            index = next
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(text)
    }

    /// How the body ends.
    private func framing() throws(HTTPError) -> State {
        guard hasBody, made.status != 204, made.status != 304 else { return .done }
        if let coding = made.header("Transfer-Encoding") {
            guard coding.lowercased() == "chunked" else {
                throw HTTPError("the answer's transfer coding \"\(coding)\" is not known")
            }
            return .chunkSize
        }
        let lengths = Set(
            made.headers.filter { $0.name.lowercased() == "content-length" }.map(\.value))
        guard let first = lengths.first else { return .untilEnd }
        guard lengths.count == 1, let length = Self.number(first, radix: 10) else {
            throw HTTPError("the answer's length is not a number")
        }
        guard length <= Limits.bodyBytes else {
            throw HTTPError("the answer has more than \(Limits.bodyBytes) bytes")
        }
        return length == 0 ? .done : .body(length)
    }

    private mutating func readChunkSize() throws(HTTPError) -> Bool {
        guard let line = try line(limit: Limits.chunkLineBytes) else { return false }
        let digits = Self.trimmed(line.prefix { $0 != ";" })
        guard let size = Self.number(digits, radix: 16) else {
            throw HTTPError("a chunk's size is not a number")
        }
        guard size <= Limits.bodyBytes else {
            throw HTTPError("the answer has more than \(Limits.bodyBytes) bytes")
        }
        state = size == 0 ? .trailers : .chunk(size)
        return true
    }

    /// Digits only: no sign.
    private static func number(_ text: String, radix: Int) -> Int? {
        guard let first = text.first, first != "+", first != "-" else { return nil }
        return Int(text, radix: radix)
    }
}
