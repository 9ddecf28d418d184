import Platform
import Testing

@testable import Service

@Suite struct TraceSocketTests {
    @Test func `a slow reader misses lines and gets none in part`() throws {
        let loop = SimulatedLoop(seed: 3)
        let address = SocketAddress.unix(path: "/run/trace")
        let socket = TraceSocket(path: "/run/trace", loop: loop)
        try socket.listen()
        let reader = SlowReader()
        loop.connect(address) { result in
            if case .success(let stream) = result { reader.stream = stream }
        }
        loop.run(milliseconds: 0)
        #expect(socket.isRead)
        var written = 0
        for round in 1...40 {
            // Each round is more than the reader takes.
            for _ in 0..<100 {
                socket.write("\(written) \(String(repeating: "x", count: written * 7 % 900))")
                written += 1
            }
            loop.run(milliseconds: 0)
            reader.read(atMost: round * 1_000)
        }
        reader.read(atMost: .max)
        let text = String(decoding: reader.bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        var last = -1
        for line in lines {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            let number = try #require(parts.first.flatMap { Int($0) })
            #expect(number > last && parts.count == 2 && parts[1].count == number * 7 % 900)
            last = number
        }
        #expect(lines.count > 100 && lines.count < written)
    }
}

/// Reads when it is told to.
private final class SlowReader: @unchecked Sendable {
    var stream: (any Platform.Stream)?
    private(set) var bytes: [UInt8] = []

    func read(atMost limit: Int) {
        var left = limit
        var buffer = [UInt8](repeating: 0, count: 1_000)
        while left > 0,
            case .moved(let count)? = buffer.withUnsafeMutableBytes({ stream?.read(into: $0) })
        {
            bytes += buffer[..<count]
            left -= count
        }
    }
}
