import ChangeDataCapture
import Formats

/// The schemas of one registry that the statements of a call have needed. Used by the session's
/// thread; `stop` from any.
final class SchemaBook: @unchecked Sendable {
    /// How the bytes behind a schema's number are written.
    enum Form {
        case avro(AvroReadingSchema)
        case json
    }

    private let client: RegistryClient
    private let retry: Duration?
    private var isReached = false
    /// nil: the registry does not have it.
    private var known: [UInt32: Form?] = [:]

    init(_ client: RegistryClient, retry: Duration?) {
        self.client = client
        self.retry = retry
    }

    var place: String { client.place }

    func stop() { client.stop() }

    /// nil: the registry has no schema of this number. The error is for people.
    func form(_ id: UInt32) throws(ConsumeError) -> Form? {
        if let form = known[id] { return form }
        let found = try ask { client throws(SchemaRegistrationError) in try client.schema(id) }
        var made: Form?
        if let found { made = try form(found, "schema \(id)") }
        known.updateValue(made, forKey: id)
        return made
    }

    /// Of the values of a topic, if they are Avro and its subject has the usual name.
    func newest(ofTopic topic: String) throws(ConsumeError) -> AvroReadingSchema? {
        let subject = "\(topic)-value"
        let found = try ask { client throws(SchemaRegistrationError) in
            try client.latest(subject)
        }
        guard let found, found.kind == "AVRO" else { return nil }
        guard case .avro(let schema) = try form(found, "the schema of \"\(subject)\"") else {
            return nil
        }
        return schema
    }

    private func form(
        _ schema: RegisteredSchema, _ name: String
    ) throws(ConsumeError) -> Form {
        switch schema.kind {
        case "JSON": return .json
        case "AVRO":
            do throws(FormatError) {
                return .avro(try AvroReadingSchema(schema.text, references: schema.references))
            } catch {
                throw .message("\(name) of the schema registry at \(place) is broken: \(error)")
            }
        case let other:
            throw .message(
                "\(name) of the schema registry at \(place) is \(other), which is not read")
        }
    }

    private func ask<Value>(
        _ question: (RegistryClient) throws(SchemaRegistrationError) -> Value
    ) throws(ConsumeError) -> Value {
        if !isReached {
            do throws(CommandFailure) {
                try client.connect(retry: retry)
            } catch {
                throw .message(error.message)
            }
            isReached = true
        }
        do throws(SchemaRegistrationError) {
            return try question(client)
        } catch {
            switch error {
            case .failed(let reason): throw .message(reason)
            case .stopped:
                throw .message("interrupted while the schema registry at \(place) was asked")
            }
        }
    }
}
