import KafkaProtocol
import LogStorage
import Platform
import Streaming

/// Answers one kind of request. Each has a file of its own, which opens with its contract.
protocol KafkaHandler: SendableMetatype {
    associatedtype Request: KafkaRequest
    /// The versions that are served and, unless `advertised` says otherwise, advertised.
    static var versions: ClosedRange<Int16> { get }
    static var advertised: ClosedRange<Int16> { get }
    /// Called on the connection's loop; `reply` may be used later, from any thread, once.
    static func handle(
        _ request: Request, _ context: borrowing RequestContext, _ reply: Reply<Request>)
}

extension KafkaHandler {
    static var advertised: ClosedRange<Int16> { versions }
}

/// What a handler may know of the request beside its fields.
@safe struct RequestContext: ~Copyable {
    let server: KafkaServer
    let connection: KafkaConnection
    let header: RequestHeader
    /// The whole frame, in which `Payload.slice` counts; valid until `handle` returns.
    let frame: UnsafeMutableRawBufferPointer

    var broker: Broker { server.broker }
    var version: Int16 { header.apiVersion }
    var clientID: String { header.clientId ?? "" }

    /// The address that clients are told to connect to: the one asked for at start, else the one
    /// this connection came in on.
    var advertisedAddress: (host: String, port: Int32) {
        server.advertised(to: connection.stream.localAddress)
    }
}

/// The place of one answer on its connection.
struct Reply<Request: KafkaRequest>: Sendable {
    let connection: KafkaConnection
    let ticket: AnswerQueue.Ticket
    let version: Int16
    let correlationID: Int32
    let startedNanoseconds: Int64

    /// Sends the answer; `slices` fill the holes that its external payloads leave.
    func send(_ response: Request.Response, slices: [LogSlice] = []) {
        let frame = encodeResponse(
            response, api: Request.api, version: version, correlationID: correlationID)
        finish(frame, slices)
    }

    /// For a request that gets no answer (acks=0).
    func sendNothing() {
        finish(nil, [])
    }

    private func finish(_ frame: EncodedFrame?, _ slices: [LogSlice]) {
        let connection = self.connection
        let ticket = self.ticket
        if let tracer = connection.server.tracer {
            tracer.answered(self, bytes: frame?.totalCount ?? 0)
        }
        if connection.loop.isCurrent {
            connection.answer(ticket, frame, slices)
        } else {
            connection.loop.post { connection.answer(ticket, frame, slices) }
        }
    }
}

/// A handler without its types, as the dispatcher keeps it.
struct HandlerEntry: Sendable {
    let key: APIKey
    let served: ClosedRange<Int16>
    let advertised: ClosedRange<Int16>
    let run: @Sendable (RequestFrame, borrowing RequestContext) throws(WireError) -> Void

    init<Handler: KafkaHandler>(_ handler: Handler.Type) {
        key = Handler.Request.api.key
        served = Handler.versions
        advertised = Handler.advertised
        run = { (frame, context) throws(WireError) in
            let span = unsafe UnsafeRawBufferPointer(context.frame).bytes
            let request = try frame.decode(Handler.Request.self, from: span)
            let reply = Reply<Handler.Request>(
                connection: context.connection, ticket: context.connection.expectAnswer(),
                version: frame.header.apiVersion, correlationID: frame.header.correlationId,
                startedNanoseconds: context.connection.loop.clock.monotonicNanoseconds)
            Handler.handle(request, context, reply)
        }
    }
}

/// All requests that are served. ApiVersions is computed from this table, so it cannot lie.
enum HandlerTable {
    static let all: [HandlerEntry] = [
        HandlerEntry(ProduceHandler.self), HandlerEntry(FetchHandler.self),
        HandlerEntry(ListOffsetsHandler.self), HandlerEntry(MetadataHandler.self),
        HandlerEntry(OffsetCommitHandler.self), HandlerEntry(OffsetFetchHandler.self),
        HandlerEntry(FindCoordinatorHandler.self), HandlerEntry(JoinGroupHandler.self),
        HandlerEntry(HeartbeatHandler.self), HandlerEntry(LeaveGroupHandler.self),
        HandlerEntry(SyncGroupHandler.self), HandlerEntry(DescribeGroupsHandler.self),
        HandlerEntry(ListGroupsHandler.self), HandlerEntry(ApiVersionsHandler.self),
        HandlerEntry(CreateTopicsHandler.self), HandlerEntry(DeleteTopicsHandler.self),
        HandlerEntry(DeleteRecordsHandler.self), HandlerEntry(InitProducerIdHandler.self),
        HandlerEntry(OffsetForLeaderEpochHandler.self), HandlerEntry(DescribeConfigsHandler.self),
        HandlerEntry(AlterConfigsHandler.self), HandlerEntry(DescribeLogDirsHandler.self),
        HandlerEntry(CreatePartitionsHandler.self), HandlerEntry(DeleteGroupsHandler.self),
        HandlerEntry(IncrementalAlterConfigsHandler.self), HandlerEntry(OffsetDeleteHandler.self),
        HandlerEntry(DescribeClusterHandler.self),
        HandlerEntry(DescribeTopicPartitionsHandler.self),
        HandlerEntry(AddPartitionsToTxnHandler.self), HandlerEntry(AddOffsetsToTxnHandler.self),
        HandlerEntry(EndTxnHandler.self), HandlerEntry(TxnOffsetCommitHandler.self),
        HandlerEntry(DescribeProducersHandler.self), HandlerEntry(DescribeTransactionsHandler.self),
        HandlerEntry(ListTransactionsHandler.self), HandlerEntry(SaslHandshakeHandler.self),
        HandlerEntry(SaslAuthenticateHandler.self),
        HandlerEntry(DescribeUserScramCredentialsHandler.self),
        HandlerEntry(AlterUserScramCredentialsHandler.self),
        HandlerEntry(ConsumerGroupHeartbeatHandler.self),
        HandlerEntry(ConsumerGroupDescribeHandler.self),
        HandlerEntry(ShareGroupHeartbeatHandler.self),
        HandlerEntry(ShareGroupDescribeHandler.self), HandlerEntry(ShareFetchHandler.self),
        HandlerEntry(ShareAcknowledgeHandler.self),
        HandlerEntry(DescribeShareGroupOffsetsHandler.self),
        HandlerEntry(AlterShareGroupOffsetsHandler.self),
        HandlerEntry(DeleteShareGroupOffsetsHandler.self), HandlerEntry(ElectLeadersHandler.self),
        HandlerEntry(ListPartitionReassignmentsHandler.self),
        HandlerEntry(ListConfigResourcesHandler.self), HandlerEntry(DescribeAclsHandler.self),
        HandlerEntry(CreateAclsHandler.self), HandlerEntry(DeleteAclsHandler.self),
        HandlerEntry(AlterReplicaLogDirsHandler.self),
        HandlerEntry(AlterPartitionReassignmentsHandler.self),
        HandlerEntry(DescribeClientQuotasHandler.self), HandlerEntry(DescribeQuorumHandler.self),
    ]

    /// By the number of the key.
    static let byKey: [HandlerEntry?] = {
        var table = [HandlerEntry?](
            repeating: nil, count: 1 + Int(all.map(\.key.rawValue).max() ?? 0))
        for entry in all { table[Int(entry.key.rawValue)] = entry }
        return table
    }()
}
