import Platform
import Query
import Testing

@Test func `a signal before the wait is not lost, and one without a signal ends in time`() {
    let signal = SourceSignal()
    signal.signal()
    #expect(signal.wait(nanoseconds: nil))
    #expect(!signal.wait(nanoseconds: 1_000_000))
    Thread.start { signal.signal() }
    #expect(signal.wait(nanoseconds: nil))
}
