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
            var rounds: [[Rate]] = [[], []]
            for _ in 0..<3 {
                rounds[0].append(try rate(file, .sendfile))
                rounds[1].append(try rate(file, .readAndWrite))
            }
            return figures("sendfile", "sendfile", rounds[0])
                + figures("read and write", "read_write", rounds[1])
        } catch {
            throw CommandFailure(error)
        }
    }

    private struct Rate {
        let bytesPerSecond: Double
        /// Of both ends.
        let cpuSecondsPerGB: Double
    }

    private func figures(_ name: String, _ key: String, _ rates: [Rate]) -> [FloorFigure] {
        [
            FloorFigure(
                name: "loopback by \(name)", key: "\(key)_bytes_per_second",
                value: ComparisonText.median(rates.map(\.bytesPerSecond)), unit: "B/s"),
            FloorFigure(
                name: "  its CPU", key: "\(key)_cpu_seconds_per_gb",
                value: ComparisonText.median(rates.map(\.cpuSecondsPerGB)), unit: "s/GB"),
        ]
    }

    /// What the other end has read in a sixth of the time.
    private func rate(_ file: any File, _ way: Way) throws(SystemError) -> Rate {
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
        let meter = UsageMeter(server: nil)
        let start = clock.monotonicNanoseconds
        while let count = try far.receive(into: &buffer, 0..<buffer.count), count > 0 {
            received += count
        }
        let elapsed = Double(clock.monotonicNanoseconds - start)
        return Rate(
            bytesPerSecond: Double(received) / (elapsed / 1e9),
            cpuSecondsPerGB: Double(meter.client.cpuNanoseconds) / Double(max(1, received)))
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
