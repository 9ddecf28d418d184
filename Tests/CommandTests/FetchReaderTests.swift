import Bytes
import KafkaProtocol
import Platform
import Records
import Testing

@testable import rtd

@Suite struct FetchReaderTests {
    private static let broker = HostPort(host: "127.0.0.1", port: 9092)

    /// Batches of that many records each, behind one another.
    private func batches(_ counts: [Int]) -> [UInt8] {
        let value = [UInt8](repeating: 0x61, count: 30)
        return counts.flatMap { count in
            var builder = RecordBatchBuilder()
            for number in 0..<count {
                builder.append(
                    key: nil, value: 0..<value.count, in: value.rawSpan,
                    timestamp: Int64(number))
            }
            return builder.finish(RecordBatchBuilder.Attributes())
        }
    }

    private func partition(_ index: Int32, _ records: Payload) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData()
        data.partitionIndex = index
        data.highWatermark = 1 << 40
        data.records = records
        return data
    }

    /// What a broker may answer: several topics, an error, null, a batch that is cut off.
    private func response(_ version: Int16) -> FetchResponse {
        var aborting = partition(2, .bytes(batches([4])))
        var aborted = FetchResponse.AbortedTransaction()
        aborted.producerId = 7
        aborting.abortedTransactions = [aborted]
        var failed = partition(1, .bytes([]))
        failed.errorCode = .notLeaderOrFollower
        if version >= 12 {
            failed.divergingEpoch.epoch = 3
            failed.currentLeader.leaderId = 5
        }
        var first = FetchResponse.FetchableTopicResponse()
        first.topic = "first"
        first.partitions = [partition(0, .bytes(batches([1, 20, 3]))), failed, aborting]
        var second = FetchResponse.FetchableTopicResponse()
        second.topic = "the second"
        second.partitions = [
            partition(0, .null), partition(1, .bytes(Array(batches([2, 9]).dropLast(20)))),
        ]
        var response = FetchResponse()
        response.throttleTimeMs = 1
        response.responses = [first, second]
        return response
    }

    private func frame(_ version: Int16, id: Int32) -> [UInt8] {
        encodeResponse(
            response(version), api: FetchRequest.api, version: version, correlationID: id
        ).bytes
    }

    /// A connection that gives at most `step` bytes a call, and fails at its end.
    private func source(_ bytes: [UInt8], step: Int) -> ReceiveBuffer {
        var sent = 0
        return ReceiveBuffer(byteCount: 64) { target, range, _ throws(CommandFailure) in
            let count = min(step, range.count, bytes.count - sent)
            guard count > 0 else { throw CommandFailure("the end") }
            let start = range.lowerBound
            target.replaceSubrange(start..<start + count, with: bytes[sent..<sent + count])
            sent += count
            return count
        }
    }

    @Test(arguments: [Int16(4), 7, 11, 12])
    func `an answer is the same in pieces of any size as it is as a whole`(version: Int16) throws {
        let bytes = frame(version, id: 1) + frame(version, id: 2)
        let body = Array(frame(version, id: 1).dropFirst(FrameSplitter.sizeBytes))
        let whole = try ResponseFrame(body.rawSpan).decode(
            FetchRequest.self, version: version, from: body.rawSpan)
        for step in 1...150 {
            let source = source(bytes, step: step)
            for id in Int32(1)...2 {
                let answer = try FetchAnswer.read(
                    from: source, version: version, id: id, broker: Self.broker)
                #expect(answer.response == whole, "pieces of \(step)")
                let counts = answer.batches.map { $0.map(\.recordCount) }
                #expect(counts == [[1, 20, 3], [], [4], [], [2]], "pieces of \(step)")
            }
            #expect(source.held.isEmpty)
        }
    }

    @Test func `an answer that ends early is the connection's failure`() {
        let bytes = frame(12, id: 1)
        for count in 0..<bytes.count {
            let source = source(Array(bytes[..<count]), step: 50)
            #expect(throws: CommandFailure.self) {
                try FetchAnswer.read(from: source, version: 12, id: 1, broker: Self.broker)
            }
        }
    }

    @Test func `an answer to another request is refused`() {
        let source = source(frame(12, id: 1), step: 50)
        #expect(throws: CommandFailure.self) {
            try FetchAnswer.read(from: source, version: 12, id: 2, broker: Self.broker)
        }
    }

    @Test(arguments: [Int16(4), 12], [UInt64(1), 2, 3])
    func `damaged answers end with an answer or an error`(version: Int16, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            var bytes = frame(version, id: 1)
            let place = FrameSplitter.sizeBytes + random.below(bytes.count - 4)
            bytes[place] = UInt8(truncatingIfNeeded: random.next())
            let source = source(bytes, step: 1_000)
            _ = try? FetchAnswer.read(
                from: source, version: version, id: 1, broker: Self.broker)
            #expect(source.bytes.count <= BenchLimits.fieldBytesMax)
        }
    }
}
