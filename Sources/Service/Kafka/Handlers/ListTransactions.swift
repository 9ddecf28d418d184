import KafkaProtocol
import Platform
import Streaming

/// ListTransactions, key 66, v0-1: all transactional ids, or those of some states, producers or
/// ages (KIP-664, KIP-994). The pattern of v2 is not served.
enum ListTransactionsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    static func handle(
        _ request: ListTransactionsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ListTransactionsRequest>
    ) {
        let now = context.broker.clock.wallMilliseconds
        let states = Set(request.stateFilters)
        let producers = Set(request.producerIdFilters)
        var response = ListTransactionsResponse()
        response.unknownStateFilters = request.stateFilters.filter {
            !TransactionDescription.statusNames.contains($0)
        }
        response.transactionStates = context.broker.transactions.descriptions.filter { found in
            (states.isEmpty || states.contains(found.status))
                && (producers.isEmpty || producers.contains(found.producerID))
                && (request.durationFilter < 0
                    || found.startTimestamp >= 0
                        && now - found.startTimestamp > request.durationFilter)
        }.map { found in
            .with {
                $0.transactionalId = found.transactionalID
                $0.producerId = found.producerID
                $0.transactionState = found.status
            }
        }
        reply.send(response)
    }
}
