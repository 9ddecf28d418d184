import Bytes
import KafkaProtocol
import Testing

@Suite struct NullBytesTests {
    /// SyncGroup v3 as librdkafka's mock answers an error: correlation id 1, throttle 0, error 27,
    /// and null where the assignment has no null.
    @Test func `null bytes of an answer are read as none`() throws {
        let frame: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 27, 0xff, 0xff, 0xff, 0xff]
        let answer = try ResponseFrame(frame.rawSpan).decode(
            SyncGroupRequest.self, version: 3, from: frame.rawSpan)
        #expect(answer.errorCode == .rebalanceInProgress)
        #expect(answer.assignment.isEmpty)
    }
}
