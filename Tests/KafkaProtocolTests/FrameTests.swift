import Bytes
import KafkaProtocol
import Testing

/// Headers, holes and the cutting of a stream into frames.
struct FrameTests {
    @Test func `records are read as a range of the frame and not copied`() throws {
        var produce = ProduceRequest()
        produce.topicData = [
            .with {
                $0.name = "t"
                $0.partitionData = [.with { $0.records = .bytes([1, 2, 3, 4]) }]
            }
        ]
        for version in ProduceRequest.api.versions {
            let sent = encodeRequest(produce, version: version, correlationID: 1, clientID: nil)
            let frame = Array(sent.bytes.dropFirst(4))
            let parsed = try RequestFrame(frame.rawSpan)
            let read = try parsed.decode(ProduceRequest.self, from: frame.rawSpan)
            guard case .slice(let range) = read.topicData[0].partitionData[0].records else {
                Issue.record("no slice in v\(version)")
                return
            }
            #expect(Array(frame[range]) == [1, 2, 3, 4])
        }
    }

    @Test func `external records leave a hole that completes the frame`() {
        for version in FetchRequest.api.versions {
            func response(_ payloads: [Payload]) -> FetchResponse {
                .with {
                    $0.responses = [
                        .with { topic in
                            topic.partitions = payloads.map { records in
                                .with { $0.records = records }
                            }
                        }
                    ]
                }
            }
            let blocks: [[UInt8]] = [Array(repeating: 7, count: 300), [], [9]]
            let whole = encodeResponse(
                response(blocks.map(Payload.bytes)), api: FetchRequest.api, version: version,
                correlationID: 5)
            let split = encodeResponse(
                response(blocks.map { .external($0.count) }), api: FetchRequest.api,
                version: version, correlationID: 5)
            #expect(whole.holes.isEmpty)
            #expect(split.holes.map(\.count) == [300, 1])
            #expect(split.totalCount == whole.bytes.count)
            var joined: [UInt8] = []
            var position = 0
            for (hole, block) in zip(split.holes, blocks.filter { !$0.isEmpty }) {
                joined += split.bytes[position..<hole.position] + block
                position = hole.position
            }
            #expect(joined + split.bytes[position...] == whole.bytes)
        }
    }

    @Test func `unknown tagged fields are skipped`() throws {
        // Heartbeat v4: group "g", generation 1, member "m", no instance, tags 0 and 9 unknown.
        let body: [UInt8] = [2, 0x67, 0, 0, 0, 1, 2, 0x6d, 0, 2, 0, 1, 0xff, 9, 2, 1, 2]
        let read = try decode(
            HeartbeatRequest.self, from: body.rawSpan, at: 0, version: 4, flexible: true)
        #expect(read.memberId == "m")
    }

    @Test func `a tagged field sent twice is refused`() throws {
        let id: [UInt8] = [0, 2, 2, 0x63]
        var request = FetchRequest()
        var writer = MessageWriter(version: 12, flexible: true)
        request.code(&writer)
        let once = writer.bytes.dropLast() + [1] + id
        let twice = writer.bytes.dropLast() + [2] + id + id
        request = try decode(
            FetchRequest.self, from: Array(once).rawSpan, at: 0, version: 12, flexible: true)
        #expect(request.clusterId == "c")
        #expect(throws: WireError.malformed) {
            try decode(
                FetchRequest.self, from: Array(twice).rawSpan, at: 0, version: 12,
                flexible: true)
        }
    }

    @Test func `a string that a short length cannot hold is cut between characters`() throws {
        let long = String(repeating: "é", count: 40_000)
        let response = DescribeConfigsResponse.with {
            $0.results = [.with { $0.configs = [.with { $0.value = long }] }]
        }
        for version in DescribeConfigsRequest.api.versions {
            let frame = Array(
                encodeResponse(
                    response, api: DescribeConfigsRequest.api, version: version, correlationID: 1
                ).bytes.dropFirst(4))
            let read = try ResponseFrame(frame.rawSpan).decode(
                DescribeConfigsRequest.self, version: version, from: frame.rawSpan)
            let value = read.results[0].configs[0].value ?? ""
            #expect(value == (version >= 4 ? long : String(repeating: "é", count: 16_383)))
        }
    }

    @Test func `a stream is cut into the same frames however it arrives`() throws {
        let frames: [[UInt8]] = [[1], [], [2, 3, 4], Array(repeating: 5, count: 300)]
        var stream: [UInt8] = []
        for frame in frames {
            stream += [0, 0, UInt8(frame.count >> 8), UInt8(frame.count & 255)] + frame
        }
        let splitter = FrameSplitter()
        for chunk in 1...stream.count {
            var buffer: [UInt8] = []
            var cut: [[UInt8]] = []
            for start in stride(from: 0, to: stream.count, by: chunk) {
                buffer += stream[start..<min(start + chunk, stream.count)]
                var position = 0
                while case .frame(let range) = try splitter.next(
                    in: buffer.rawSpan, from: position)
                {
                    cut.append(Array(buffer[range]))
                    position = range.upperBound
                }
                buffer.removeFirst(position)
            }
            #expect(cut == frames, "in chunks of \(chunk)")
            #expect(buffer.isEmpty)
        }
    }

    @Test func `the splitter says how much it needs`() throws {
        let splitter = FrameSplitter()
        let bytes: [UInt8] = [9, 0, 0, 1, 0, 7]
        #expect(try splitter.next(in: bytes.rawSpan, from: 1) == .incomplete(need: 260))
        #expect(try splitter.next(in: bytes.rawSpan, from: 4) == .incomplete(need: 4))
        #expect(try splitter.next(in: bytes.rawSpan, from: 6) == .incomplete(need: 4))
    }

    @Test func `other protocols and impossible sizes are refused at once`() {
        let splitter = FrameSplitter()
        func fails(_ bytes: [UInt8]) -> WireError? {
            do throws(WireError) {
                _ = try splitter.next(in: bytes.rawSpan, from: 0)
                return nil
            } catch {
                return error
            }
        }
        #expect(fails(Array("GET / HTTP/1.1".utf8)) == .frameTooLarge(0x4745_5420))
        #expect(fails([0x16, 3, 1, 0]) == .frameTooLarge(0x1603_0100))
        #expect(fails([0xff, 0xff, 0xff, 0xff]) == .malformed)
        #expect(fails([0x06, 0x40, 0, 1]) == .frameTooLarge(Limits.frameBytesMax + 1))
        #expect(fails([0x06, 0x40, 0, 0]) == nil)
    }
}
