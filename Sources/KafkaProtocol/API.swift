/// The versions of a request whose fields are described, for both directions.
public struct API: Sendable, Equatable {
    public let key: APIKey
    public let versions: ClosedRange<Int16>
    /// The first version with compact lengths and tagged fields (KIP-482); Int16.max for none.
    public let flexibleFrom: Int16

    public init(key: APIKey, versions: ClosedRange<Int16>, flexibleFrom: Int16 = .max) {
        self.key = key
        self.versions = versions
        self.flexibleFrom = flexibleFrom
    }

    @inlinable
    public func isFlexible(_ version: Int16) -> Bool { version >= flexibleFrom }

    /// The versions to list in ApiVersions. Produce is listed from 0 though it is served from 3:
    /// librdkafka before 2.11.1 else sends uncompressed without a word (KAFKA-18659).
    public var advertised: ClosedRange<Int16> {
        key == .produce ? 0...versions.upperBound : versions
    }
}
