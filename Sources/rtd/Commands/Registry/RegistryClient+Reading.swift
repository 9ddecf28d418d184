import Bytes
import ChangeDataCapture
import Formats
import HTTPProtocol

/// A schema as a registry gives it, with those that it rests on.
struct RegisteredSchema {
    /// AVRO, JSON or PROTOBUF.
    let kind: String
    let text: [UInt8]
    /// In the order of their need.
    let references: [[UInt8]]
}

// Schemas by their numbers and subjects.
extension RegistryClient {
    /// References of a schema, and their references.
    private static let referencesMax = 256

    /// nil: the registry has no schema of this number.
    func schema(_ id: UInt32) throws(SchemaRegistrationError) -> RegisteredSchema? {
        try whole("/schemas/ids/\(id)", "schema \(id)")
    }

    /// The last version; nil: the registry has no such subject.
    func latest(_ subject: String) throws(SchemaRegistrationError) -> RegisteredSchema? {
        try whole(
            "/subjects/\(Self.escaped(subject))/versions/latest", "the schema of \"\(subject)\"")
    }

    private func whole(
        _ path: String, _ what: String
    ) throws(SchemaRegistrationError) -> RegisteredSchema? {
        guard let found = try single(path, what) else { return nil }
        var references: [[UInt8]] = []
        var known: Set<String> = []
        try collect(found.references, into: &references, &known)
        return RegisteredSchema(kind: found.kind, text: found.text, references: references)
    }

    private typealias Single = (kind: String, text: [UInt8], references: [SchemaReference])

    private func single(
        _ path: String, _ what: String
    ) throws(SchemaRegistrationError) -> Single? {
        let response = try ask("GET", path, until: deliveryEnd, isFirst: false)
        if response.status == 404 { return nil }
        if let refusal = refusal(response, what) { throw .failed(refusal) }
        let members = JSONMembers.read(response.body)
        guard response.status == 200, let text = members["schema"] else {
            throw .failed(
                "the schema registry at \(place) does not give \(what): \(response.status) "
                    + message(response))
        }
        return (
            members["schemaType"] ?? "AVRO", Array(text.utf8),
            SchemaReference.list(members["references"] ?? "[]")
        )
    }

    private func collect(
        _ wanted: [SchemaReference], into texts: inout [[UInt8]], _ known: inout Set<String>
    ) throws(SchemaRegistrationError) {
        for reference in wanted {
            let path =
                "/subjects/\(Self.escaped(reference.subject))/versions/\(reference.version)"
            guard known.insert(path).inserted, known.count <= Self.referencesMax else { continue }
            let what = "version \(reference.version) of \"\(reference.subject)\""
            guard let found = try single(path, what) else {
                throw .failed("the schema registry at \(place) does not have \(what)")
            }
            try collect(found.references, into: &texts, &known)
            texts.append(found.text)
        }
    }

    /// As one part of a path.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }
}

/// A schema that another one names types of.
private struct SchemaReference {
    let subject: String
    let version: Int

    static func list(_ text: String) -> [SchemaReference] {
        let bytes = Array(text.utf8)
        var cursor = JSONCursor(bytes.rawSpan)
        var found: [SchemaReference] = []
        do throws(FormatError) {
            try cursor.enterArray()
            while try cursor.nextElement() {
                let members = JSONMembers.read(Array(bytes[try cursor.skip()]))
                guard let subject = members["subject"],
                    let version = members["version"].flatMap(Int.init)
                else { continue }
                found.append(SchemaReference(subject: subject, version: version))
            }
        } catch {
            return []
        }
        return found
    }
}
