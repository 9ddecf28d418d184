import ArgumentParsing
import Platform

/// The properties of a schema registry's client, by Confluent's names; those of Connect's
/// converters are the same behind `key.converter.` and `value.converter.`.
struct RegistryProperties: Sendable, Equatable {
    static let names: Set = [
        "schema.registry.url", "basic.auth.user.info", "schema.registry.basic.auth.user.info",
        "basic.auth.credentials.source", "auto.register.schemas",
        "schema.registry.ssl.ca.location", "schema.registry.ssl.truststore.location",
    ]
    private static let prefixes = ["key.converter.", "value.converter."]

    var addresses: [RegistryAddress] = []
    private var userInfo: String?
    var registers = true
    /// A PEM file of authorities for https; nil: those of this machine.
    var authorities: String?

    /// The name without a converter's prefix; nil if it is none of these.
    static func name(_ name: String) -> String? {
        for prefix in prefixes where name.hasPrefix(prefix) {
            let rest = String(name.dropFirst(prefix.count))
            return names.contains(rest) ? rest : nil
        }
        return names.contains(name) ? name : nil
    }

    /// Takes a property; false if it is none of these. Errors never repeat a secret.
    mutating func set(_ assignment: PropertyAssignment) throws(UsageError) -> Bool {
        guard let name = Self.name(assignment.name) else { return false }
        let value = assignment.value
        switch name {
        case "schema.registry.url":
            let addresses = value.split(separator: ",").map {
                RegistryAddress(String($0).trimmingSpaces)
            }
            let known = addresses.compactMap { $0 }
            guard !known.isEmpty, known.count == addresses.count else {
                throw UsageError(
                    "\(assignment.name) wants http://HOST:PORT, also several with commas")
            }
            self.addresses = known
        case "basic.auth.user.info", "schema.registry.basic.auth.user.info":
            guard value.contains(":") else {
                throw UsageError("\(assignment.name) wants USER:PASSWORD")
            }
            userInfo = value
        case "basic.auth.credentials.source":
            guard ["URL", "USER_INFO"].contains(value) else {
                throw UsageError("\(assignment.name) wants URL or USER_INFO, not \"\(value)\"")
            }
        case "auto.register.schemas":
            guard ["true", "false"].contains(value) else {
                throw UsageError("\(assignment.name) wants true or false, not \"\(value)\"")
            }
            registers = value == "true"
        default: authorities = value
        }
        return true
    }

    /// `user:password` for a server: that of its URL comes first.
    func userInfo(_ address: RegistryAddress) -> String? { address.userInfo ?? userInfo }
}
