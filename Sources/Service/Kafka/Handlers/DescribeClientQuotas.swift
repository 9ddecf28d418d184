import KafkaProtocol
import Streaming

/// DescribeClientQuotas, key 48, v0-1: nobody has a quota, so none is told. They cannot be set
/// either: AlterClientQuotas is not served.
enum DescribeClientQuotasHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    static func handle(
        _ request: DescribeClientQuotasRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeClientQuotasRequest>
    ) {
        reply.send(.with { $0.entries = [] })
    }
}
