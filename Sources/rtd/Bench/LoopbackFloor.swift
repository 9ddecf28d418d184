import Platform

/// `rtd bench consume --floor`: a file in the page cache sent over loopback, which is what fetches
/// come to at best. Two threads, one connection.
struct LoopbackFloor {
    let directory: String
    let nanoseconds: Int64

    private static let fileBytes = 256 << 20
    private static let chunkBytes = 1 << 20

    private enum Way { case sendfile, readAndWrite }

    func run() throws(CommandFailure) -> [FloorFigure] {
        do throws(SystemError) {
            let fileSystem = POSIXFileSystem()
            try fileSystem.makeDirectories(directory)
            let file = try fileSystem.create(directory + "/loopback")
            defer { file.close() }
            let chunk = [UInt8](repeating: 0x61, count: Self.chunkBytes)
            for place in 0..<Self.fileBytes / Self.chunkBytes {
                try file.write(at: Int64(place * Self.chunkBytes), chunk)
            }
            // In turn, as the machine's speed changes by the second.
            var rates: [[Double]] = [[], []]
            for _ in 0..<3 {
                rates[0].append(try rate(file, .sendfile))
                rates[1].append(try rate(file, .readAndWrite))
            }
            return [
                FloorFigure(
                    name: "loopback by sendfile", key: "sendfile_bytes_per_second",
                    value: ComparisonText.median(rates[0]), unit: "B/s"),
                FloorFigure(
                    name: "loopback by read and write", key: "read_write_bytes_per_second",
                    value: ComparisonText.median(rates[1]), unit: "B/s"),
            ]
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Bytes a second that the other end has read.
    private func rate(_ file: any File, _ way: Way) throws(SystemError) -> Double {
        let (near, far) = try BlockingSocket.loopbackPair()
        let clock = SystemClock()
        let until = clock.monotonicNanoseconds + nanoseconds / 6
        Thread.start {
            var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
            var place = 0
            while clock.monotonicNanoseconds < until {
                let position = Int64(place * Self.chunkBytes)
                guard (try? Self.send(file, position, way, near, &buffer)) != nil else { break }
                place = (place + 1) % (Self.fileBytes / Self.chunkBytes)
            }
            near.interrupt()
        }
        var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
        var received = 0
        let start = clock.monotonicNanoseconds
        while let count = try far.receive(into: &buffer, 0..<buffer.count), count > 0 {
            received += count
        }
        return Double(received) / (Double(clock.monotonicNanoseconds - start) / 1e9)
    }

    private static func send(
        _ file: any File, _ position: Int64, _ way: Way, _ socket: BlockingSocket,
        _ buffer: inout [UInt8]
    ) throws(SystemError) {
        switch way {
        case .sendfile: try socket.send(file, at: position, count: chunkBytes)
        case .readAndWrite:
            try file.read(at: position, into: &buffer)
            try socket.send(buffer)
        }
    }
}
