import HTTPProtocol
import Testing

@Suite struct HTTPTests {
    private func read(
        _ text: String, method: String = "GET", piece: Int = .max, ends: Bool = false
    ) throws -> HTTPResponse? {
        var reader = HTTPResponseReader(method: method)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            try reader.received(rest.prefix(piece))
            rest = rest.dropFirst(piece)
        }
        if ends { try reader.ended() }
        return reader.response
    }

    @Test func `a request has its headers, a length and one connection`() {
        var request = HTTPRequest(method: "POST", target: "/subjects/t-key", host: "h:8081")
        request.headers = [Header("Accept", "text/plain\r\nX: y")]
        request.body = Array("{}".utf8)
        #expect(
            String(decoding: request.encoded, as: UTF8.self)
                == "POST /subjects/t-key HTTP/1.1\r\nHost: h:8081\r\nAccept: text/plain  X: y\r\n"
                + "Content-Length: 2\r\nConnection: close\r\n\r\n{}")
        let plain = HTTPRequest(method: "GET", target: "/", host: "h").encoded
        #expect(
            String(decoding: plain, as: UTF8.self)
                == "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    }

    static let whole = [
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\ncontent-length:  8 \r\n\r\n{\"id\":1}",
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3\r\n{\"i\r\n005;x=y\r\nd\":1}\r\n0\r\nTrailer: z\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\nContent-Type: a/b\nContent-Length: 8\n\n"
            + "{\"id\":1}",
    ]

    @Test(arguments: whole, [1, 2, 7, Int.max])
    func `an answer is put together from pieces of any size`(text: String, piece: Int) throws {
        let response = try #require(try read(text, piece: piece))
        #expect(response.status == 200)
        #expect(response.header("content-TYPE") == "a/b")
        #expect(String(decoding: response.body, as: UTF8.self) == "{\"id\":1}")
    }

    @Test(arguments: whole)
    func `an answer that is cut off is none`(text: String) throws {
        let bytes = Array(text.utf8)
        for count in bytes.indices {
            let start = String(decoding: bytes[..<count], as: UTF8.self)
            #expect(try read(start) == nil)
            #expect(throws: HTTPError.self) { try read(start, ends: true) }
        }
    }

    @Test func `without a length the body ends with the connection`() throws {
        let text = "HTTP/1.1 500 Oh no\r\n\r\nabc"
        #expect(try read(text) == nil)
        let response = try #require(try read(text, ends: true))
        #expect((response.status, response.reason) == (500, "Oh no"))
        #expect(response.body == Array("abc".utf8))
    }

    @Test func `some answers have no body`() throws {
        #expect(try read("HTTP/1.1 204 No Content\r\n\r\n")?.body == [])
        #expect(try read("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n")?.status == 304)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        #expect(try read(head, method: "HEAD")?.status == 200)
        #expect(try read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?.body == [])
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: Limits.headBytes),
    ])
    func `what is no answer is refused`(text: String) {
        #expect(throws: HTTPError.self) { try read(text) }
    }
}
