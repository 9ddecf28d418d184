/// The answer to a request.
public struct HTTPResponse: Sendable, Equatable {
    public var status: Int
    /// The words behind the status; they may be missing.
    public var reason: String
    public var headers: [Header]
    public var body: [UInt8]

    /// The value of a header, whose name has letters of either case.
    public func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}

/// Bytes that are no answer.
public struct HTTPError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
