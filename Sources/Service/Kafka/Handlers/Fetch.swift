import KafkaProtocol
import LogStorage
import Platform
import Records
import Streaming

/// Fetch, key 1, v4-18: whole batches from the file to the socket, with sessions (KIP-227), topic
/// ids from v13 on, leader epochs (KIP-320). Waits up to max wait for min bytes; woken by appends.
enum FetchHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 4...18

    static func handle(
        _ request: FetchRequest, _ context: borrowing RequestContext, _ reply: Reply<FetchRequest>
    ) {
        let session: FetchSession
        switch context.server.sessions.use(request, version: context.version) {
        case .failure(let failure):
            var response = FetchResponse()
            response.errorCode = failure.code
            return reply.send(response)
        case .success(let found): session = found
        }
        Fetching(request, session, context, reply).start()
    }
}

/// One fetch on its way: reads, and if that gives too little, waits and reads again.
///
/// Lives on the loop of its connection; only `FetchWait.wake` comes from elsewhere.
private final class Fetching: @unchecked Sendable {
    private let broker: Broker
    private let server: KafkaServer
    private let loop: any EventLoop
    private let reply: Reply<FetchRequest>
    private let session: FetchSession
    private let minBytes: Int
    private let maxBytes: Int
    private let deadline: Int64
    private let readCommitted: Bool
    private var wait: FetchWait?
    private var watched: [Partition] = []
    private var timer: TimerID?

    init(
        _ request: FetchRequest, _ session: FetchSession, _ context: borrowing RequestContext,
        _ reply: Reply<FetchRequest>
    ) {
        broker = context.broker
        server = context.server
        loop = context.connection.loop
        self.reply = reply
        self.session = session
        minBytes = Int(max(0, request.minBytes))
        maxBytes = min(Int(max(0, request.maxBytes)), Streaming.Limits.fetchBytesMax)
        deadline =
            loop.clock.monotonicNanoseconds &+ Int64(max(0, request.maxWaitMs)) &* 1_000_000
        readCommitted = request.isolationLevel == 1
    }

    func start() {
        attempt(isFirst: true)
    }

    private func attempt(isFirst: Bool) {
        var reading = FetchReading(
            broker: broker, session: session, maxBytes: maxBytes, readCommitted: readCommitted)
        reading.readAll()
        let left = deadline - loop.clock.monotonicNanoseconds
        if reading.byteCount >= minBytes || reading.hasError || left <= 0 || session.isEmpty {
            return finish(reading)
        }
        register(left)
        if isFirst {
            // What came between the read and the registration would wake nobody.
            attempt(isFirst: false)
        }
    }

    private func register(_ left: Int64) {
        guard wait == nil else { return }
        let loop = self.loop
        let next = FetchWait { [self] in loop.post { self.woken() } }
        wait = next
        watched = session.partitions.compactMap { wanted in
            session.topic(wanted, broker)?.partition(wanted.partition)
        }
        for partition in watched { partition.add(next) }
        guard timer == nil else { return }
        timer = loop.after(left) { [self] in
            timer = nil
            // Not `next`: an append that gave too little has put another in its place.
            wait?.wake()
        }
    }

    private func unregister() {
        if let wait { for partition in watched { partition.remove(wait) } }
        wait = nil
        watched = []
    }

    private func woken() {
        guard wait != nil else { return }
        unregister()
        attempt(isFirst: true)
    }

    private func finish(_ reading: FetchReading) {
        unregister()
        if let timer { loop.cancel(timer) }
        timer = nil
        guard reading.slices.contains(where: \.slice.isCold) else {
            return send(reading)
        }
        // A loop never waits for the disk: what may not be in the page cache is read in first.
        server.workers.submit { [self] in
            var loaded = reading
            loaded.loadCold()
            let ready = loaded
            for (place, text) in ready.damage {
                server.refused(reply, .storage(text), place)
            }
            loop.post { [self] in send(ready) }
        }
    }

    private func send(_ reading: FetchReading) {
        let (response, slices) = session.respond(reading)
        reply.send(response, slices: slices)
    }
}
