import Formats
import KafkaProtocol
import Platform
import Streaming

/// ListTransactions, key 66, v0-2: all transactional ids, or those of some states, producers, ages
/// or names (KIP-664, KIP-994, KIP-1152). A pattern matches the whole id, in time that grows with
/// its length only.
enum ListTransactionsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: ListTransactionsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ListTransactionsRequest>
    ) {
        let now = context.broker.transactions.nowMilliseconds
        let states = Set(request.stateFilters)
        let producers = Set(request.producerIdFilters)
        var response = ListTransactionsResponse()
        let pattern: RegularExpression?
        do throws(SQLError) {
            pattern = try expression(request.transactionalIdPattern)
        } catch {
            response.errorCode = .invalidRegularExpression
            return reply.send(response)
        }
        response.unknownStateFilters = request.stateFilters.filter {
            !TransactionDescription.statusNames.contains($0)
        }
        response.transactionStates = context.broker.transactions.descriptions.filter { found in
            (states.isEmpty || states.contains(found.status))
                && (producers.isEmpty || producers.contains(found.producerID))
                && (request.durationFilter < 0
                    || found.startTimestamp >= 0
                        && now - found.startTimestamp > request.durationFilter)
                && (pattern.map { matches($0, found.transactionalID) } ?? true)
        }.map { found in
            .with {
                $0.transactionalId = found.transactionalID
                $0.producerId = found.producerID
                $0.transactionState = found.status
            }
        }
        reply.send(response)
    }

    private static func expression(_ text: String?) throws(SQLError) -> RegularExpression? {
        guard let text, !text.isEmpty else { return nil }
        return try RegularExpression("^(?:\(text))$")
    }

    private static func matches(_ pattern: RegularExpression, _ id: String) -> Bool {
        let bytes = Array(id.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe pattern.matches($0) }
    }
}
